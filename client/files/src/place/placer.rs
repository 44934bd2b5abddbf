//! Gives things their places.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};

use hashget_words::rel_path::{RelPath, display_bytes};
use hashget_words::restore_file::RestoreFile;
use rustix::fs::{AtFlags, FileType, Stat, linkat, statat, unlinkat};
use rustix::io::Errno;

use super::content::{ContentError, Holes, write_sparse};
use super::copy::copy_content;
use super::directories::Directories;
use super::metadata::{Applied, Wanted, apply, apply_to_new};
use super::options::Overwrite;
use super::target::{InTheWay, PlaceError, Target};
use super::temp::{OpenDirectory, Temp, TempName};
use crate::monitor::{Level, Monitor, Problem};
use crate::node::Node;

/// Gives files, links and nodes their places in a target.
pub struct Placer<'a> {
    pub target: &'a Target,
    pub directories: Directories<'a>,
    overwrite: Overwrite,
    fsync: bool,
    monitor: &'a dyn Monitor,
    unset_owner: AtomicU64,
    unset_metadata: AtomicU64,
}

/// What is where something is to be placed.
#[derive(Clone, Debug)]
pub enum Existing {
    Nothing,
    /// A regular file.
    File(Stat),
    Directory,
    Other,
}

/// Whether something was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is there now.
    New,
    /// Something else has its name, and is not to be overwritten.
    Kept,
}

impl<'a> Placer<'a> {
    /// A placer for `target`.
    pub fn new(
        target: &'a Target,
        overwrite: Overwrite,
        fsync: bool,
        monitor: &'a dyn Monitor,
    ) -> io::Result<Self> {
        Ok(Self {
            target,
            directories: Directories::open(target, overwrite == Overwrite::Always)?,
            overwrite,
            fsync,
            monitor,
            unset_owner: AtomicU64::new(0),
            unset_metadata: AtomicU64::new(0),
        })
    }

    /// How many things are not given to their owner, and how many lack something else.
    pub fn unset(&self) -> (u64, u64) {
        (
            self.unset_owner.load(Ordering::Relaxed),
            self.unset_metadata.load(Ordering::Relaxed),
        )
    }

    /// What is at `path`, not looking through symbolic links.
    pub fn existing(&self, path: &RelPath) -> io::Result<Existing> {
        Ok(match self.directories.stat(path)? {
            None => Existing::Nothing,
            Some(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Existing::File(stat),
                FileType::Directory => Existing::Directory,
                _ => Existing::Other,
            },
        })
    }

    /// An empty file beside `path`.
    pub fn temp_beside(&self, path: &RelPath) -> Result<Temp, PlaceError> {
        let (directory, _) = self.directory_of(path)?;
        directory
            .temp()
            .map_err(PlaceError::to("make a temporary file"))
    }

    /// Gives a file that is complete its metadata and its place.
    pub fn place(&self, path: &RelPath, temp: Temp, wanted: &Wanted) -> Result<Placed, PlaceError> {
        self.complete(path, &temp, wanted)?;
        self.publish(path, temp.name)
    }

    /// Opens the directory of `path`, as it is now, to place several files in it at once.
    pub fn open_directory(&self, path: &RelPath) -> Result<OpenDirectory, PlaceError> {
        self.directories.forget_last();
        Ok(self.directory_of(path)?.0)
    }

    /// Places `content`, which is known to be right, at `path` in `directory`; gives the file, too, to
    /// make copies of.
    pub fn place_content(
        &self,
        path: &RelPath,
        directory: &OpenDirectory,
        content: &[u8],
        extents: Holes<'_>,
        wanted: &Wanted,
    ) -> Result<(Placed, File), PlaceError> {
        let Some(name) = path.file_name() else {
            return Err(PlaceError::because("place it", "it is the root"));
        };
        let mut temp = directory
            .temp()
            .map_err(PlaceError::to("make a temporary file"))?;
        match extents {
            None => temp.file.write_all(content),
            Some(extents) => {
                let length = temp.file.set_len(content.len() as u64);
                length.and_then(|()| write_sparse(&temp.file, content, 0, extents))
            }
        }
        .map_err(PlaceError::to("write the content"))?;
        self.complete(path, &temp, wanted)?;
        let name = OsStr::from_bytes(name);
        let placed = self.publish_in(path, directory.handle(), name, temp.name)?;
        Ok((placed, temp.file))
    }

