//! What can go wrong with indexing.

use std::io;
use std::path::PathBuf;

use hashget_archive::ArchiveError;
use hashget_words::digest::Digest;
use thiserror::Error;

use crate::heuristics::SnapshotError;
use hashget_files::monitor::HostTrouble;
use hashget_sources::hash_db::HashDbError;
use hashget_sources::sources::FetchError;

/// Why one package could not be indexed.
#[derive(Debug, Error)]
pub enum IndexPackageError {
    /// The package is an archive, but broken or beyond a limit.
    #[error("cannot index the package {url}")]
    Archive {
        /// The package's URL.
        url: String,
        /// What is wrong with it.
        source: ArchiveError,
    },
    /// The package's file could not be read.
    #[error("cannot read the package file {} of {url}", path.display())]
    Read {
        /// The package's URL.
        url: String,
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is at the URL is no Debian package.
    #[error("{url} is no Debian package: is there a page about an error or a login in its place?")]
    NotDeb { url: String },
    /// What is at a URL that names an archive is a page or other text.
    #[error(
        "{url} is {what} and no archive, as its name says: is there a page about an error or a \
         login in its place?"
    )]
    Misnamed {
        url: String,
        /// What is there.
        what: &'static str,
    },
}

/// Why one package could not be fetched and indexed.
#[derive(Debug, Error)]
pub enum AcquireError {
    /// Its URL could not be found out.
    #[error("cannot find where {what} can be downloaded")]
    Locate { what: String, source: SnapshotError },
    /// Its URL would publish a secret.
    #[error(
        "the URL {url} names a user or a password, which a record would tell to everybody: put them \
         under [credentials.\"HOST\"] in a settings file, or into ~/.netrc"
    )]
    Password {
        /// The URL, without the secret.
        url: String,
    },
    /// It is another package than was named.
    #[error("{url} has sha256:{found}, and not sha256:{expected}")]
    OtherHash {
        url: String,
        expected: Digest,
        found: Digest,
    },
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The file that the user named could not be read.
    #[error("cannot read the package file {}", path.display())]
    Given {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It could not be indexed.
    #[error(transparent)]
    Index(#[from] IndexPackageError),
}

impl AcquireError {
    /// The host that did not answer, if that was why.
    pub(super) fn host_trouble(&self) -> Option<HostTrouble> {
        match self {
            Self::Locate {
                source: SnapshotError::Http(error),
                ..
            } => error.host_trouble(),
            Self::Fetch(error) => error.host_trouble(),
            _ => None,
        }
    }
}

/// Why a directory could not be indexed at all.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The directory cannot be read.
    #[error("cannot read the directory {}", path.display())]
    Root {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The local records cannot be read or written.
    #[error(transparent)]
    HashDb(#[from] HashDbError),
}
