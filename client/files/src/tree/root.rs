//! Opens the entries of a tree.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags, Timestamps};
use rustix::io::Errno;
use thiserror::Error;

use super::entry::{FileId, FileStamp};
use super::metadata::{file_id, is_file, stamp_of};

/// Why a tree cannot be used at all.
#[derive(Debug, Error)]
#[error("cannot open directory {path}")]
pub struct TreeError {
    /// The tree's root.
    pub path: PathBuf,
    pub source: io::Error,
}

/// The root directory of a tree, open.
///
/// Everything below is reached relative to it: without following symbolic links, and also where
/// its path is longer than the system takes in one piece.
#[derive(Debug)]
pub struct TreeRoot {
    path: PathBuf,
    directory: OwnedFd,
}

/// How much of a path is given to the system at once; it takes 4096 bytes with the final NUL.
const PIECE_BYTES: usize = 4000;

impl TreeRoot {
    /// Opens the directory at `path`, following symbolic links on the way to it.
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let error = |errno: Errno| TreeError {
            path: path.to_owned(),
            source: errno.into(),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
            directory,
        })
    }

    /// The root's path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which directory this is.
    pub(crate) fn id(&self) -> io::Result<FileId> {
        Ok(file_id(&statx_of(&self.directory)?))
    }

    /// The kind of file system that `path` is on, as the number that statfs(2) gives.
    #[allow(
        clippy::useless_conversion,
        reason = "the number is of another type on other machines"
    )]
    pub(crate) fn file_system(&self, path: &RelPath) -> io::Result<i64> {
        let (directory, name) = self.open_near(path)?;
        let file = open_beneath(directory.as_fd(), name, OFlags::PATH)?;
        Ok(i64::from(rustix::fs::fstatfs(&file)?.f_type))
    }

    /// Opens the regular file at `path` for reading, where permitted without touching its access
    /// time. A FIFO or device in its place is not waited for and not opened.
    pub fn open_file(&self, path: &RelPath) -> io::Result<File> {
        let (directory, name) = self.open_near(path)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        // Opening a device can itself do something; so look first, and again when it is open.
        let status = statx_at(directory.as_fd(), name)?;
        check_regular(&status)?;
        let file = open_without_atime(directory.as_fd(), name, flags)?;
        check_regular(&statx_of(&file)?)?;
        Ok(File::from(file))
    }

    /// Opens the directory at `path`, where permitted without touching its access time.
    pub fn open_directory(&self, path: &RelPath) -> io::Result<OwnedFd> {
        let (directory, name) = self.open_near(path)?;
        Ok(open_without_atime(
            directory.as_fd(),
            name,
            OFlags::RDONLY | OFlags::DIRECTORY,
        )?)
    }

    /// The status of `path`, without following symbolic links.
    pub fn status(&self, path: &RelPath) -> io::Result<Statx> {
        let (directory, name) = self.open_near(path)?;
        // The path must not lead through a symbolic link, so its directory is opened first.
        let (parent, last) = split_last(name);
        if parent.is_empty() {
            return Ok(statx_at(directory.as_fd(), last)?);
        }
        let parent = open_beneath(directory.as_fd(), parent, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(statx_at(parent.as_fd(), last)?)
    }

    /// Gives the status of one path after the other.
    pub fn statuses(&self) -> Statuses<'_> {
        Statuses {
            root: self,
            directory: None,
        }
    }

    /// Sets the times of the root itself.
    pub fn set_times(&self, times: &Timestamps) -> io::Result<()> {
        Ok(rustix::fs::futimens(&self.directory, times)?)
    }

    /// Opens the directories on the way to `path` as far as its rest is too long; gives that rest.
    fn open_near<'p>(&self, path: &'p RelPath) -> io::Result<(Near<'_>, &'p [u8])> {
        let mut near = Near::Root(self.directory.as_fd());
        let mut rest = path.as_bytes();
        while rest.len() > PIECE_BYTES {
            let end = rest[..PIECE_BYTES]
                .iter()
                .rposition(|byte| *byte == b'/')
                .ok_or(Errno::NAMETOOLONG)?;
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            near = Near::Below(open_beneath(near.as_fd(), &rest[..end], flags)?);
            rest = &rest[end + 1..];
        }
        Ok((near, if rest.is_empty() { b"." } else { rest }))
    }
}

