//! Why something cannot be done with snapshots.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::name::{NameError, SnapshotId};
use hashget_files::path_error::PathError;
use hashget_files::tree::TreeError;

/// Why something cannot be done with snapshots.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// A directory cannot be used at all.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Something in the destination could not be done.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Another run works on the destination.
    #[error("another hashget{process} works on {path}")]
    Locked {
        path: PathBuf,
        /// ` (process N)`, where known.
        process: String,
    },
    /// The source and the destination lie in each other in a way that has no end.
    #[error("{source_path} lies in the destination {destination}: snapshots would hold each other")]
    Nested {
        /// What was to be saved.
        source_path: PathBuf,
        destination: PathBuf,
    },
    /// A path leads to no snapshot.
    #[error("{path} is no snapshot: its directory must be called NAME/YYYY-MM-DD-HHMMSS")]
    NoSnapshot { path: PathBuf },
    /// Nothing of the source could be listed.
    #[error("{path} could not be listed, so no snapshot was made")]
    Unreadable { path: PathBuf },
    /// The disk stopped the work.
    #[error("cannot write the snapshot {id}, so none was made")]
    Write {
        /// What was being made.
        id: SnapshotId,
        /// Why it failed.
        source: io::Error,
    },
    /// The index was written by a later version of this program.
    #[error("{path} was written by a newer hashget (version {version})")]
    Newer { path: PathBuf, version: u32 },
    /// A file beside the snapshots unpacks to more than one of its size does that this program wrote.
    #[error("{path} unpacks to more than {most} bytes, the most for a file of its size")]
    TooLarge { path: PathBuf, most: u64 },
    /// Nothing is known that the files could be compared with.
    #[error("no index of {path} can be read: there is nothing to compare its files with")]
    NothingToVerify { path: PathBuf },
    /// No rule keeps anything.
    #[error("no rule says which snapshots to keep")]
    KeepsNothing,
}

impl SnapshotError {
    /// The error of a failed `act` with `path`.
    pub(super) fn io<E: Into<io::Error>>(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let error = PathError::on(act, path);
        move |source| Self::Io(error(source))
    }
}
