//! Digests of files that did not change since they were hashed.
//!
//! [`HashCache::hash_files`] stands where [`tree::hash_files`](crate::tree::hash_files) would, and reads
//! only files whose [`FileStamp`] it does not know. Each tree has one file of stamps and digests,
//! which holds what the tree's last run saw and no more. It is never needed: whatever is wrong
//! with it makes it absent. Why a stamp may be believed is in
//! `docs/decisions/0004-digests-are-remembered-by-stamp.md`.

mod directory;
mod file;
mod hashed;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::slice::ParallelSliceMut;

use crate::monitor::{Level, Monitor, Progress, error_chain};
use crate::tree::{FileId, FileIndex, FileList, FileStamp, TreeRoot, extents_of};

pub use self::directory::CacheStat;
use self::file::{Known, Reader};
pub use self::hashed::{HashedFiles, TellDigests};

/// The remembered digests of a user.
#[derive(Clone, Debug)]
pub struct HashCache {
    directory: PathBuf,
    /// Only files that have not changed for this long are remembered.
    settle: Duration,
    /// Whether file systems that may change a file without changing its stamp are taken, too.
    any_file_system: bool,
    /// Up to this many files are held in memory; more are read as needed.
    most_held: u64,
}

/// The usual [`HashCache::most_held`].
const MOST_HELD: u64 = 500_000;

/// Longer than the system takes to write changed pages to disk. Until it has, a program that has
/// mapped the file into its memory can change it again without a new time.
const SETTLE: Duration = Duration::from_secs(60);

impl HashCache {
    /// The remembered digests below a user's cache directory `cache`.
    pub fn new(cache: &Path) -> Self {
        Self {
            directory: cache.join("digests"),
            settle: SETTLE,
            any_file_system: false,
            most_held: MOST_HELD,
        }
    }

    /// What is known of the tree `root` from the last time: nothing at all if there is any damage.
    ///
    /// Memory is about 100 bytes a file, and nothing for trees of more than 500,000.
    pub fn recall(&self, root: &TreeRoot, monitor: &dyn Monitor) -> Recalled {
        let opened = directory::path_for(&self.directory, root)
            .and_then(|path| directory::open(&self.directory, &path))
            .and_then(Reader::new)
            .and_then(|reader| Recalled::new(reader, self.most_held));
        opened.unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                let directory = self.directory.display();
                let text = format!(
                    "what {directory} holds is not used: {}",
                    error_chain(&error)
                );
                monitor.message(Level::Detail, &text);
            }
            Recalled::default()
        })
    }

    /// The digests of `files`, all in the tree `root`, of which `recalled` is known. What is read is
    /// remembered for the next time. Each digest is passed to `tell` as soon as it is known.
    ///
    /// Memory beyond that of the result and of hashing is about 16 bytes a file.
    pub fn hash_files<F: FileList + ?Sized>(
        &self,
        root: &TreeRoot,
        files: &F,
        recalled: Recalled,
        progress: &Progress<'_>,
        tell: &TellDigests<'_>,
        monitor: &dyn Monitor,
    ) -> HashedFiles {
        let began = SystemTime::now();
        let mut hashed = HashedFiles::new(files.count());
        let order = Order::new(root, files, self.any_file_system);
        let joined = order.join(root, files, recalled, &mut hashed);
        let stored = joined.unwrap_or_else(|error| {
            let text = format!("remembered digests are not used: {}", error_chain(&error));
            monitor.message(Level::Detail, &text);
            hashed = HashedFiles::new(files.count());
            Stored::default()
        });
        let unknown = hashed.unknown();
        hashed.cached_files = (files.count() - unknown.len()) as u64;
        let text = format!(
            "{} of {} files are as they were when they were hashed",
            hashed.cached_files,
            files.count()
        );
        monitor.message(Level::Detail, &text);
        progress.advance(stored.known_bytes);
        hashed.tell_cached(tell);
        hashed.read(root, files, unknown, progress, tell);
        let is_kept = |number: FileIndex| {
            hashed.is_cached(number) || is_settled(files, number, began, self.settle)
        };
        if let Err(error) = self.keep(root, files, &order, &hashed, &stored, &is_kept) {
            let text = format!(
                "digests are not remembered in {}: {}",
                self.directory.display(),
                error_chain(&error)
            );
            monitor.message(Level::Detail, &text);
        }
        hashed
    }

    /// Stores what is known now, if it differs from `stored`.
    fn keep<F: FileList + ?Sized>(
        &self,
        root: &TreeRoot,
        files: &F,
        order: &Order,
        hashed: &HashedFiles,
        stored: &Stored,
        is_kept: &dyn Fn(FileIndex) -> bool,
    ) -> io::Result<()> {
        let path = directory::path_for(&self.directory, root)?;
        let new = || order.known(files, hashed, is_kept);
        let is_same = |count: u64| count == stored.files && count == hashed.cached_files;
        // If all are known, they are those that are kept, but for further names of one file.
        let count = if stored.is_current && is_same(files.count() as u64) {
            stored.files
        } else {
            new().count() as u64
        };
        if stored.is_current && is_same(count) {
            if count > 0 {
                directory::mark_used(&path)?;
            }
        } else if count > 0 {
            directory::create(&self.directory)?;
            file::write(&path, root.id()?, count, new())?;
            directory::remove_old(&self.directory)?;
        }
        Ok(())
    }

    /// What the cache holds.
    pub fn stat(&self) -> io::Result<CacheStat> {
        directory::stat(&self.directory)
    }

    /// Forgets everything; returns what was removed.
    pub fn clean(&self) -> io::Result<CacheStat> {
        directory::clean(&self.directory)
    }
}

