//! What can go wrong with a request, and the one place that makes answers of it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use hashget_api::{ErrorBody, ErrorCode};
use hashget_store::StoreError;
use hashget_words::digest::Digest;
use thiserror::Error;

use crate::auth::TokenError;
use crate::pool::PoolError;
use crate::submissions::JournalError;

/// What can go wrong with a request.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    /// The request cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// A token is needed, or the one given is unknown.
    #[error("{0}")]
    Unauthorized(String),
    /// The token does not cover this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Not with this method.
    #[error("this address takes only {0}")]
    MethodNotAllowed(&'static str),
    /// The body came too slowly.
    #[error("the body came too slowly: {received_bytes} bytes were received in {seconds} seconds")]
    Timeout {
        /// How much came.
        received_bytes: u64,
        /// In how long.
        seconds: u64,
    },
    /// The body or the batch is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The range lies beyond the file.
    #[error("the range lies beyond the file's {bytes} bytes")]
    RangeNotSatisfiable {
        /// The size of the file.
        bytes: u64,
    },
    /// The body is not what the path says.
    #[error("the body's hash is sha256:{found}, not sha256:{expected}; nothing was kept")]
    HashMismatch {
        /// The digest in the path.
        expected: Digest,
        /// The digest of the body.
        found: Digest,
    },
    /// The client, or its token, asks too often.
    #[error("too many requests: ask again in {} seconds", seconds(*wait))]
    TooManyRequests {
        /// When the next request is let through.
        wait: Duration,
    },
    /// Answers take all the memory that they may.
    #[error(
        "answers take all the memory that they may: take those that were asked for, and ask again"
    )]
    NoRoom,
    #[error("{0}; try again later")]
    Unavailable(&'static str),
    /// Too little space is left.
    #[error("the server's disk is full: nothing was written; reading goes on")]
    InsufficientStorage,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The tokens could not be read.
    #[error("the tokens cannot be read")]
    Tokens(#[from] TokenError),
    /// More is waiting than the server takes.
    #[error("{0}")]
    Busy(String),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// A failed act on a file.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        if is_disk_full(&source) {
            return Self::InsufficientStorage;
        }
        let path = path.to_owned();
        Self::Io {
            action,
            path,
            source,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::BadRequest(_) => ErrorCode::BadRequest,
            Self::Unauthorized(_) => ErrorCode::Unauthorized,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::MethodNotAllowed(_) => ErrorCode::MethodNotAllowed,
            Self::Timeout { .. } => ErrorCode::Timeout,
            Self::TooLarge(_) => ErrorCode::TooLarge,
            Self::RangeNotSatisfiable { .. } => ErrorCode::RangeNotSatisfiable,
            Self::HashMismatch { .. } => ErrorCode::HashMismatch,
            Self::InsufficientStorage => ErrorCode::InsufficientStorage,
            Self::TooManyRequests { .. } => ErrorCode::TooManyRequests,
            Self::Tokens(_) | Self::Unavailable(_) | Self::Busy(_) | Self::NoRoom => {
                ErrorCode::Unavailable
            }
            Self::Store(_) | Self::Io { .. } | Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// The message for the client: of the server's own faults only that there is one.
    pub(crate) fn told(&self) -> String {
        match self {
            _ if self.code() == ErrorCode::Internal => {
                "the server failed; its log says why".to_owned()
            }
            Self::Tokens(_) => "the server cannot check tokens; try again later".to_owned(),
            _ => self.to_string(),
        }
    }

    fn log(&self) {
        let is_own_fault = matches!(self.code(), ErrorCode::Internal | ErrorCode::Unavailable);
        if !is_own_fault || matches!(self, Self::Busy(_)) {
            return;
        }
        let mut chain = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            chain = format!("{chain}: {error}");
            next = error.source();
        }
        tracing::error!("{chain}");
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self.code() {
            ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
            ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::Timeout => StatusCode::REQUEST_TIMEOUT,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            ErrorCode::HashMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
            ErrorCode::Internal | ErrorCode::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        match self {
            Self::Unauthorized(_) => {
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Self::TooManyRequests { wait } => {
                answer.insert_header((header::RETRY_AFTER, seconds(*wait)));
            }
            Self::MethodNotAllowed(allowed) => {
                answer.insert_header((header::ALLOW, *allowed));
            }
            Self::NoRoom => {
                answer.insert_header((header::RETRY_AFTER, "2"));
            }
            Self::Busy(_) => {
                answer.insert_header((header::RETRY_AFTER, "60"));
            }
            Self::RangeNotSatisfiable { bytes } => {
                answer.insert_header((header::CONTENT_RANGE, format!("bytes */{bytes}")));
            }
            _ => {}
        }
        answer.json(ErrorBody {
            error: self.code(),
            message: self.told(),
        })
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::BadRecord { .. } => return Self::BadRequest(error.to_string()),
            StoreError::Io { source, .. } if is_disk_full(source) => {
                return Self::InsufficientStorage;
            }
            StoreError::Engine { source, .. } if engine_disk_full(source.as_ref()) => {
                return Self::InsufficientStorage;
            }
            StoreError::Locked { .. }
            | StoreError::Newer { .. }
            | StoreError::Engine { .. }
            | StoreError::Io { .. }
            | StoreError::Damaged { .. } => {}
        }
        Self::Store(error)
    }
}

impl From<PoolError> for ApiError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Io {
                action,
                path,
                source,
            } => Self::io(action, &path, source),
            PoolError::Mismatch { expected, found } => Self::HashMismatch { expected, found },
        }
    }
}

/// Whole seconds, and not too few.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        let (action, path, source) = error.into_parts();
        Self::io(action, &path, source)
    }
}

fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Looks for a full disk among the causes of an engine's error.
fn engine_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(is_disk_full) {
            return true;
        }
        next = error.source();
    }
    false
}
