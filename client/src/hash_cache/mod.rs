//! Digests of files that did not change since they were hashed.
//!
//! [`HashCache::hash_files`] stands where [`tree::hash_files`](crate::tree::hash_files) would, and reads
//! only files whose [`FileStamp`] it does not know. Each tree has one file of stamps and digests,
//! which holds what the tree's last run saw and no more. It is never needed: whatever is wrong
//! with it makes it absent. Why a stamp may be believed is in
//! `docs/decisions/0004-digests-are-remembered-by-stamp.md`.

mod file;
mod folder;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hashget_common::digest::Digest;

use crate::monitor::{Level, Monitor, Progress, error_chain};
use crate::tree::{
    FileId, FileStamp, HashError, HashedFile, TreeEntry, TreeRoot, extents_of, hash_files,
};

use self::file::{Known, Reader};
pub use self::folder::CacheStat;

/// The remembered digests of a user.
#[derive(Clone, Debug)]
pub struct HashCache {
    folder: PathBuf,
    /// Only files that did not change for so long are remembered.
    settle: Duration,
    /// Whether file systems that may change a file without changing its stamp are taken, too.
    any_file_system: bool,
}

/// Longer than the system takes to write changed pages to disk. Until it has, a program that has
/// mapped the file into its memory can change it again without a new time.
const SETTLE: Duration = Duration::from_secs(60);

/// The digests of files.
#[derive(Debug)]
pub struct HashedFiles {
    /// For every file, in order.
    pub results: Vec<Result<HashedFile, HashError>>,
    /// How many of them were not read.
    pub cached_files: u64,
}

impl HashCache {
    /// The remembered digests below a user's cache folder `cache`.
    pub fn new(cache: &Path) -> Self {
        Self {
            folder: cache.join("digests"),
            settle: SETTLE,
            any_file_system: false,
        }
    }

    /// The digests of `files`, all in the tree `root`. What is read is remembered for the next time.
    ///
    /// Memory beyond that of the result and of hashing is about 16 bytes a file.
    pub fn hash_files(
        &self,
        root: &TreeRoot,
        files: &[&TreeEntry],
        progress: &Progress<'_>,
        monitor: &dyn Monitor,
    ) -> HashedFiles {
        let began = SystemTime::now();
        let order = Order::new(root, files, self.any_file_system);
        let path = folder::path_for(&self.folder, root);
        let Recalled {
            known,
            stored_files,
        } = match &path {
            Ok(path) => self.recall(path, files, &order, monitor),
            Err(_) => Recalled::nothing(files),
        };
        let unknown: Vec<&TreeEntry> = (files.iter().zip(&known))
            .filter(|(_, known)| known.is_none())
            .map(|(file, _)| *file)
            .collect();
        let cached_files = (files.len() - unknown.len()) as u64;
        let text = format!(
            "{cached_files} of {} files are as they were when they were hashed",
            files.len()
        );
        monitor.message(Level::Detail, &text);
        let mut read = hash_files(root, &unknown, progress).into_iter();
        drop(unknown);
        let is_kept: Vec<bool> = (files.iter().zip(&known))
            .map(|(file, known)| known.is_some() || is_settled(file, began, self.settle))
            .collect();
        let result = |(file, known): (&&TreeEntry, Option<Remembered>)| match known {
            Some(known) => {
                progress.advance(file.stamp().map_or(0, |stamp| stamp.size));
                known.hashed(root, file)
            }
            None => read.next().unwrap_or(Err(HashError::Changed)),
        };
        let results: Vec<_> = files.iter().zip(known).map(result).collect();
        let kept = path.and_then(|path| {
            let new = order.known(files, &results, &is_kept);
            let count = new.clone().count() as u64;
            if count == stored_files && count == cached_files {
                if count > 0 {
                    folder::mark_used(&path)?;
                }
            } else if count > 0 {
                folder::create(&self.folder)?;
                file::write(&path, root.id()?, count, new)?;
                folder::remove_old(&self.folder)?;
            }
            Ok(())
        });
        if let Err(error) = kept {
            let text = format!(
                "digests are not remembered in {}: {}",
                self.folder.display(),
                error_chain(&error)
            );
            monitor.message(Level::Detail, &text);
        }
        HashedFiles {
            results,
            cached_files,
        }
    }

