//! Why a restore cannot be done at all.

use std::io;
use std::path::{Path, PathBuf};

use hashget_archive::ArchiveError;
use hashget_files::path_error::PathError;
use hashget_words::restore_file::{RestoreFile, RestoreFileError};
use thiserror::Error;

/// Why a restore cannot be done at all. What merely leaves single files missing is in
/// [`RestoreStats`](super::RestoreStats).
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The target, the archive or the restore file could not be opened, read or written; going on would fail again and again.
    #[error(transparent)]
    Io(#[from] PathError),
    /// There is no restore file.
    #[error(
        "there is no {} in {}: either everything is restored already, or it is not what `hashget pack` made",
        RestoreFile::NAME, path.display()
    )]
    NoRestoreFile {
        /// The directory or archive.
        path: PathBuf,
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
}

impl RestoreError {
    pub(super) fn open(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io("open", path)
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io("read", path)
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io("write to", path)
    }

    fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let error = PathError::on(act, path.to_owned());
        move |source| Self::Io(error(source))
    }
}
