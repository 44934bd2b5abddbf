//! Small files of an unknown tree, read whole.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use thiserror::Error;

/// Why a file could not be read.
#[derive(Debug, Error)]
pub(super) enum ReadCappedError {
    /// The system says so.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// It is larger than anything sensible.
    #[error("it is larger than {0} bytes and was passed over")]
    TooLarge(u64),
    /// It has become a pipe, a device or a directory.
    #[error("it is no regular file")]
    NotAFile,
}

/// Reads a regular file of at most `limit` bytes, not through a symbolic link.
pub(super) fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, ReadCappedError> {
    // A pipe put in the file's place must not block.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(ReadCappedError::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ReadCappedError::TooLarge(limit));
    }
    Ok(bytes)
}
