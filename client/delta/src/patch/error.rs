//! What can go wrong with patches.

use std::io;

use thiserror::Error;

/// Why a patch could not be made.
#[derive(Debug, Error)]
pub enum DiffError {
    /// The old file could not be read.
    #[error("cannot read the old file")]
    ReadOld(#[source] io::Error),
    /// The new file could not be read.
    #[error("cannot read the new file")]
    ReadNew(#[source] io::Error),
    /// The patch could not be written.
    #[error("cannot write the patch")]
    Write(#[source] io::Error),
    /// The old file is not as long as was said.
    #[error("the old file changed while it was read")]
    OldChanged,
}

/// Why a patch could not be applied.
#[derive(Debug, Error)]
pub enum PatchError {
    /// The old file could not be read.
    #[error("cannot read the old file")]
    ReadOld(#[source] io::Error),
    /// The patch could not be read, or what it compresses is damaged.
    #[error("cannot read the patch")]
    Read(#[source] io::Error),
    /// The new file could not be written.
    #[error("cannot write the new file")]
    Write(#[source] io::Error),
    /// It is no patch, or a damaged one.
    #[error("the patch is damaged: {0}")]
    Damaged(&'static str),
    /// It was made by a newer version.
    #[error("the patch has format version {0}, which is unknown; use a newer hashget")]
    Version(u8),
    /// It is for another old file.
    #[error("the patch is for an old file of {expected} bytes, this one has {actual}")]
    OldSize {
        /// The size that the patch was made for.
        expected: u64,
        /// The size of the file at hand.
        actual: u64,
    },
    /// It writes more than was allowed.
    #[error("the patch writes more than {0} bytes")]
    TooLong(u64),
    /// The result is not what it should be: the old file is another one, or the patch is damaged.
    #[error("the patched file does not have the digest that the patch promises")]
    WrongResult,
}
