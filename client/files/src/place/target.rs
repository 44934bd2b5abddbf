//! The directory that is restored into, and the directories below it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use hashget_words::rel_path::RelPath;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat, unlinkat,
};
use rustix::io::Errno;
use thiserror::Error;

use crate::file_lock::{LockAttempt, LockFile};

/// Paths longer than this are opened in pieces; the kernel takes 4095 bytes.
const MAX_PIECE: usize = 3000;

/// Why something could not be placed.
#[derive(Debug, Error)]
#[error("cannot {act}")]
pub struct PlaceError {
    /// What was tried.
    pub act: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

impl PlaceError {
    /// Makes the error of a failed `act`.
    pub fn to<E: Into<io::Error>>(act: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self {
            act,
            source: source.into(),
        }
    }

    /// An error that no system call gave.
    pub fn because(act: &'static str, why: &'static str) -> Self {
        Self {
            act,
            source: io::Error::other(why),
        }
    }

    /// The error of a place that something of another kind has.
    pub fn in_the_way(act: &'static str, what: InTheWay) -> Self {
        Self {
            act,
            source: io::Error::other(what),
        }
    }

    /// True if something of another kind has the name; what the user can do about that differs
    /// from other failures.
    pub fn is_in_the_way(&self) -> bool {
        let cause = self.source.get_ref();
        matches!(cause, Some(cause) if cause.is::<InTheWay>())
    }
}

/// Something that has the place of a thing of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InTheWay {
    /// A directory where something else belongs.
    #[error("a directory has its name")]
    Directory,
    /// The same, and it is not empty, so that it is never replaced.
    #[error("a directory that is not empty has its name")]
    FullDirectory,
    /// Something else where a directory belongs.
    #[error("something in its path is a symbolic link or no directory")]
    NoDirectory,
}

/// True if a path could not be opened because something in it is a symbolic link or no directory.
pub fn is_no_directory(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::LOOP | Errno::NOTDIR | Errno::XDEV))
}

/// Whether an error will come again for every other file: the disk is full, read-only or broken.
pub fn is_hopeless(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .map(Errno::from_raw_os_error)
        .is_some_and(|errno| {
            [
                Errno::NOSPC,
                Errno::DQUOT,
                Errno::ROFS,
                Errno::IO,
                Errno::NFILE,
            ]
            .contains(&errno)
        })
}

/// The directory that is restored into.
///
/// Paths below it are resolved without following symbolic links, so whatever anybody plants or
/// swaps in there, nothing outside is reached.
#[derive(Debug)]
pub struct Target {
    root: LockFile<OwnedFd>,
    path: PathBuf,
    has_openat2: AtomicBool,
}

impl Target {
    /// Opens the directory at `path`, which may itself be reached through symbolic links: its name
    /// is the user's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = rustix::fs::open(path, directory_flags(), Mode::empty())?;
        Ok(Self {
            root: LockFile::new(root),
            path: path.to_owned(),
            has_openat2: AtomicBool::new(true),
        })
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root itself.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Takes the directory for one restore, until this is dropped; `false` if another has it.
    pub fn lock(&self) -> io::Result<bool> {
        // Without locks two restores at once only cost time.
        Ok(self.root.try_lock()? != LockAttempt::Busy)
    }

    /// Opens the directory `path`.
    ///
    /// A directory that may not be listed is opened for its path only.
    pub fn directory(&self, path: &RelPath) -> io::Result<OwnedFd> {
        match self.open_beneath(path, directory_flags()) {
            Err(Errno::ACCESS) => Ok(self.open_beneath(path, path_flags())?),
            other => Ok(other?),
        }
    }

    /// Opens the directory `name` in `parent`, as [`directory`](Self::directory) does.
    pub(super) fn directory_in(&self, parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
        match self.open_piece(parent, name, directory_flags()) {
            Err(Errno::ACCESS) => Ok(self.open_piece(parent, name, path_flags())?),
            other => Ok(other?),
        }
    }