/// The status of one path after the other; quick for those in the same directory.
pub struct Statuses<'a> {
    root: &'a TreeRoot,
    /// The last directory.
    directory: Option<(Vec<u8>, OwnedFd)>,
}

impl Statuses<'_> {
    /// The status of `path`, without following symbolic links.
    pub fn status(&mut self, path: &RelPath) -> io::Result<Statx> {
        let (parent, name) = split_last(path.as_bytes());
        if parent.is_empty() {
            return self.root.status(path);
        }
        if self
            .directory
            .as_ref()
            .is_none_or(|(known, _)| known != parent)
        {
            let (near, rest) = self.root.open_near(path)?;
            let (parent_rest, _) = split_last(rest);
            if parent_rest.is_empty() {
                return self.root.status(path);
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            let directory = open_beneath(near.as_fd(), parent_rest, flags)?;
            self.directory = Some((parent.to_vec(), directory));
        }
        match &self.directory {
            Some((_, directory)) => Ok(statx_at(directory.as_fd(), name)?),
            None => self.root.status(path),
        }
    }
}

enum Near<'a> {
    Root(BorrowedFd<'a>),
    Below(OwnedFd),
}

impl AsFd for Near<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(fd) => *fd,
            Self::Below(fd) => fd.as_fd(),
        }
    }
}

fn split_last(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(end) => (&name[..end], &name[end + 1..]),
        None => (b"", name),
    }
}

fn open_without_atime(
    directory: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    match open_beneath(directory, name, flags | OFlags::NOATIME) {
        // Only the owner, or root, may leave the access time alone.
        Err(Errno::PERM) => open_beneath(directory, name, flags),
        result => result,
    }
}

/// Opens `name` below `directory` without following any symbolic link.
fn open_beneath(
    directory: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let path = OsStr::from_bytes(name);
    loop {
        match rustix::fs::openat2(directory, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Old kernels and strict containers lack openat2.
            Err(Errno::NOSYS) => return open_by_components(directory, name, flags),
            Err(Errno::PERM) if !flags.contains(OFlags::NOATIME) => {
                return open_by_components(directory, name, flags);
            }
            result => return result,
        }
    }
}

fn open_by_components(
    directory: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let (parents, last) = split_last(name);
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut near = Near::Root(directory);
    for parent in parents
        .split(|byte| *byte == b'/')
        .filter(|p| !p.is_empty())
    {
        let parent = OsStr::from_bytes(parent);
        near = Near::Below(rustix::fs::openat(
            near.as_fd(),
            parent,
            step,
            Mode::empty(),
        )?);
    }
    rustix::fs::openat(near.as_fd(), OsStr::from_bytes(last), flags, Mode::empty())
}

fn check_regular(status: &Statx) -> io::Result<()> {
    if is_file(status) {
        Ok(())
    } else {
        Err(io::Error::other("no longer a regular file"))
    }
}

const STATX_FLAGS: StatxFlags = StatxFlags::BASIC_STATS;

/// The status of `name` in `directory`, symbolic links not followed.
pub fn statx_at(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(directory, OsStr::from_bytes(name), flags, STATX_FLAGS)
}

/// The status of an open file.
pub fn statx_of<Fd: AsFd>(file: &Fd) -> rustix::io::Result<Statx> {
    rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, STATX_FLAGS)
}

/// The stamp of an open file.
pub fn file_stamp<Fd: AsFd>(file: &Fd) -> io::Result<FileStamp> {
    Ok(stamp_of(&statx_of(file)?))
}
