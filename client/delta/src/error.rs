//! What can go wrong with deltas.

use std::fmt;
use std::io;
use std::path::PathBuf;

use hashget_archive::{ArchiveError, TarWriteError};
use hashget_words::rel_path::RelPath;
use thiserror::Error;

use super::patch::{DiffError, PatchError, SignatureError};
use hashget_files::path_error::PathError;
use hashget_files::tree::{HashError, PatternError, TreeError};

/// Why an index or a delta could not be made, read or applied.
#[derive(Debug, Error)]
pub enum DeltaError {
    /// The directory cannot be opened.
    #[error(transparent)]
    Directory(#[from] TreeError),
    /// A pattern is wrong.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Something in the directory could not be read.
    #[error("{path} cannot be indexed: {problems} problems were reported")]
    Incomplete {
        path: PathBuf,
        /// How many problems there were.
        problems: u64,
    },
    /// A file could not be read, or changed meanwhile.
    #[error("cannot index {path}")]
    Hash { path: RelPath, source: HashError },
    /// A file has no signature.
    #[error("cannot make the signature of {path}")]
    Signature {
        path: RelPath,
        source: SignatureError,
    },
    /// An apply was interrupted here.
    #[error("{0} is between two states: an apply was interrupted there, or goes on now")]
    Unfinished(PathBuf),
    /// Another process has the directory.
    #[error("another process is changing {0}")]
    Locked(PathBuf),
    /// An index, a delta or the stage could not be read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The delta's archive could not be written.
    #[error("cannot write the delta")]
    Archive(#[from] TarWriteError),
    /// The delta's archive could not be read.
    #[error("cannot read the delta")]
    Damaged(#[from] ArchiveError),
    /// It is no index, or no delta, or a damaged one.
    #[error("{path} is damaged or no {what}: {reason}")]
    Format {
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file of the new state is not what the index says.
    #[error("{0} changed while the delta was made")]
    Changed(RelPath),
    /// A file of the new state could not be read.
    #[error("cannot read {path}")]
    Content { path: RelPath, source: io::Error },
    /// A patch could not be made.
    #[error("cannot make the patch of {path}")]
    Diff { path: RelPath, source: DiffError },
    /// A patch could not be applied.
    #[error("cannot patch {path}")]
    Patch { path: RelPath, source: PatchError },
    /// The directory is not what the delta expects.
    #[error("{path} is not in the state that the delta is for")]
    NotTheState {
        path: PathBuf,
        differences: Differences,
    },
    /// A file in the delta is not what the delta promises.
    #[error("the delta's content of {0} is not what it promises")]
    WrongContent(RelPath),
    /// Something could not be done in the directory.
    #[error("cannot {act} {path}")]
    Act {
        /// What was tried.
        act: &'static str,
        path: RelPath,
        source: io::Error,
    },
    /// Metadata could not be set.
    #[error("{path}: {what}")]
    Metadata {
        path: RelPath,
        /// What could not be set.
        what: String,
    },
    /// After everything was in place, the directory was not what it should be. The old state is
    /// back.
    #[error("the result is not the new state")]
    WrongResult { differences: Differences },
    /// The old state could not be brought back.
    #[error("{path} could not be brought back to its old state; what is missing lies in {stage}")]
    NotUndone {
        path: PathBuf,
        /// Where what is missing is kept.
        stage: PathBuf,
        source: Box<DeltaError>,
    },
}

/// What differs from what was expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences(pub Vec<Difference>);

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub path: RelPath,
    /// What differs, in words.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

impl DeltaError {
    /// For `map_err`: the error of a failed `act` with an index, a delta or the stage.
    pub(super) fn io(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let error = PathError::on(act, path);
        move |source| Self::Io(error(source))
    }

    /// Makes the error of something that failed in the directory.
    pub(super) fn act<E: Into<io::Error>>(
        act: &'static str,
        path: &RelPath,
    ) -> impl FnOnce(E) -> Self {
        let path = path.clone();
        move |source| Self::Act {
            act,
            path,
            source: source.into(),
        }
    }

    /// What differs, if that is the trouble.
    pub fn differences(&self) -> Option<&Differences> {
        match self {
            Self::NotTheState { differences, .. } | Self::WrongResult { differences } => {
                Some(differences)
            }
            _ => None,
        }
    }
}
