//! Files that get their name only when they are whole.
//!
//! Where the file system can (`O_TMPFILE`), the file has no name at all before, so that not even
//! `kill -9` leaves anything behind. Elsewhere it has a temporary name of its own, is locked
//! while its process lives, and what a killed process left is removed by the next one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, Statx, Uid};
use rustix::io::Errno;

use crate::file_lock::{LockAttempt, LockFile};
use crate::temp_name::TempNames;
use crate::tree::{status_at, status_of};

/// A name in a directory, where a file shall be.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    name: OsString,
    /// What has the name now.
    existing: Option<Statx>,
}

impl Place {
    /// Looks at `path`. A symbolic link there is followed, so that it stays one.
    pub fn find(path: &Path) -> io::Result<Self> {
        let path = match std::fs::canonicalize(path) {
            Ok(real) => real,
            // A new file, or a link to nowhere, which is then replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::other("the path names no file"))?
            .to_owned();
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, &directory, flags, Mode::empty())?;
        let existing = match status_at(directory.as_fd(), name.as_bytes()) {
            Ok(status) => Some(status),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            directory,
            name,
            existing,
        })
    }

    /// The status of the directory.
    pub fn directory_status(&self) -> io::Result<Statx> {
        Ok(status_of(&self.directory)?)
    }

    /// The name in the directory.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Checks that files can be made in the directory.
    pub fn check_access(&self, access: Access) -> io::Result<()> {
        let access = access | Access::EXEC_OK;
        Ok(rustix::fs::accessat(
            &self.directory,
            ".",
            access,
            AtFlags::EACCESS,
        )?)
    }

    /// What kind of file has the name now, if there is one.
    pub fn existing(&self) -> Option<FileType> {
        let status = self.existing.as_ref()?;
        Some(FileType::from_raw_mode(status.stx_mode.into()))
    }

    /// Removes the temporary files of processes that are no more; gives how many.
    pub fn clean(&self) -> io::Result<u64> {
        let mut removed = 0;
        for name in self.temp_names()? {
            let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let Ok(file) = rustix::fs::openat(&self.directory, &name, flags, Mode::empty()) else {
                // Gone, or of another user who will clean it.
                continue;
            };
            // Only a living process holds the lock.
            let file = LockFile::new(file);
            if file
                .try_lock()
                .is_ok_and(|attempt| attempt == LockAttempt::Held)
            {
                match rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty()) {
                    Ok(()) => removed += 1,
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(removed)
    }

    fn temp_names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        let ours = TempNames::of(&self.directory)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.directory, ".", flags, Mode::empty())?;
        let mut buffer = [const { MaybeUninit::<u8>::uninit() }; 8 * 1024];
        let mut entries = RawDir::new(directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if ours.includes(name) {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }
}

/// A file in the making; gone when dropped before [`AtomicFile::commit`].
#[derive(Debug)]
pub struct AtomicFile {
    place: Place,
    file: LockFile<File>,
    /// Its temporary name, if it has one.
    temp: Option<OsString>,
}

impl AtomicFile {
    /// Begins a file that shall be at `place`. It gets the owner, where permitted, and the mode of the file that it
    /// replaces, without what that gives to others.
    pub fn create(place: Place) -> io::Result<Self> {
        let nameless = Self::create_nameless(&place)?;
        Self::begin(place, nameless)
    }

    fn begin(place: Place, nameless: Option<LockFile<File>>) -> io::Result<Self> {
        let (file, temp) = if let Some(file) = nameless {
            (file, None)
        } else {
            let (file, name) = create_named(&place)?;
            (file, Some(name))
        };
        let new = Self { place, file, temp };
        if let Some(old) = &new.place.existing {
            let owner = (Uid::from_raw(old.stx_uid), Gid::from_raw(old.stx_gid));
            // Only root may give files away; then the file belongs to who made it.
            match rustix::fs::fchown(&new.file, Some(owner.0), Some(owner.1)) {
                Ok(()) | Err(Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
            // What others could read before is theirs no more.
            let mode = Mode::from_raw_mode(u32::from(old.stx_mode) & 0o770);
            rustix::fs::fchmod(&new.file, mode)?;
        }
        Ok(new)
    }

    fn create_nameless(place: &Place) -> io::Result<Option<LockFile<File>>> {
        // Without /proc the file could not be given a name.
        if !Path::new("/proc/self/fd").exists() {
            return Ok(None);
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::openat(&place.directory, ".", flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => Ok(Some(lock(file)?)),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Syncs the file and gives it its name; gives its size in bytes.
    pub fn commit(mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let size = self.file.metadata()?.len();
        self.take_name()?;
        rustix::fs::fsync(&self.place.directory)?;
        Ok(size)
    }

    fn take_name(&mut self) -> io::Result<()> {
        let temp = match self.temp.take() {
            Some(temp) => temp,
            None => self.give_temp_name()?,
        };
        // From here on dropping removes it, unless the name is taken again.
        self.temp = Some(temp.clone());
        let directory = &self.place.directory;
        rustix::fs::renameat(directory, &temp, directory, &self.place.name)?;
        self.temp = None;
        Ok(())
    }

    fn give_temp_name(&self) -> io::Result<OsString> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        loop {
            let directory = &self.place.directory;
            let name = TempNames::of(directory)?.fresh();
            match rustix::fs::linkat(CWD, &path, directory, &name, AtFlags::SYMLINK_FOLLOW) {
                Ok(()) => return Ok(name),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Puts a small file of a cache in its place as a whole, making its directory if that is missing.
///
/// It is not synced: readers take a cached file that they cannot make sense of as missing.
pub fn write_cached(path: &Path, content: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let mut file = AtomicFile::create(Place::find(path)?)?;
    file.write_all(content)?;
    file.take_name()
}

fn create_named(place: &Place) -> io::Result<(LockFile<File>, OsString)> {
    loop {
        let name = TempNames::of(&place.directory)?.fresh();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        match rustix::fs::openat(&place.directory, &name, flags, mode) {
            Ok(file) => {
                let file = lock(file)?;
                // Another process may have cleaned it away before it was locked.
                if status_of(&file)?.stx_nlink > 0 {
                    return Ok((file, name));
                }
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn lock(file: OwnedFd) -> io::Result<LockFile<File>> {
    let file = LockFile::new(File::from(file));
    // Held for an instant by who looks whether it is abandoned; or the file system has no locks,
    // and then nobody can clean either.
    file.try_lock()?;
    Ok(file)
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(temp) = &self.temp {
            // What cannot be removed now is removed by the next run.
            rustix::fs::unlinkat(&self.place.directory, temp, AtFlags::empty()).unwrap_or_default();
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.file.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn list(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<OsString> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    type Way = fn(&Path) -> AtomicFile;

    /// Both ways of making a file: without a name, and with a temporary one.
    const BOTH_WAYS: [Way; 2] = [
        |path| AtomicFile::create(Place::find(path).unwrap()).unwrap(),
        |path| AtomicFile::begin(Place::find(path).unwrap(), None).unwrap(),
    ];

    #[test]
    fn the_name_appears_with_the_whole_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        for way in BOTH_WAYS {
            let mut file = way(&path);
            file.write_all(b"content").unwrap();
            assert!(!path.exists());
            assert_eq!(file.commit().unwrap(), 7);
            assert_eq!(fs::read(&path).unwrap(), b"content");
            assert_eq!(list(directory.path()), ["out"]);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn giving_up_leaves_the_old_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        fs::write(&path, "old").unwrap();
        for way in BOTH_WAYS {
            let mut file = way(&path);
            file.write_all(b"half").unwrap();
            drop(file);
        }
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(list(directory.path()), ["out"]);
    }

    #[test]
    fn a_private_file_stays_private_and_a_link_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let link = directory.path().join("link");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("out", &link).unwrap();
        for way in BOTH_WAYS {
            let mut file = way(&link);
            file.write_all(b"new").unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        }
    }

    #[test]
    fn only_abandoned_temporary_files_are_cleaned() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let place = Place::find(&path).unwrap();
        let abandoned = TempNames::of(&place.directory).unwrap().fresh();
        fs::write(directory.path().join(&abandoned), "half").unwrap();
        fs::write(directory.path().join("other"), "").unwrap();
        let living = AtomicFile::begin(Place::find(&path).unwrap(), None).unwrap();
        assert_eq!(list(directory.path()).len(), 3);
        assert_eq!(Place::find(&path).unwrap().clean().unwrap(), 1);
        assert_eq!(list(directory.path()).len(), 2);
        living.commit().unwrap();
        assert_eq!(list(directory.path()), ["other", "out"]);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Place::find(&directory.path().join("none/out")).is_err());
    }
}
