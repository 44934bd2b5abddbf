//! Why the server does not fetch something.

use std::io;

use hashget_transfer::UnknownCoding;
use thiserror::Error;

/// Why something was not fetched. The URLs in it are those that clients sent or servers
/// redirected to.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    /// The URL is not one that this server goes to.
    #[error("{url} is not fetched: {reason}")]
    Refused { url: String, reason: &'static str },
    /// The name has no address, or one that is not public. One sentence for both, and both are tried
    /// again: who asks learns nothing of the names of private networks.
    #[error("{url} is not fetched: its host has no public address")]
    NoAddress { url: String },
    /// No connection, or no answer.
    #[error("cannot ask for {url}")]
    Request {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// An answer that is no success.
    #[error("{url} answers with status {status}")]
    Status { url: String, status: u16 },
    /// Redirects that do not end.
    #[error("{url} redirects more than {limit} times")]
    Redirects {
        /// The first URL.
        url: String,
        /// How many are followed.
        limit: usize,
    },
    /// The body is too large.
    #[error("{url} is larger than {limit_bytes} bytes")]
    TooLarge { url: String, limit_bytes: u64 },
    /// The body comes too slowly.
    #[error("{url} comes too slowly: {received_bytes} bytes in {seconds} seconds")]
    TooSlow {
        url: String,
        received_bytes: u64,
        /// In how long.
        seconds: u64,
    },
    /// The body came in an encoding that was not asked for.
    #[error("{url} comes in an encoding that was not asked for")]
    Encoded {
        url: String,
        #[source]
        source: UnknownCoding,
    },
    /// The body ended early.
    #[error("{url} broke off after {received_bytes} bytes")]
    Broken {
        url: String,
        received_bytes: u64,
        #[source]
        source: io::Error,
    },
    /// What came cannot be kept.
    #[error("cannot keep what came from {url}")]
    Keep {
        url: String,
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    /// Whether another attempt may do better.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::Redirects { .. }
            | Self::TooLarge { .. }
            | Self::Encoded { .. } => false,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::NoAddress { .. }
            | Self::Request { .. }
            | Self::TooSlow { .. }
            | Self::Broken { .. }
            | Self::Keep { .. } => true,
        }
    }
}
