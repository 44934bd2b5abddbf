//! The directory that holds snapshots.
//!
//! ```text
//! DEST/NAME/2026-01-31-120000/     a snapshot: a plain tree
//! DEST/NAME/.hashget-partial-…     one that is being made or removed
//! DEST/.hashget-snapshots/         what this program remembers; a cache
//! ```

use hashget_files::private::{create_shared_directory, open_own, tighten_directory};
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use hashget_words::rel_path::RelPath;
use rustix::io::Errno;

use super::error::SnapshotError;
use super::name::{SnapshotId, SnapshotName, Stamp};
use super::remove::remove_tree;
use hashget_files::file_lock::{LockAttempt, LockFile};
use hashget_files::tree::{FileId, TreeRoot, id_of, status_of};

/// The directory of this program's own files.
pub(super) const OWN_DIRECTORY: &str = ".hashget-snapshots";
/// How the names of incomplete trees begin; 16 hexadecimal digits follow.
pub(super) const PARTIAL_PREFIX: &str = ".hashget-partial-";
/// How the names of incomplete files begin.
pub(super) const TEMP_PREFIX: &str = ".hashget-tmp-";

/// A directory that holds snapshots.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    root: TreeRoot,
    id: FileId,
}

/// Keeps other runs away until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: LockFile<File>,
}

impl Destination {
    /// Opens a destination.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let root = TreeRoot::open(path)?;
        let directory = root
            .open_directory(&RelPath::root())
            .map_err(SnapshotError::io("open", path))?;
        let status = status_of(&directory).map_err(SnapshotError::io("look at", path))?;
        Ok(Self {
            path: path.to_owned(),
            root,
            id: id_of(&status),
        })
    }

    /// Opens a destination, making the directory if it is missing.
    pub fn open_or_make(path: &Path) -> Result<Self, SnapshotError> {
        create_shared_directory(path).map_err(SnapshotError::io("make the directory", path))?;
        Self::open(path)
    }

    /// The destination and the snapshot that `path` is, or lies in, with the rest of the path.
    pub fn find(path: &Path) -> Result<(Self, SnapshotId, RelPath), SnapshotError> {
        let no_snapshot = || SnapshotError::NoSnapshot {
            path: path.to_owned(),
        };
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let directory = fs::canonicalize(parent.unwrap_or(Path::new(".")))
            .map_err(SnapshotError::io("find", path))?;
        // The last name may be a symbolic link in the snapshot.
        let whole = match path.file_name() {
            Some(name) => directory.join(name),
            None => fs::canonicalize(path).map_err(SnapshotError::io("find", path))?,
        };
        let candidates = whole.ancestors().filter_map(|at| {
            let stamp: Stamp = at.file_name()?.to_str()?.parse().ok()?;
            let name: SnapshotName = at.parent()?.file_name()?.to_str()?.parse().ok()?;
            let destination = at.parent()?.parent()?;
            Some((destination, SnapshotId { name, stamp }, at))
        });
        let candidates: Vec<_> = candidates.collect();
        let ours = candidates
            .iter()
            .find(|(destination, ..)| destination.join(OWN_DIRECTORY).is_dir());
        let (destination, id, at) = ours.or(candidates.last()).ok_or_else(no_snapshot)?;
        let below = whole.strip_prefix(at).map_err(|_| no_snapshot())?;
        let below = RelPath::from_path(below).map_err(|_| no_snapshot())?;
        let destination = Self::open(destination)?;
        if !destination.path_of(id).is_dir() {
            return Err(no_snapshot());
        }
        Ok((destination, id.clone(), below))
    }

    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a snapshot lies.
    pub fn path_of(&self, id: &SnapshotId) -> PathBuf {
        self.path.join(id.to_string())
    }

    /// All snapshots, by name and time. With `name` only those of one row.
    pub fn snapshots(&self, name: Option<&SnapshotName>) -> Result<Vec<SnapshotId>, SnapshotError> {
        let mut found = Vec::new();
        for row in directories_in(&self.path)? {
            let Ok(row) = row.parse::<SnapshotName>() else {
                continue;
            };
            if name.is_some_and(|name| *name != row) {
                continue;
            }
            for stamp in directories_in(&self.path.join(row.as_str()))? {
                if let Ok(stamp) = stamp.parse() {
                    let name = row.clone();
                    found.push(SnapshotId { name, stamp });
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// The open directory.
    pub(super) fn root(&self) -> &TreeRoot {
        &self.root
    }

    /// Which directory it is.
    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// Where this program's own file `name` lies.
    pub(super) fn own(&self, name: &str) -> PathBuf {
        self.path.join(OWN_DIRECTORY).join(name)
    }

    /// Keeps other runs away; makes the directory for own files.
    pub(super) fn lock(&self) -> Result<Lock, SnapshotError> {
        let directory = self.path.join(OWN_DIRECTORY);
        fs::create_dir_all(&directory)
            .map_err(SnapshotError::io("make the directory", &directory))?;
        let path = self.own("lock");
        tighten_directory(&directory).map_err(SnapshotError::io("tighten", &directory))?;
        let file = open_own(&path).map_err(SnapshotError::io("open", &path))?;
        let file = LockFile::new(file);
        let attempt = file.try_lock().map_err(SnapshotError::io("lock", &path))?;
        if attempt == LockAttempt::Busy {
            let mut process = String::new();
            let known = (&*file).take(20).read_to_string(&mut process).is_ok();
            let process = Some(process.trim()).filter(|text| known && !text.is_empty());
            return Err(SnapshotError::Locked {
                path: self.path.clone(),
                process: process.map_or(String::new(), |id| format!(" (process {id})")),
            });
        }
        let written = file
            .set_len(0)
            .and_then(|()| (&*file).rewind())
            .and_then(|()| writeln!(&*file, "{}", std::process::id()));
        written.map_err(SnapshotError::io("write", &path))?;
        Ok(Lock { _file: file })
    }

    /// Removes what killed runs left; gives how many trees that were. Needs the lock.
    pub(super) fn clean(&self, _lock: &Lock) -> Result<u64, SnapshotError> {
        let mut removed = 0;
        let own = self.path.join(OWN_DIRECTORY);
        let rows = directories_in(&self.path)?.into_iter();
        let rows = rows.filter(|row| row.parse::<SnapshotName>().is_ok());
        let rows = rows.map(|row| self.path.join(row));
        for row in rows.chain([own.join("packages"), own]) {
            for name in directories_in(&row)? {
                if is_partial(&name) {
                    remove_partial(&row.join(&name))?;
                    removed += 1;
                }
            }
            remove_temps(&row)?;
        }
        Ok(removed)
    }

    /// Removes a snapshot: first its name, then what is in it.
    pub(super) fn remove(&self, id: &SnapshotId, _lock: &Lock) -> Result<(), SnapshotError> {
        let path = self.path_of(id);
        let row = self.path.join(id.name.as_str());
        let partial = row.join(partial_name()?);
        fs::rename(&path, &partial).map_err(SnapshotError::io("remove", &path))?;
        sync_directory(&row)?;
        for beside in [self.sums_path(id), self.own(&format!("{id}.separate"))] {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SnapshotError::io("remove", beside)(error));
                }
                _ => {}
            }
        }
        remove_partial(&partial)
    }

    /// Where the list of a snapshot's digests lies, for `sha256sum -c`.
    pub fn sums_path(&self, id: &SnapshotId) -> PathBuf {
        self.path.join(format!("{id}.SHA256SUMS"))
    }
}