    /// Opens the file `path` for reading. The access time stays, where that may be asked.
    pub fn file(&self, path: &RelPath) -> io::Result<std::fs::File> {
        let Some((directory, name)) = self.parent(path)? else {
            return Err(Errno::ISDIR.into());
        };
        // Not blocking, because it may have become a FIFO meanwhile.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat(&directory, name, flags | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => openat(&directory, name, flags, Mode::empty()),
            other => other,
        }?;
        Ok(fd.into())
    }

    /// What is at `path`, if anything. The path of a missing directory is nothing, too.
    pub fn stat(&self, path: &RelPath) -> io::Result<Option<Stat>> {
        let found = match self.parent(path) {
            Ok(None) => rustix::fs::fstat(&self.root).map_err(io::Error::from),
            Ok(Some((directory, name))) => {
                statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
            }
            Err(error) => Err(error),
        };
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the regular file `path`, if there is one, and the directory below the root that is empty
    /// then.
    pub(super) fn remove_file(&self, path: &RelPath) -> io::Result<()> {
        let missing =
            |error: &io::Error| error.kind() == io::ErrorKind::NotFound || is_no_directory(error);
        let (directory, name) = match self.parent(path) {
            Ok(Some(place)) => place,
            Ok(None) => return Ok(()),
            Err(error) if missing(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                unlinkat(&directory, name, AtFlags::empty())?;
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let above = path.parent().filter(|parent| !parent.is_root());
        let Some(above) = above else {
            return Ok(());
        };
        let Some((directory, name)) = self.parent(&above)? else {
            return Ok(());
        };
        match unlinkat(&directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory of `path`, opened, and the last name; `None` for the root.
    fn parent<'p>(&self, path: &'p RelPath) -> io::Result<Option<(OwnedFd, &'p OsStr)>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        let directory = self.open_beneath(&parent, path_flags())?;
        Ok(Some((directory, OsStr::from_bytes(name))))
    }

    pub(super) fn open_beneath(&self, path: &RelPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        if path.is_root() {
            return self.open_piece(self.root.as_fd(), b".", flags);
        }
        self.open_pieces(self.root.as_fd(), path.as_bytes(), flags)
    }

    pub(super) fn open_pieces(
        &self,
        start: BorrowedFd<'_>,
        path: &[u8],
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        let mut at: Option<OwnedFd> = None;
        let mut rest = path;
        loop {
            let (piece, next) = first_piece(rest, MAX_PIECE);
            let from = at.as_ref().map_or(start, AsFd::as_fd);
            let opened = if next.is_empty() {
                return self.open_piece(from, piece, flags);
            } else {
                self.open_piece(from, piece, path_flags())?
            };
            at = Some(opened);
            rest = next;
        }
    }

    pub(super) fn open_piece(
        &self,
        from: BorrowedFd<'_>,
        piece: &[u8],
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        const TRIES: usize = 64;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES {
            if !self.has_openat2.load(Ordering::Relaxed) {
                break;
            }
            match openat2(from, piece, flags, Mode::empty(), resolve) {
                // Something was renamed meanwhile.
                Err(Errno::AGAIN | Errno::INTR) => {}
                // An old kernel, or a container's filter that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => self.has_openat2.store(false, Ordering::Relaxed),
                other => return other,
            }
        }
        walk(from, piece, flags)
    }
}

/// Opens `piece` one component at a time, as `openat2` would.
fn walk(from: BorrowedFd<'_>, piece: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut components = piece.split(|byte| *byte == b'/').peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(component) = components.next() {
        let here = at.as_ref().map_or(from, AsFd::as_fd);
        let flags = if components.peek().is_none() {
            flags
        } else {
            path_flags()
        };
        at = Some(openat(
            here,
            component,
            flags | OFlags::NOFOLLOW,
            Mode::empty(),
        )?);
    }
    at.ok_or(Errno::NOENT)
}

/// Splits off as many components as fit one call.
pub(super) fn first_piece(path: &[u8], max: usize) -> (&[u8], &[u8]) {
    if path.len() <= max {
        return (path, b"");
    }
    // A single component can be longer; the kernel will say so.
    let slash = path[..max]
        .iter()
        .rposition(|byte| *byte == b'/')
        .or_else(|| path.iter().position(|byte| *byte == b'/'));
    slash.map_or((path, b""), |at| (&path[..at], &path[at + 1..]))
}

pub(super) fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

/// Opens for naming what is in it only.
pub(super) fn path_flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text.as_bytes()).unwrap()
    }

    fn targets(directory: &Path) -> [Target; 2] {
        let without = Target::open(directory).unwrap();
        without.has_openat2.store(false, Ordering::Relaxed);
        [Target::open(directory).unwrap(), without]
    }

    #[test]
    fn directories_are_opened_but_links_are_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("a/b")).unwrap();
        symlink("b", temp.path().join("a/inside")).unwrap();
        symlink("/etc", temp.path().join("outside")).unwrap();
        for target in targets(temp.path()) {
            target.directory(&RelPath::root()).unwrap();
            target.directory(&path("a/b")).unwrap();
            for link in ["a/inside", "outside", "outside/ssl"] {
                target.directory(&path(link)).unwrap_err();
            }
            target.file(&path("outside/passwd")).unwrap_err();
            assert!(target.stat(&path("outside/passwd")).is_err());
            assert!(target.stat(&path("none/there")).unwrap().is_none());
        }
    }

    #[test]
    fn paths_longer_than_the_kernel_takes_are_opened() {
        let temp = tempfile::tempdir().unwrap();
        let name = "n".repeat(255);
        for target in targets(temp.path()) {
            let mut at = RelPath::root();
            for _ in 0..20 {
                let parent = target.directory(&at).unwrap();
                match rustix::fs::mkdirat(&parent, name.as_str(), Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => panic!("{error}"),
                }
                at = at.join(name.as_bytes()).unwrap();
            }
            assert!(at.as_bytes().len() > 5000);
            target.directory(&at).unwrap();
        }
    }

    #[test]
    fn only_one_restore_has_a_directory() {
        let temp = tempfile::tempdir().unwrap();
        let first = Target::open(temp.path()).unwrap();
        let second = Target::open(temp.path()).unwrap();
        assert!(first.lock().unwrap());
        assert!(!second.lock().unwrap());
        drop(first);
        assert!(second.lock().unwrap());
    }
}