    fn complete(&self, path: &RelPath, temp: &Temp, wanted: &Wanted) -> Result<(), PlaceError> {
        self.report(path, &apply_to_new(temp.file.as_fd(), temp.is_bare, wanted));
        if self.fsync {
            temp.file
                .sync_all()
                .map_err(PlaceError::to("force it to disk"))?;
        }
        Ok(())
    }

    /// Places a copy of the `size` bytes of `from`, which were checked.
    pub fn place_copy(
        &self,
        path: &RelPath,
        from: (&File, u64),
        extents: Holes<'_>,
        alike: bool,
        wanted: &Wanted,
    ) -> Result<Placed, PlaceError> {
        let mut temp = self.temp_beside(path)?;
        let (file, size) = from;
        copy_content(file, &mut temp.file, size, extents, alike).map_err(content_error)?;
        self.place(path, temp, wanted)
    }

    /// Places a symbolic link, FIFO or device.
    pub fn place_node(
        &self,
        path: &RelPath,
        node: &Node,
        wanted: &Wanted,
    ) -> Result<Placed, PlaceError> {
        let (directory, _) = self.directory_of(path)?;
        let (temp, handle) = node.make(&directory).map_err(PlaceError::to("make it"))?;
        self.report(path, &apply(handle.as_fd(), wanted));
        self.publish(path, temp)
    }

    /// Makes `path` a further name of the file `first`.
    pub fn place_link(&self, path: &RelPath, first: &RelPath) -> Result<Placed, PlaceError> {
        let act = "make the hard link";
        let stat = self.target.stat(first).map_err(PlaceError::to(act))?;
        let Some(stat) = stat else {
            return Err(PlaceError::because(act, "what it links to is not there"));
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(PlaceError::because(act, "what it links to is a directory"));
        }
        let (from, from_name) = self.directory_of(first)?;
        let (directory, name) = self.directory_of(path)?;
        let here = statat(directory.handle(), name, AtFlags::SYMLINK_NOFOLLOW);
        if here.is_ok_and(|here| (here.st_dev, here.st_ino) == (stat.st_dev, stat.st_ino)) {
            return Ok(Placed::New);
        }
        let (temp, ()) = TempName::make(&directory, |directory, name| {
            linkat(from.handle(), from_name, directory, name, AtFlags::empty())
        })
        .map_err(PlaceError::to(act))?;
        self.publish(path, temp)
    }

    /// Makes the metadata of a file that stays as it is wanted. One that has names outside
    /// its group is replaced by a copy, so that the others stay as they are.
    pub fn update_metadata(
        &self,
        path: &RelPath,
        file: &File,
        alone: bool,
        extents: Holes<'_>,
        wanted: &Wanted,
    ) -> Result<(), PlaceError> {
        if self.overwrite == Overwrite::Never {
            return Ok(());
        }
        let stat = rustix::fs::fstat(file).map_err(PlaceError::to("look at it"))?;
        if alone && stat.st_nlink > 1 {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            self.place_copy(path, (file, size), extents, true, wanted)?;
        } else {
            self.report(path, &apply(file.as_fd(), wanted));
        }
        Ok(())
    }

    /// Puts the directories right for the time being: a restore begins. What could not be done is told
    /// at the end.
    pub fn finish_unpacking(&self) {
        self.directories.finish(false, || Ok(()));
        self.directories.keep_all();
    }