/// Removes the incomplete tree at `path`.
pub(super) fn remove_partial(path: &Path) -> Result<(), SnapshotError> {
    remove_tree(path).map_err(SnapshotError::io("remove", path))
}

/// A new name for an incomplete tree.
pub(super) fn partial_name() -> Result<String, SnapshotError> {
    let mut random = [0; 8];
    let source = "/dev/urandom";
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(SnapshotError::io("read", source))?;
    Ok(format!(
        "{PARTIAL_PREFIX}{:016x}",
        u64::from_ne_bytes(random)
    ))
}

/// Whether an incomplete tree is called so.
pub(super) fn is_partial(name: &str) -> bool {
    name.strip_prefix(PARTIAL_PREFIX)
        .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|d| d.is_ascii_hexdigit()))
}

/// Forces a directory's names to disk.
pub(super) fn sync_directory(path: &Path) -> Result<(), SnapshotError> {
    let directory = File::open(path).map_err(SnapshotError::io("open", path))?;
    match rustix::fs::fsync(directory.as_fd()) {
        Ok(()) | Err(Errno::INVAL | Errno::BADF) => Ok(()),
        Err(error) => Err(SnapshotError::io("force to disk", path)(error)),
    }
}

/// Removes the files in `directory` that never got their names.
fn remove_temps(directory: &Path) -> Result<(), SnapshotError> {
    let failed = || SnapshotError::io("clean", directory);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed())?,
    };
    for entry in entries {
        let entry = entry.map_err(failed())?;
        let is_temp = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(TEMP_PREFIX.as_bytes());
        if is_temp && entry.file_type().map_err(failed())?.is_file() {
            fs::remove_file(entry.path()).map_err(failed())?;
        }
    }
    Ok(())
}

/// The names of the directories in `path` that are text, sorted; none if it is missing.
fn directories_in(path: &Path) -> Result<Vec<String>, SnapshotError> {
    let failed = || SnapshotError::io("list", path);
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed())?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed())?;
        let is_directory = entry.file_type().map_err(failed())?.is_dir();
        if let (true, Ok(name)) = (is_directory, entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Where the package cache lies in a destination.
pub(super) fn packages_path() -> RelPath {
    let path = format!("{OWN_DIRECTORY}/packages");
    RelPath::new(path.as_bytes()).unwrap_or_default()
}
