//! The directory where everything new is made, and everything old is kept until it is certain that it
//! goes.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashget_words::rel_path::RelPath;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, StatxFlags, fchmod, fstat, mkdirat,
    openat, renameat, renameat_with, statat, statx, unlinkat,
};
use rustix::io::Errno;

use super::error::DeltaError;
use hashget_files::place::Target;
use hashget_files::tree::{OmittedNames, id_of, status_of};

const PREFIX: &str = ".hashget-delta-";
/// What is new.
pub(super) const NEW: &str = "new";
/// What was there before.
pub(super) const OLD: &str = "old";

/// The stage of one directory.
///
/// It lies beside the directory, so that it disturbs nothing in it; where that cannot be (another
/// file system, or no right to write there) in the directory itself. Its name tells which directory it
/// belongs to, also if that is renamed.
#[derive(Debug)]
pub(super) struct StageDirectory {
    parent: OwnedFd,
    name: OsString,
    directory: OwnedFd,
    path: PathBuf,
    is_inside: bool,
}

/// Whether an apply was interrupted in the directory at `path`, or goes on.
pub(super) fn is_unfinished(path: &Path) -> Result<bool, DeltaError> {
    StageDirectory::find(path).map(|stage| stage.is_some())
}

impl StageDirectory {
    /// Finds the stage of the directory at `path`, if there is one.
    pub(super) fn find(path: &Path) -> Result<Option<Self>, DeltaError> {
        let find = || -> io::Result<Option<Self>> {
            let root = open_directory(path)?;
            let name = stage_name(&root)?;
            let beside = std::fs::canonicalize(path)?;
            if let Some(beside) = beside.parent() {
                // A directory above that may not be read holds no stage of ours.
                if let Ok(parent) = open_directory(beside)
                    && let Some(stage) = Self::open(parent, &name, beside, false)?
                {
                    return Ok(Some(stage));
                }
            }
            Self::open(root, &name, path, true)
        };
        find().map_err(|source| reading(path, source))
    }

    /// Makes the stage of the directory at `path`.
    pub(super) fn create(path: &Path) -> Result<Self, DeltaError> {
        let create = || -> io::Result<Self> {
            let root = open_directory(path)?;
            let name = stage_name(&root)?;
            let real = std::fs::canonicalize(path)?;
            let beside = match real.parent().map(|beside| (beside, open_directory(beside))) {
                Some((beside, Ok(parent))) if same_mount(&parent, &root)? => {
                    match mkdirat(&parent, &name, Mode::RWXU) {
                        Ok(()) => Some((parent, beside)),
                        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => None,
                        Err(error) => return Err(error.into()),
                    }
                }
                _ => None,
            };
            let opened = if let Some((parent, beside)) = beside {
                Self::open(parent, &name, beside, false)?
            } else {
                mkdirat(&root, &name, Mode::RWXU)?;
                Self::open(root, &name, path, true)?
            };
            let stage = opened.ok_or_else(|| io::Error::other("it is not this user's"))?;
            mkdirat(&stage.directory, NEW, Mode::RWXU)?;
            mkdirat(&stage.directory, OLD, Mode::RWXU)?;
            Ok(stage)
        };
        create().map_err(DeltaError::io("write", path.join(format!("../{PREFIX}…"))))
    }

    fn open(
        parent: OwnedFd,
        name: &OsStr,
        beside: &Path,
        inside: bool,
    ) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match openat(&parent, name, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::ACCESS) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = fstat(&directory)?;
        // Nobody else's: what is in it is believed.
        if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            parent,
            name: name.to_owned(),
            directory,
            path: beside.join(name),
            is_inside: inside,
        }))
    }

    /// Where it is, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it lies in the directory that it belongs to.
    pub(super) fn is_inside(&self) -> bool {
        self.is_inside
    }

    /// The stage itself.
    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// One of the two directories in it.
    pub(super) fn part(&self, name: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.directory, name, flags, Mode::empty())?)
    }

    /// Removes one of the two directories in it.
    pub(super) fn remove_part(&self, name: &str) -> Result<(), DeltaError> {
        let removed = remove_tree(self.directory.as_fd(), OsStr::new(name));
        removed.map_err(|source| self.failed(source))
    }

    /// Removes all of it.
    pub(super) fn remove(&self) -> Result<(), DeltaError> {
        remove_tree(self.parent.as_fd(), &self.name).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> DeltaError {
        DeltaError::io("write", &self.path)(source)
    }

    /// The names that a look at the directory must not see.
    pub(super) fn omitted(&self) -> io::Result<Option<OmittedNames>> {
        if !self.is_inside {
            return Ok(None);
        }
        Ok(Some(OmittedNames {
            directory: id_of(&status_of(&self.parent)?),
            name: self.name.as_bytes().to_vec(),
        }))
    }
}

fn reading(path: &Path, source: io::Error) -> DeltaError {
    DeltaError::io("read", path)(source)
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

/// Tells the directory by its inode and when that was made: it may be renamed, and another directory
/// may get its number.
fn stage_name(root: &OwnedFd) -> io::Result<OsString> {
    let status = statx(
        root,
        "",
        AtFlags::EMPTY_PATH,
        StatxFlags::INO | StatxFlags::BTIME,
    )?;
    let (inode, born) = (status.stx_ino, status.stx_btime);
    Ok(format!("{PREFIX}{inode:x}-{:x}-{:x}", born.tv_sec, born.tv_nsec).into())
}

/// Whether things can be renamed from one directory to the other.
fn same_mount(one: &OwnedFd, other: &OwnedFd) -> io::Result<bool> {
    let mount = |directory: &OwnedFd| -> io::Result<_> {
        let status = statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        Ok((
            status.stx_mnt_id,
            status.stx_dev_major,
            status.stx_dev_minor,
        ))
    };
    Ok(mount(one)? == mount(other)?)
}

/// Removes `name` and all that is in it, if it exists.
fn remove_tree(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let kind = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if kind != FileType::Directory {
        return Ok(unlinkat(parent, name, AtFlags::empty())?);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match openat(parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            openat(parent, name, flags, Mode::empty())?
        }
        other => other?,
    };
    if !rustix::process::geteuid().is_root() {
        fchmod(&directory, Mode::RWXU)?;
    }
    let names: io::Result<Vec<OsString>> = Dir::read_from(&directory)?
        .map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()))
        .collect();
    for child in names?.iter().filter(|name| *name != "." && *name != "..") {
        remove_tree(directory.as_fd(), child)?;
    }
    Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

/// The directory that holds `path`, and its name in it.
pub(super) fn place_of<'p>(
    target: &Target,
    path: &'p RelPath,
) -> Result<(OwnedFd, &'p OsStr), DeltaError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        let error = io::Error::other("it is the directory itself");
        return Err(DeltaError::act("replace", path)(error));
    };
    let directory = target
        .directory(&parent)
        .map_err(DeltaError::act("open the directory of", path))?;
    Ok((directory, OsStr::from_bytes(name)))
}

/// Renames without replacing anything.
pub(super) fn rename_new(
    from: &OwnedFd,
    name: &OsStr,
    to: &OwnedFd,
    new_name: &OsStr,
) -> Result<(), Errno> {
    match renameat_with(from, name, to, new_name, RenameFlags::NOREPLACE) {
        // The file system does not know the flag.
        Err(Errno::INVAL | Errno::NOSYS) => match statat(to, new_name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => renameat(from, name, to, new_name),
            Ok(_) => Err(Errno::EXIST),
            Err(error) => Err(error),
        },
        other => other,
    }
}
