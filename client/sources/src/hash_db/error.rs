//! What can go wrong with the local records.

use std::path::PathBuf;

use hashget_store::StoreError;
use hashget_words::project::ParseProjectError;
use thiserror::Error;

/// What can go wrong with the local `HashDB`.
#[derive(Debug, Error)]
pub enum HashDbError {
    /// The directory cannot be made.
    #[error("cannot create the HashDB {}", path.display())]
    Create {
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A project has no usable name.
    #[error(transparent)]
    Project(#[from] ParseProjectError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
