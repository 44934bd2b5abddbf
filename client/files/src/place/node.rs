//! Symbolic links, FIFOs and device nodes.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, makedev, mknodat, openat, symlinkat};
use rustix::io::Errno;

use super::temp::{OpenFolder, TempName};

/// Something in a folder that has no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A symbolic link, with what it says.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device, by its major and minor numbers.
    CharDevice(u32, u32),
    /// A block device, by its major and minor numbers.
    BlockDevice(u32, u32),
}

impl Node {
    /// Makes it in `folder` under a temporary name; gives a handle for its metadata as well.
    pub fn make(&self, folder: &OpenFolder) -> Result<(TempName, OwnedFd), Errno> {
        let (temp, ()) = TempName::make(folder, |folder, name| self.make_at(folder, name))?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(temp.folder(), temp.name(), flags, Mode::empty())?;
        Ok((temp, handle))
    }

    /// Makes it in `folder` under its name, which must be free.
    pub fn make_at(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
        let mode = Mode::RUSR | Mode::WUSR;
        match self {
            Self::Symlink(target) => symlinkat(&target[..], folder, name),
            Self::Fifo => mknodat(folder, name, FileType::Fifo, mode, 0),
            Self::CharDevice(major, minor) => {
                let device = makedev(*major, *minor);
                mknodat(folder, name, FileType::CharacterDevice, mode, device)
            }
            Self::BlockDevice(major, minor) => {
                let device = makedev(*major, *minor);
                mknodat(folder, name, FileType::BlockDevice, mode, device)
            }
        }
    }
}