    /// What is known of `files`; nothing at all if there is any damage.
    fn recall(
        &self,
        path: &Path,
        files: &[&TreeEntry],
        order: &Order,
        monitor: &dyn Monitor,
    ) -> Recalled {
        let reader = match folder::open(&self.folder, path) {
            Ok(file) => Reader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Recalled::nothing(files);
            }
            Err(error) => Err(error),
        };
        let joined = reader.and_then(|mut reader| order.join(files, &mut reader));
        joined.unwrap_or_else(|error| {
            let text = format!("{} is not used: {}", path.display(), error_chain(&error));
            monitor.message(Level::Detail, &text);
            Recalled::nothing(files)
        })
    }

    /// What the cache holds.
    pub fn stat(&self) -> io::Result<CacheStat> {
        folder::stat(&self.folder)
    }

    /// Forgets everything; gives what was there.
    pub fn clean(&self) -> io::Result<CacheStat> {
        folder::clean(&self.folder)
    }
}

/// What a cache tells of some files.
struct Recalled {
    /// For every file.
    known: Vec<Option<Remembered>>,
    /// How many files the cache holds.
    stored_files: u64,
}

impl Recalled {
    fn nothing(files: &[&TreeEntry]) -> Self {
        Self {
            known: vec![None; files.len()],
            stored_files: 0,
        }
    }
}

/// What is known of a file whose stamp is the known one.
#[derive(Clone, Copy)]
struct Remembered {
    sha256: Digest,
    is_sparse: bool,
}

impl Remembered {
    /// Where a sparse file has data is asked again, which takes no reading.
    fn hashed(self, root: &TreeRoot, file: &TreeEntry) -> Result<HashedFile, HashError> {
        let extents = if self.is_sparse {
            extents_of(root, file)?
        } else {
            None
        };
        Ok(HashedFile {
            sha256: self.sha256,
            extents,
        })
    }
}

/// Whether a file's last change was so long ago that any later one gives another stamp.
fn is_settled(file: &TreeEntry, now: SystemTime, settle: Duration) -> bool {
    let ctime = file.metadata.ctime;
    let Ok(seconds) = u64::try_from(ctime.seconds) else {
        return false;
    };
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::new(seconds, ctime.nanoseconds))
        .and_then(|changed| now.duration_since(changed).ok())
        .is_some_and(|age| age >= settle)
}

/// The places of the files that can be remembered, in the order of a cache.
struct Order(Vec<(FileId, usize)>);

impl Order {
    fn new(root: &TreeRoot, files: &[&TreeEntry], any_file_system: bool) -> Self {
        let mut devices: HashMap<u64, bool> = HashMap::new();
        let mut order = Vec::with_capacity(files.len());
        for (place, file) in files.iter().enumerate() {
            let Some(FileStamp { id, .. }) = file.stamp() else {
                continue;
            };
            let can = *devices.entry(id.device).or_insert_with(|| {
                any_file_system || root.file_system(&file.path).is_ok_and(folder::keeps_stamps)
            });
            if can {
                order.push((id, place));
            }
        }
        order.sort_unstable();
        Self(order)
    }

    /// Which of `files` the reader knows.
    fn join(&self, files: &[&TreeEntry], reader: &mut Reader) -> io::Result<Recalled> {
        let mut recalled = Recalled::nothing(files);
        recalled.stored_files = reader.entries();
        let mut rest = self.0.iter().peekable();
        let mut last = None;
        while let Some(known) = reader.next_known()? {
            if last.is_some_and(|last| known.stamp.id <= last) {
                return Err(io::Error::other("its entries are not in order"));
            }
            last = Some(known.stamp.id);
            while rest.next_if(|(id, _)| *id < known.stamp.id).is_some() {}
            while let Some((_, place)) = rest.next_if(|(id, _)| *id == known.stamp.id) {
                if files[*place].stamp() == Some(known.stamp) {
                    recalled.known[*place] = Some(Remembered {
                        sha256: known.sha256,
                        is_sparse: known.is_sparse,
                    });
                }
            }
        }
        Ok(recalled)
    }

    /// What is to be remembered, each file once.
    fn known<'a>(
        &'a self,
        files: &'a [&TreeEntry],
        results: &'a [Result<HashedFile, HashError>],
        is_kept: &'a [bool],
    ) -> impl Iterator<Item = Known> + Clone + 'a {
        let mut last = None;
        self.0.iter().filter_map(move |(id, place)| {
            let hashed = results[*place].as_ref().ok()?;
            if !is_kept[*place] || last.replace(*id) == Some(*id) {
                return None;
            }
            Some(Known {
                stamp: files[*place].stamp()?,
                is_sparse: hashed.extents.is_some(),
                sha256: hashed.sha256,
            })
        })
    }
}