    /// Puts the directories right. With `own_members` these files and then the restore file go, too, as
    /// late as possible; whether that is done.
    pub fn finish_and_remove(&self, own_members: Option<&[RelPath]>) -> bool {
        let mut removed = false;
        let outcome = self.directories.finish(self.fsync, || {
            if let Some(paths) = own_members {
                for path in paths {
                    self.target.remove_file(path)?;
                }
                unlinkat(self.target.root(), RestoreFile::NAME, AtFlags::empty())?;
                removed = true;
            }
            Ok(())
        });
        for (directory, applied) in outcome {
            self.report(&directory, &applied);
        }
        self.report_owners();
        removed
    }

    fn directory_of<'p>(
        &self,
        path: &'p RelPath,
    ) -> Result<(OpenDirectory, &'p OsStr), PlaceError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(PlaceError::because("place it", "it is the root"));
        };
        Ok((self.directories.prepare(&parent)?, OsStr::from_bytes(name)))
    }

    fn publish(&self, path: &RelPath, temp: TempName) -> Result<Placed, PlaceError> {
        let (directory, name) = self.directory_of(path)?;
        self.publish_in(path, directory.handle(), name, temp)
    }

    fn publish_in(
        &self,
        path: &RelPath,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        temp: TempName,
    ) -> Result<Placed, PlaceError> {
        if self.overwrite == Overwrite::Always && is_directory(directory, name) {
            self.remove_empty(path, directory, name)?;
        }
        let keep = self.overwrite == Overwrite::Never;
        match temp.publish(directory, name, keep) {
            Ok(()) => Ok(Placed::New),
            Err(Errno::EXIST) if keep => Ok(Placed::Kept),
            Err(error) if error == Errno::ISDIR || is_directory(directory, name) => {
                Err(PlaceError::in_the_way("replace it", InTheWay::Directory))
            }
            Err(error) => Err(PlaceError::to("give it its name")(error)),
        }
    }

    /// Removes the directory at `path`, if it is empty.
    fn remove_empty(
        &self,
        path: &RelPath,
        directory: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), PlaceError> {
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Ok(()) => {
                self.directories.replaced(path);
                Ok(())
            }
            // Somebody else was quicker.
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(PlaceError::in_the_way(
                "replace it",
                InTheWay::FullDirectory,
            )),
            Err(error) => Err(PlaceError::to("replace the directory of its name")(error)),
        }
    }

    /// Tells once of all owners that could not be set: for want of privilege that is one reason for
    /// all of them.
    fn report_owners(&self) {
        let count = self.unset_owner.load(Ordering::Relaxed);
        if count == 0 {
            return;
        }
        let what = format!(
            "{count} files and directories have not got their owners: only root can set them"
        );
        let subject = display_bytes(self.target.path().as_os_str().as_bytes()).into_owned();
        self.monitor.problem(&Problem::text(subject, what));
    }

    fn report(&self, path: &RelPath, applied: &Applied) {
        if applied.owner_unset {
            self.unset_owner.fetch_add(1, Ordering::Relaxed);
            let line = format!("{path}: its owner is not set, only root can do that");
            self.monitor.message(Level::Detail, &line);
        }
        if !applied.failures.is_empty() {
            self.unset_metadata.fetch_add(1, Ordering::Relaxed);
            let what = applied.failures.join("; ");
            self.monitor.problem(&Problem::text(path.to_string(), what));
        }
    }
}

fn is_directory(directory: BorrowedFd<'_>, name: &OsStr) -> bool {
    let there = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    there.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// The error of content that could not be copied.
pub fn content_error(error: ContentError) -> PlaceError {
    match error {
        ContentError::Read(source) => PlaceError {
            act: "read the content",
            source,
        },
        ContentError::Write(source) => PlaceError {
            act: "write the content",
            source,
        },
        ContentError::TooLong(_) => PlaceError::because("write the content", "it is too long"),
    }
}
