//! What can go wrong with a pool.

use std::path::PathBuf;

use hashget_files::path_error::PathError;
use hashget_words::digest::Digest;
use thiserror::Error;

use super::download_error::DownloadError;

/// What can go wrong with a pool.
#[derive(Debug, Error)]
pub enum PoolError {
    /// A file or directory of the pool could not be used.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A file of the pool is damaged, or does not belong under its name. It is left as it is.
    #[error("{} is damaged: expected sha256:{expected}, got sha256:{got}", path.display())]
    WrongBytes {
        path: PathBuf,
        /// The digest that its name or the list of the pool tells.
        expected: Digest,
        /// The digest that it has.
        got: Digest,
    },
    /// A file could not be fetched from an HTTP pool.
    #[error(transparent)]
    Download(#[from] DownloadError),
}
