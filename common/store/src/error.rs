//! What can go wrong in a store.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What can go wrong in a store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store {} is in use by another process", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// A newer program wrote the store.
    #[error(
        "the store {} has format {found}, and this program knows formats up to {known}: use a newer one",
        path.display()
    )]
    Newer {
        /// The store's directory.
        path: PathBuf,
        /// The format version that the store has.
        found: u64,
        /// The highest format that is understood.
        known: u64,
    },
    /// The engine failed.
    #[error("cannot {action} the store {}", path.display())]
    Engine {
        /// What was being done: `open`, `read`, `write`.
        action: &'static str,
        /// The store's directory.
        path: PathBuf,
        /// What the engine says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the store could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What is stored makes no sense.
    #[error("the store {} is damaged: {what}", path.display())]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What makes no sense.
        what: String,
    },
    /// The record cannot be kept.
    #[error("cannot keep the record of {url}: {reason}")]
    BadRecord {
        /// The record's URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}
