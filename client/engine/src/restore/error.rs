//! Why a restore cannot be done at all.

use std::io;
use std::path::{Path, PathBuf};

use hashget_archive::ArchiveError;
use hashget_words::restore_file::{RestoreFile, RestoreFileError};
use thiserror::Error;

/// Why a restore cannot be done at all. What merely leaves single files missing is in
/// [`RestoreStats`](super::RestoreStats).
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The target, or the archive, could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// What was opened.
        path: PathBuf,
        source: io::Error,
    },
    /// There is no restore file.
    #[error(
        "there is no {} in {}: either everything is restored already, or it is not what `hashget pack` made",
        RestoreFile::NAME, path.display()
    )]
    NoRestoreFile {
        /// The directory or archive.
        path: PathBuf,
    },
    /// The restore file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The restore file.
        path: PathBuf,
        source: io::Error,
    },
    /// The restore file is not one, or was made by a newer program.
    #[error("cannot use {}", path.display())]
    RestoreFile {
        /// The restore file.
        path: PathBuf,
        /// What is wrong with it.
        source: RestoreFileError,
    },
    /// The archive is damaged. What came before the damage has been extracted.
    #[error("cannot read the archive {}", path.display())]
    Archive {
        path: PathBuf,
        /// Where and why.
        source: ArchiveError,
    },
    /// The file given is no archive that can be extracted.
    #[error("{} is not a tar archive", path.display())]
    NotArchive { path: PathBuf },
    /// The directory holds another archive's restore file, whose files are not restored yet.
    #[error(
        "{} belongs to another archive whose files are not all restored: run `hashget restore {}` first, or remove it",
        path.join(RestoreFile::NAME).display(), path.display()
    )]
    OtherRestoreFile { path: PathBuf },
    /// Another restore is running in the same directory.
    #[error("another restore is running in {}: wait until it ends", path.display())]
    Busy { path: PathBuf },
    /// Something in the target could not be written; going on would fail again and again.
    #[error("cannot write to {}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        source: io::Error,
    },
}

impl RestoreError {
    pub(super) fn open(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Open {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}
