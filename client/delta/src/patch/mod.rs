//! Patches: how one version of a file becomes another.
//!
//! | at hand | function | how |
//! |---|---|---|
//! | the old file's [`Signature`] | [`diff`] | blocks found by a rolling sum and SHA-256 |
//! | the old file | [`diff_with_old`] | zstd with the old file as its prefix; large files by blocks |
//!
//! [`patch`] applies either kind. A patch carries the size and the SHA-256 of its result, so a wrong
//! old file or a damaged patch is an error and never a wrong file. Patches are hostile input: what
//! they copy, write and make the decoder allocate is bounded.
//!
//! Memory: a signature takes 20 bytes a block; blocks grow with the square root of the file,
//! so that 100 GB have 7 MB of signature. Everything else is streamed, but for [`diff_with_old`] and
//! what applies its patches: there a file of up to [`PREFIX_BYTES`] is held.
//!
//! The format is in `docs/format.md`.

mod apply;
mod block_table;
mod blocks;
mod error;
mod format;
mod prefix;
mod rolling;
mod signature;
#[cfg(test)]
mod tests;

pub use apply::{Patched, patch};
pub use blocks::diff;
pub use error::{DiffError, PatchError};
pub use prefix::{PREFIX_BYTES, diff_with_old};
pub use signature::{Signature, SignatureError, signature};

use hashget_words::digest::Digest;

/// How a patch is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffOptions {
    /// The zstd level of what a patch contains, 1 to 22.
    pub level: i32,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { level: 9 }
    }
}

/// What a patch was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffStats {
    /// The size of the new file, in bytes.
    pub new_bytes: u64,
    /// The SHA-256 of the new file.
    pub sha256: Digest,
    /// The size of the patch, in bytes.
    pub patch_bytes: u64,
    /// How much of the new file is in the old one; 0 where zstd chose.
    pub copied_bytes: u64,
}
