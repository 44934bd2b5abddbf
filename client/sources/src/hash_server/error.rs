//! What can go wrong with a hashserver.

use std::io;

use thiserror::Error;

use crate::http::HttpError;
use hashget_files::monitor::{Level, Monitor, error_chain};

/// What can go wrong with a hashserver.
#[derive(Debug, Error)]
pub enum HashServerError {
    /// The URL is none that a hashserver can have.
    #[error("{url:?} is not the URL of a hashserver (use http:// or https://)")]
    BadUrl {
        /// The URL as given.
        url: String,
    },
    /// The URL has a name or password, which messages and records would show.
    #[error("the URL of the hashserver {url} names a user or a password")]
    Password {
        /// The URL without them.
        url: String,
    },
    /// The server did not answer before and is not asked again in this run.
    #[error("the hashserver {url} is down")]
    Down {
        /// The server's URL.
        url: String,
    },
    /// There is a web server at the URL, but no hashserver. It is not asked again in this run.
    #[error("{url} is no hashserver: {what}")]
    NoServer {
        url: String,
        /// What is there instead.
        what: String,
    },
    /// A request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server's answer makes no sense.
    #[error("the hashserver {url} answered nonsense: {what}")]
    Nonsense {
        /// The server's URL.
        url: String,
        /// What makes no sense.
        what: String,
    },
    /// The server is a tree of static files and cannot do this.
    #[error("the hashserver {url} is a tree of static files: it cannot {action}")]
    Static {
        /// The server's URL.
        url: String,
        /// What was asked of it.
        action: &'static str,
    },
    /// A file to send cannot be read.
    #[error("cannot read {what} to send it")]
    Read {
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Tells that a server cannot be asked; of one that is down only when that is noticed.
pub(crate) fn warn(monitor: &dyn Monitor, error: &HashServerError) {
    let level = match error {
        HashServerError::Down { .. } => Level::Detail,
        _ => Level::Warning,
    };
    monitor.message(level, &error_chain(error));
}

impl HashServerError {
    /// Whether the server as a whole cannot be used at present.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Down { .. } | Self::NoServer { .. } => true,
            Self::Http(error) => error.is_unavailable(),
            _ => false,
        }
    }
}
