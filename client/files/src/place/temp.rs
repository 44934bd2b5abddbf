//! Files under temporary names.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::metadata::lends_attributes;
use crate::temp_name::TempNames;

/// The journal of the metadata that directories had before the restore.
pub const JOURNAL_NAME: &str = ".hashget-tmp-folders";

/// A file, link or directory under a temporary name. It is removed unless it gets its final name.
#[derive(Debug)]
pub struct TempName {
    directory: Arc<OwnedFd>,
    name: OsString,
    /// True if this may be another hard link to a file already placed.
    is_link: bool,
}

impl TempName {
    /// Calls `make` with fresh names until one is not taken.
    pub fn make<T>(
        directory: &OpenDirectory,
        mut make: impl FnMut(BorrowedFd<'_>, &OsStr) -> Result<T, Errno>,
    ) -> Result<(Self, T), Errno> {
        let (name, result) = fresh(directory.names, |name| make(directory.handle(), name))?;
        let temp = Self {
            directory: Arc::clone(&directory.handle),
            name,
            is_link: true,
        };
        Ok((temp, result))
    }

    /// The directory that it is in.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The temporary name.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Renames it to `name` in `directory`, replacing what is there; with `keep`, fails with `EXIST`
    /// if the name is taken.
    pub fn publish(
        mut self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        keep: bool,
    ) -> Result<(), Errno> {
        if keep {
            match renameat_with(
                &self.directory,
                &self.name,
                directory,
                name,
                RenameFlags::NOREPLACE,
            ) {
                // The file system does not know the flag.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    let there = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
                    if !matches!(there, Err(Errno::NOENT)) {
                        return Err(Errno::EXIST);
                    }
                    renameat(&self.directory, &self.name, directory, name)?;
                }
                other => other?,
            }
        } else {
            renameat(&self.directory, &self.name, directory, name)?;
        }
        if self.is_link {
            // Renaming one hard link to another leaves both.
            match unlinkat(&self.directory, &self.name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        self.name.clear();
        Ok(())
    }
}

impl Drop for TempName {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // If this fails the name stays as litter, and the next run removes it.
            unlinkat(&self.directory, &self.name, AtFlags::empty()).unwrap_or_default();
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct Temp {
    pub name: TempName,
    /// The open file, for reading and writing.
    pub file: File,
    /// Whether it cannot have got extended attributes of ours from its directory.
    pub(super) is_bare: bool,
}

/// A directory that several files are made in, one after another.
#[derive(Clone, Debug)]
pub struct OpenDirectory {
    handle: Arc<OwnedFd>,
    names: TempNames,
    lends_attributes: bool,
}

impl OpenDirectory {
    /// The directory that is open as `handle`.
    pub fn new(handle: OwnedFd) -> Result<Self, Errno> {
        let names = TempNames::of(&handle)?;
        let lends_attributes = lends_attributes(handle.as_fd());
        Ok(Self {
            handle: Arc::new(handle),
            names,
            lends_attributes,
        })
    }

    /// The directory itself.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Makes an empty file that only its owner may read.
    pub fn temp(&self) -> Result<Temp, Errno> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (name, fd) = fresh(self.names, |name| {
            openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR)
        })?;
        let name = TempName {
            directory: Arc::clone(&self.handle),
            name,
            is_link: false,
        };
        Ok(Temp {
            name,
            file: fd.into(),
            is_bare: !self.lends_attributes,
        })
    }
}

/// Calls `make` with fresh names until one is not taken.
fn fresh<T>(
    names: TempNames,
    mut make: impl FnMut(&OsStr) -> Result<T, Errno>,
) -> Result<(OsString, T), Errno> {
    const TRIES: usize = 16;
    for _ in 0..TRIES {
        let name = names.fresh();
        match make(&name) {
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
            Ok(result) => return Ok((name, result)),
        }
    }
    Err(Errno::EXIST)
}

/// Removes the temporary files of killed runs from a directory; returns how many there were.
pub(crate) fn remove_litter(directory: BorrowedFd<'_>) -> io::Result<u64> {
    let mut names = Vec::new();
    let ours = TempNames::of(directory)?;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if ours.includes(name) && entry.file_type() != FileType::Directory {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    let mut removed = 0;
    for name in names {
        match unlinkat(directory, &name, AtFlags::empty()) {
            Ok(()) => removed += 1,
            Err(Errno::NOENT | Errno::ISDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::super::target::Target;
    use super::*;

    fn open(path: &Path) -> OwnedFd {
        let root = hashget_words::rel_path::RelPath::root();
        Target::open(path).unwrap().directory(&root).unwrap()
    }

    fn open_directory(path: &Path) -> OpenDirectory {
        OpenDirectory::new(open(path)).unwrap()
    }

    fn names(path: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "old").unwrap();
        let mut temp = open_directory(directory.path()).temp().unwrap();
        temp.file.write_all(b"new").unwrap();
        assert_eq!(fs::read(directory.path().join("a")).unwrap(), b"old");
        drop(temp);
        assert_eq!(names(directory.path()), ["a"]);
        let mut temp = open_directory(directory.path()).temp().unwrap();
        temp.file.write_all(b"new").unwrap();
        let place = open(directory.path());
        temp.name
            .publish(place.as_fd(), OsStr::new("a"), false)
            .unwrap();
        assert_eq!(names(directory.path()), ["a"]);
        assert_eq!(fs::read(directory.path().join("a")).unwrap(), b"new");
    }

    #[test]
    fn what_is_to_be_kept_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "old").unwrap();
        let temp = open_directory(directory.path()).temp().unwrap();
        let place = open(directory.path());
        let error = temp.name.publish(place.as_fd(), OsStr::new("a"), true);
        assert_eq!(error, Err(Errno::EXIST));
        assert_eq!(fs::read(directory.path().join("a")).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["a"]);
    }

    #[test]
    fn only_litter_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let ours = TempNames::of(open(directory.path())).unwrap().fresh();
        let files = [
            ".hashget-tmp-0123456789abcdef",
            ".hashget-tmp-folders",
            "file",
        ];
        for name in files.map(OsStr::new).into_iter().chain([ours.as_os_str()]) {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(remove_litter(open(directory.path()).as_fd()).unwrap(), 1);
        assert_eq!(names(directory.path()), files);
    }
}
