//! Makes symbolic links, FIFOs and device nodes.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, makedev, mknodat, openat, symlinkat};
use rustix::io::Errno;

use super::temp::{OpenDirectory, TempName};
use crate::node::Node;

impl Node {
    /// Makes it in `directory` under a temporary name; gives a handle for its metadata as well.
    pub fn make(&self, directory: &OpenDirectory) -> Result<(TempName, OwnedFd), Errno> {
        let (temp, ()) =
            TempName::make(directory, |directory, name| self.make_at(directory, name))?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(temp.directory(), temp.name(), flags, Mode::empty())?;
        Ok((temp, handle))
    }

    /// Makes it in `directory` under its name, which must be free.
    pub fn make_at(&self, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
        let mode = Mode::RUSR | Mode::WUSR;
        match self {
            Self::Symlink(target) => symlinkat(&target[..], directory, name),
            Self::Fifo => mknodat(directory, name, FileType::Fifo, mode, 0),
            Self::CharDevice(major, minor) => {
                let device = makedev(*major, *minor);
                mknodat(directory, name, FileType::CharacterDevice, mode, device)
            }
            Self::BlockDevice(major, minor) => {
                let device = makedev(*major, *minor);
                mknodat(directory, name, FileType::BlockDevice, mode, device)
            }
        }
    }
}
