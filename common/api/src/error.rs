//! The one form in which every error is answered.

use serde::{Deserialize, Serialize};

/// The body of every answer with a status of 400 or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What kind of error, for programs.
    pub error: ErrorCode,
    /// What happened and what to do, for people.
    pub message: String,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the request cannot be understood.
    BadRequest,
    /// 401: a token is needed, or the one given is unknown.
    Unauthorized,
    /// 403: the token's scope does not cover this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 405: not with this method.
    MethodNotAllowed,
    /// 408: the body came too slowly.
    Timeout,
    /// 413: the body or the batch is too large.
    TooLarge,
    /// 416: the range lies beyond the file.
    RangeNotSatisfiable,
    /// 422: the body's hash is not the one in the path.
    HashMismatch,
    /// 429: too many requests; `Retry-After` says when the next one is answered.
    TooManyRequests,
    /// 500: the server is at fault; details are in its log.
    Internal,
    /// 503: not now; try again later.
    Unavailable,
    /// 507: the server's disk is full; reading goes on.
    InsufficientStorage,
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}
