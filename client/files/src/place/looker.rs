//! Looks at many paths, one after another.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use super::target::{Target, path_flags};

/// Directories are listed when this many paths in a row were looked for in vain.
const MISSES: usize = 4;
/// Directories with more names than this are not listed to the end.
const MOST_NAMES: usize = 1000;

/// Looks at one path after another: those of one directory, if they come in a row, through one handle,
/// and those that are not there, if they are many, by one listing.
pub struct Looker<'t> {
    target: &'t Target,
    last: Option<LastDirectory>,
}

/// The directory that was looked into last.
struct LastDirectory {
    path: RelPath,
    handle: io::Result<OwnedFd>,
    misses: usize,
    /// All names in it, once it was listed.
    names: Option<HashSet<Vec<u8>>>,
}

impl<'t> Looker<'t> {
    /// A looker for paths below `target`.
    pub fn new(target: &'t Target) -> Self {
        Self { target, last: None }
    }

    /// What [`Target::stat`] says.
    pub fn stat(&mut self, path: &RelPath) -> io::Result<Option<Stat>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.target.stat(path);
        };
        if self.last.as_ref().is_none_or(|last| last.path != parent) {
            let handle = self.target.open_beneath(&parent, path_flags());
            self.last = Some(LastDirectory {
                path: parent,
                handle: handle.map_err(io::Error::from),
                misses: 0,
                names: None,
            });
        }
        let Some(last) = &mut self.last else {
            return self.target.stat(path);
        };
        let directory = match &last.handle {
            Ok(directory) => directory,
            // It says why, and directories that fail for another reason than being missing are few.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return self.target.stat(path),
        };
        if last
            .names
            .as_ref()
            .is_some_and(|names| !names.contains(name))
        {
            return Ok(None);
        }
        match statat(
            directory,
            OsStr::from_bytes(name),
            AtFlags::SYMLINK_NOFOLLOW,
        ) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => {
                last.misses += 1;
                if last.misses == MISSES {
                    // One that cannot be listed is looked into name by name.
                    last.names = names_in(directory);
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The names in a directory, unless they are very many. The access time stays, where that may be asked.
fn names_in(directory: &OwnedFd) -> Option<HashSet<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::CLOEXEC;
    let directory = openat(directory.as_fd(), ".", flags, Mode::empty()).ok()?;
    let mut names = HashSet::new();
    for entry in Dir::new(directory).ok()? {
        if names.len() == MOST_NAMES {
            return None;
        }
        names.insert(entry.ok()?.file_name().to_bytes().to_owned());
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn looked(looker: &mut Looker<'_>, path: &str) -> Option<u64> {
        let stat = looker
            .stat(&RelPath::new(path.as_bytes()).unwrap())
            .unwrap();
        stat.map(|stat| u64::try_from(stat.st_size).unwrap())
    }

    #[test]
    fn what_is_there_is_found_before_and_after_listing() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("a/b")).unwrap();
        for name in ["first", "last"] {
            fs::write(temp.path().join("a").join(name), name).unwrap();
        }
        let target = Target::open(temp.path()).unwrap();
        let mut looker = Looker::new(&target);
        assert_eq!(looked(&mut looker, "a/first"), Some(5));
        for number in 0..3 * MISSES {
            assert_eq!(looked(&mut looker, &format!("a/{number}")), None);
        }
        assert!(looker.last.as_ref().unwrap().names.is_some());
        assert_eq!(looked(&mut looker, "a/last"), Some(4));
        assert!(looked(&mut looker, "a/b").is_some());
        assert_eq!(looked(&mut looker, "none/here"), None);
        assert_eq!(looked(&mut looker, "a/first"), Some(5));
    }

    #[test]
    fn a_directory_with_very_many_names_is_not_listed() {
        let temp = tempfile::tempdir().unwrap();
        for number in 0..=MOST_NAMES {
            fs::write(temp.path().join(number.to_string()), "").unwrap();
        }
        let target = Target::open(temp.path()).unwrap();
        let mut looker = Looker::new(&target);
        for number in 0..2 * MISSES {
            assert_eq!(looked(&mut looker, &format!("none{number}")), None);
        }
        assert!(looker.last.as_ref().unwrap().names.is_none());
        assert_eq!(looked(&mut looker, "7"), Some(0));
    }
}
