//! Why something with a backup series cannot be done.

use std::io;
use std::path::PathBuf;

use hashget_archive::ArchiveError;
use thiserror::Error;

use super::name::BackupId;
use hashget_engine::pack::PackError;
use hashget_engine::restore::RestoreError;
use hashget_files::path_error::PathError;
use hashget_files::tree::{PatternError, TreeError};
use hashget_sources::hash_server::HashServerError;

/// Why something with a backup series cannot be done.
#[derive(Debug, Error)]
pub enum SeriesError {
    /// A file or directory cannot be used.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The series file is wrong.
    #[error("series file {}, line {line}: {what}", path.display())]
    Config {
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// What a section says cannot be.
    #[error("section {section}: {what}")]
    Section {
        /// Profile and section.
        section: String,
        /// What is wrong.
        what: String,
    },
    /// No such profile or section.
    #[error("{} has no profile or section {name:?}", path.display())]
    Unknown {
        /// The series file.
        path: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// Another run works on the destination.
    #[error("another program works on the series in {} ({holder})", path.display())]
    Busy {
        path: PathBuf,
        /// Who holds the lock, as far as it said.
        holder: String,
    },
    /// Mode, length or count differ from those of the backups that exist.
    #[error("{what} cannot be changed from {old} to {new} while backups exist in {}", path.display())]
    Settled {
        what: &'static str,
        /// What the backups were made with.
        old: String,
        /// What the series file says now.
        new: String,
        path: PathBuf,
    },
    /// A destination without backups, while its replica has some.
    #[error("{} has no backups of this section, but its replica {} has", path.display(), replica.display())]
    EmptyDestination { path: PathBuf, replica: PathBuf },
    /// A destination that is missing, or without what runs leave in it.
    #[error("the destination {} is not there", path.display())]
    NoDestination {
        path: PathBuf,
        /// Whether an earlier run of this machine wrote into it.
        was_there: bool,
    },
    /// A file that could not be read when the backup was made.
    #[error("{path} could not be read when backup {id} was made, and is not in it")]
    Unreadable { id: BackupId, path: String },
    /// No such backup.
    #[error("there is no backup {id} in {}", path.display())]
    NoBackup {
        /// What was asked for.
        id: String,
        path: PathBuf,
    },
    /// A backup lacks the list of its files, or it cannot be read.
    #[error("{} has no usable list of its files: {what}", path.display())]
    NoChangeList { path: PathBuf, what: String },
    /// An archive cannot be read.
    #[error("cannot read {}", path.display())]
    Archive { path: PathBuf, source: ArchiveError },
    /// A hook failed.
    #[error("the {which} hook {command:?} {what}")]
    Hook {
        /// `pre` or `post`.
        which: &'static str,
        command: String,
        /// How it ended.
        what: String,
    },
    /// A path that is not in a backup.
    #[error("backup {id} has no file {path}")]
    NoFile { id: BackupId, path: String },
    /// Nothing in a backup is what was asked for.
    #[error("nothing in backup {id} is at the given paths")]
    NothingSelected { id: BackupId },
    /// Files could not be restored.
    #[error("{missing} files of backup {id} cannot be fetched, such as {example}")]
    Incomplete {
        id: String,
        missing: u64,
        /// One of them, with the reason.
        example: String,
    },
    /// The hashserver that has the archives cannot be used.
    #[error("cannot {action}")]
    Server {
        /// What was being done.
        action: &'static str,
        source: HashServerError,
    },
    /// Another machine worked on the same section.
    #[error("another machine changed the series on {url} meanwhile")]
    Changed { url: String },
    /// Something that is done only where the destination is a directory.
    #[error("{what} need a directory as destination, and that of {section} is a hashserver")]
    NeedsDirectory {
        /// What would be put there.
        what: &'static str,
        section: String,
    },
    /// A file cannot be made from its patch.
    #[error("cannot make {file} of its patch in {archive} for a version in {base}: {why}")]
    Patch {
        file: String,
        /// The archive with the patch.
        archive: String,
        /// The archives that should hold the version that it is for.
        base: String,
        why: String,
    },
    /// The directory is not empty.
    #[error("{} is not empty", path.display())]
    NotEmpty { path: PathBuf },
    /// The directory cannot be replaced as a whole.
    #[error("{} cannot be replaced: {what}", path.display())]
    NotReplaceable { path: PathBuf, what: &'static str },
    /// A backup that lacks files would replace a directory of which nothing is kept.
    #[error(
        "backup {id} lacks {count} files that could not be read when it was made, and no reserve backup is to be made"
    )]
    Lacking {
        id: BackupId,
        /// How many files.
        count: u64,
    },
    /// There is nothing to undo.
    #[error("there is no reserve backup of {} in {}", directory.display(), path.display())]
    NoReserve {
        directory: PathBuf,
        /// Where reserve backups are.
        path: PathBuf,
    },
    /// An exclude pattern cannot be used.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Something cannot be put into words.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

impl SeriesError {
    /// For `map_err`: a failure of the system.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let error = PathError::on(action, path);
        move |source| Self::Io(error(source))
    }
}
