//! The lock of the tokens' file.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens the lock, and makes it if it is missing. Root changes tokens in the directory of the server's user, who could put a
/// link to any file there, to have that file given to him.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .create(true)
        .append(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.nlink() == 1 {
        Ok(file)
    } else {
        Err(io::Error::other(
            "it is no regular file with one name: remove it",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_gives_no_other_file_away() {
        let directory = tempfile::tempdir().unwrap();
        let (victim, lock) = (
            directory.path().join("victim"),
            directory.path().join("lock"),
        );
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &lock).unwrap();
        open_lock(&lock).unwrap_err();
        std::fs::remove_file(&lock).unwrap();
        std::fs::hard_link(&victim, &lock).unwrap();
        open_lock(&lock).unwrap_err();
        std::fs::remove_file(&lock).unwrap();
        open_lock(&lock).unwrap();
        open_lock(&lock).unwrap();
    }
}