/// What a cache held of some files.
#[derive(Default)]
struct Stored {
    /// How many files it holds.
    files: u64,
    /// The sizes of those that are known by it.
    known_bytes: u64,
    /// Whether it says of each that is known what a new one would.
    is_current: bool,
}

/// What is known of a tree from the last time.
#[derive(Default)]
pub struct Recalled {
    /// Sorted by file.
    held: Vec<Known>,
    /// What was not read for `held`.
    rest: Option<Reader>,
    files: u64,
}

impl Recalled {
    fn new(mut reader: Reader, most_held: u64) -> io::Result<Self> {
        let files = reader.entries();
        let mut held = Vec::new();
        if files > most_held {
            let rest = Some(reader);
            return Ok(Self { held, rest, files });
        }
        while let Some(known) = reader.next_known()? {
            held.push(known);
        }
        Ok(Self {
            held,
            rest: None,
            files,
        })
    }

    /// Whether the file of this stamp is known to have no extended attributes: whoever sets one
    /// changes the change time.
    pub fn is_plain(&self, stamp: &FileStamp) -> bool {
        let place = self.held.binary_search_by_key(&stamp.id, |it| it.stamp.id);
        place.is_ok_and(|place| {
            let known = &self.held[place];
            known.is_plain && known.stamp == *stamp
        })
    }

    /// What is known, by file.
    fn into_known(self) -> impl Iterator<Item = io::Result<Known>> {
        let mut rest = self.rest;
        let read = std::iter::from_fn(move || rest.as_mut()?.next_known().transpose());
        self.held.into_iter().map(Ok).chain(read)
    }
}

/// Whether a file's last change was so long ago that any later one gives another stamp.
fn is_settled<F: FileList + ?Sized>(
    files: &F,
    number: FileIndex,
    now: SystemTime,
    settle: Duration,
) -> bool {
    let Some(FileStamp { ctime, .. }) = files.stamp(number) else {
        return false;
    };
    let Ok(seconds) = u64::try_from(ctime.seconds) else {
        return false;
    };
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::new(seconds, ctime.nanoseconds))
        .and_then(|changed| now.duration_since(changed).ok())
        .is_some_and(|age| age >= settle)
}

