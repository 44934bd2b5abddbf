//! Why packing stopped.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use hashget_archive::TarWriteError;
use hashget_words::restore_file::RestoreFileError;
use thiserror::Error;

use hashget_files::path_error::PathError;
use hashget_files::tree::TreeError;

/// Why packing stopped. No archive was then made under the final name.
#[derive(Debug, Error)]
pub enum PackError {
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The look-up of packages failed.
    #[error("cannot look up which packages hold the files")]
    Lookup(#[source] Box<dyn Error + Send + Sync>),
    /// The tree has a restore file whose files are not there: it was unpacked and never restored.
    #[error(
        "{path} lists {missing} files that are not in the directory, such as {example}: packing it \
         now would lose them"
    )]
    NeverRestored {
        /// The restore file.
        path: PathBuf,
        /// How many of its files are missing.
        missing: usize,
        /// One of them.
        example: String,
    },
    /// The tree has something else where the restore file goes.
    #[error("{path} is in the way: the archive's list of left-out files has that name")]
    NotARestoreFile {
        /// What is in the way.
        path: PathBuf,
        /// Why it is no restore file.
        source: Option<RestoreFileError>,
    },
    /// The tree's own restore file cannot be read.
    #[error(transparent)]
    ReadRestoreFile(#[from] PathError),
    /// The restore file cannot be put into words.
    #[error("cannot write the list of left-out files")]
    RestoreFileJson(#[from] serde_json::Error),
    /// A file that packing makes cannot be written.
    #[error("cannot write {path}")]
    Output {
        /// The archive, exclude list or restore file.
        path: PathBuf,
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("cannot write {path}")]
    Archive {
        path: PathBuf,
        source: TarWriteError,
    },
}
