//! Files and directories for their owner alone, and names that others could have planted.
//!
//! The programs make everything private: they [take all rights](become_private) from others first of all. What is for
//! others, such as a web server's files, [gets the rights](share) that the user's umask leaves.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};

const STICKY: u32 = 0o1000;
const OF_OTHERS: u32 = 0o077;

static USERS_UMASK: OnceLock<u32> = OnceLock::new();

/// From now on nothing that this process makes can be read by other users, unless it is [shared](share). To be called
/// once, before there are threads.
pub fn become_private() {
    let mask = rustix::process::umask(Mode::from_raw_mode(OF_OTHERS));
    USERS_UMASK.get_or_init(|| mask.as_raw_mode());
}

/// From now on others may read what this process makes, as far as the user's umask lets them: for commands that make
/// nothing else.
pub fn become_public() {
    let mask = users_umask();
    rustix::process::umask(Mode::from_raw_mode(mask));
}

/// The umask that the user set: what he takes away from things that are for others, too.
pub fn users_umask() -> u32 {
    *USERS_UMASK.get_or_init(|| {
        // Nobody became private, as in tests.
        let mask = rustix::process::umask(Mode::from_raw_mode(0o022));
        rustix::process::umask(mask);
        mask.as_raw_mode()
    })
}

/// Gives a file that was just made the rights that the user's umask leaves.
pub fn share(file: impl AsFd) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o666 & !users_umask());
    Ok(rustix::fs::fchmod(file, mode)?)
}

/// Makes a directory, and those above it that are missing, with the rights that the user's umask leaves.
pub fn create_shared_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        create_shared_directory(above)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o777 & !users_umask())),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes the rights of others from a directory of ours, if it is there; whether there were any. One with the sticky bit was
/// made to be shared.
pub fn tighten_directory(path: &Path) -> io::Result<bool> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mode = metadata.mode();
    let is_ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    if !is_ours || mode & STICKY != 0 || mode & OF_OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & 0o7700))?;
    Ok(true)
}

/// Opens a file of ours for reading and writing, such as a lock, and makes it if it is missing. A link, or a file of somebody
/// else, is an error that says so: it was planted there.
pub fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
                planted("it is a symbolic link")
            }
            _ => error,
        })?;
    let metadata = file.metadata()?;
    let owner = metadata.uid();
    if !metadata.is_file() {
        return Err(planted("it is no regular file"));
    }
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(planted("it belongs to another user"));
    }
    if metadata.nlink() > 1 {
        return Err(planted("it has another name, too"));
    }
    Ok(file)
}

/// Makes a new file at `path` in the place of what a killed run left there, never through a link.
pub fn create_own(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a regular file for reading, through links as well, but waits for no writer of a pipe.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

fn planted(what: &str) -> io::Error {
    io::Error::other(format!(
        "{what}, so that somebody else could have put it there: remove it"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn what_was_planted_is_not_opened() {
        let work = tempfile::tempdir().unwrap();
        let at = |name: &str| work.path().join(name);
        fs::write(at("victim"), "kept").unwrap();
        symlink("victim", at("link")).unwrap();
        fs::hard_link(at("victim"), at("name")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::create_dir(at("directory")).unwrap();
        for (name, why) in [
            ("link", "symbolic link"),
            ("name", "another name"),
            ("pipe", "regular file"),
        ] {
            let error = open_own(&at(name)).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        assert!(open_own(&at("directory")).is_err());
        assert_eq!(
            mode(&{
                drop(open_own(&at("new")).unwrap());
                at("new")
            }),
            0o600
        );
        drop(open_own(&at("new")).unwrap());
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(at("new"), Some(12345), None).unwrap();
            let error = open_own(&at("new")).unwrap_err().to_string();
            assert!(error.contains("another user"), "{error}");
        }
        drop(create_own(&at("link")).unwrap());
        assert!(at("link").symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read(at("victim")).unwrap(), b"kept");
        assert!(open_regular(&at("pipe")).is_err());
        drop(open_regular(&at("victim")).unwrap());
    }

    #[test]
    fn directories_of_ours_are_tightened_once() {
        let work = tempfile::tempdir().unwrap();
        let path = work.path().join("cache");
        assert!(!tighten_directory(&path).unwrap());
        fs::create_dir(&path).unwrap();
        for (before, after, is_told) in [
            (0o755, 0o700, true),
            (0o2750, 0o2700, true),
            (0o700, 0o700, false),
            (0o1777, 0o1777, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            assert_eq!(tighten_directory(&path).unwrap(), is_told);
            assert_eq!(mode(&path), after);
        }
    }

    #[test]
    fn what_is_shared_gets_what_the_umask_leaves() {
        let work = tempfile::tempdir().unwrap();
        let deep = work.path().join("a/b");
        create_shared_directory(&deep).unwrap();
        create_shared_directory(&deep).unwrap();
        for path in [&deep, &work.path().join("a")] {
            assert_eq!(mode(path), 0o777 & !users_umask());
        }
        let file = create_own(&work.path().join("file")).unwrap();
        assert_eq!(mode(&work.path().join("file")), 0o600);
        share(&file).unwrap();
        assert_eq!(mode(&work.path().join("file")), 0o666 & !users_umask());
    }
}
