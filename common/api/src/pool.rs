//! `POST api/v1/pool/have`: which of these files does the server's pool hold?
//!
//! The files themselves are at `pool/sha256/<h0h1>/<h2h3>/<h4h5>/<other>`: GET, HEAD and PUT and DELETE.

use serde::{Deserialize, Serialize};

use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;

/// The question; at most [`super::MAX_LOOKUP_KEYS`] digests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolHaveRequest {
    /// Digests of packages or anchors.
    pub digests: Vec<Digest>,
    /// Only files that this project put there; absent: every file that may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// The files that the pool holds; all others it lacks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolHaveResponse {
    /// `[place of the digest in the question, size in bytes]` of those that are there.
    pub files: Vec<(u32, u64)>,
}

/// The query of a `PUT` of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolPutQuery {
    /// The project that puts the file; absent: the one that the token publishes to, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// The query of a `DELETE` of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRemoveQuery {
    /// The project that put the file; only an administrator may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}
