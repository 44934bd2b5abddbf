//! Why a download failed.

use hashget_files::path_error::PathError;
use hashget_transfer::UnknownCoding;
use thiserror::Error;

use crate::http::HttpError;

/// Why a download failed.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// The URL is a mere name.
    #[error("{url:?} is not a URL that can be downloaded")]
    NotDownloadable { url: String },
    /// The server or the network failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server sent the file in an encoding that was not asked for.
    #[error("cannot take {url} as it comes")]
    Encoded {
        url: String,
        #[source]
        source: UnknownCoding,
    },
    /// The server has other bytes than were asked for.
    #[error("{url} is another file: expected {expected}, got {got}")]
    WrongBytes {
        url: String,
        /// The digest or size asked for.
        expected: String,
        /// What came instead.
        got: String,
    },
    /// The cache could not be written or read.
    #[error(transparent)]
    Cache(#[from] PathError),
}

impl DownloadError {
    /// Whether the same download may well succeed later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Http(error) => error.is_unavailable(),
            _ => false,
        }
    }
}