/// The files that can be remembered, in the order of a cache.
struct Order {
    devices: Vec<u64>,
    /// The place of the device, the inode, and the number of each.
    files: Vec<(u32, u64, FileIndex)>,
}

impl Order {
    fn new<F: FileList + ?Sized>(root: &TreeRoot, files: &F, any_file_system: bool) -> Self {
        let mut places: HashMap<u64, Option<u32>> = HashMap::new();
        let mut devices = Vec::new();
        // Most files are on the device of the one before.
        let mut last = None;
        let mut order = Vec::with_capacity(files.count());
        for number in (0..files.count()).map(FileIndex::from) {
            let Some(FileStamp { id, .. }) = files.stamp(number) else {
                continue;
            };
            let place = match last {
                Some((device, place)) if device == id.device => place,
                _ => *places.entry(id.device).or_insert_with(|| {
                    let kind = || root.file_system(&files.path(number));
                    let can = any_file_system || kind().is_ok_and(directory::keeps_stamps);
                    devices.push(id.device);
                    u32::try_from(devices.len() - 1).ok().filter(|_| can)
                }),
            };
            last = Some((id.device, place));
            if let Some(place) = place {
                order.push((place, id.inode, number));
            }
        }
        let by_file = |(place, inode, number): &(u32, u64, FileIndex)| {
            (devices[*place as usize], *inode, *number)
        };
        if devices.len() == 1 {
            order.par_sort_unstable_by_key(|(_, inode, number)| (*inode, *number));
        } else {
            order.par_sort_unstable_by_key(by_file);
        }
        Self {
            devices,
            files: order,
        }
    }

    /// The files, by what file they are.
    fn iter(&self) -> impl Iterator<Item = (FileId, FileIndex)> + '_ {
        self.files.iter().map(|(place, inode, number)| {
            let id = FileId {
                device: self.devices[*place as usize],
                inode: *inode,
            };
            (id, *number)
        })
    }

    /// Takes over the recalled digests of `files`.
    fn join<F: FileList + ?Sized>(
        &self,
        root: &TreeRoot,
        files: &F,
        recalled: Recalled,
        hashed: &mut HashedFiles,
    ) -> io::Result<Stored> {
        let mut stored = Stored {
            files: recalled.files,
            known_bytes: 0,
            is_current: true,
        };
        let mut rest = self.iter().peekable();
        for known in recalled.into_known() {
            let known = known?;
            while rest.next_if(|(id, _)| *id < known.stamp.id).is_some() {}
            while let Some((_, number)) = rest.next_if(|(id, _)| *id == known.stamp.id) {
                if files.stamp(number) != Some(known.stamp) {
                    continue;
                }
                // Where a sparse file has data is asked again, which takes no reading.
                let extents = if known.is_sparse {
                    extents_of(root, files, number)
                } else {
                    Ok(None)
                };
                stored.is_current &= known.is_plain == files.is_plain(number);
                stored.known_bytes = stored.known_bytes.saturating_add(known.stamp.size);
                hashed.set_cached(number, known.sha256, extents);
            }
        }
        Ok(stored)
    }

    /// What is to be remembered, each file once.
    fn known<'a, F: FileList + ?Sized>(
        &'a self,
        files: &'a F,
        hashed: &'a HashedFiles,
        is_kept: &'a dyn Fn(FileIndex) -> bool,
    ) -> impl Iterator<Item = Known> + 'a {
        let mut last = None;
        self.iter().filter_map(move |(id, number)| {
            let (sha256, extents) = hashed.content(number)?;
            if !is_kept(number) || last.replace(id) == Some(id) {
                return None;
            }
            Some(Known {
                stamp: files.stamp(number)?,
                is_sparse: extents.is_some(),
                is_plain: files.is_plain(number),
                sha256,
            })
        })
    }
}
