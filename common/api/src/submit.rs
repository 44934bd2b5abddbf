//! `POST api/v1/submissions`: asks the server to fetch, index and publish a package by itself;
//! `GET api/v1/submissions/{id}`: what became of it.

use serde::{Deserialize, Serialize};

use hashget_words::package_summary::PackageId;

/// The package that the server is asked to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// Where the package is; must match one of the server's `accept_url`.
    pub url: String,
}

/// How far a submission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionState {
    /// It waits for a worker.
    Queued,
    /// It is being fetched or indexed.
    Working,
    /// It is published.
    Done,
    /// It was given up; the message says why.
    Failed,
}

/// The answer to both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The number under which the submission can be asked for.
    pub id: u64,
    /// Where the package is.
    pub url: String,
    /// How far it is.
    pub state: SubmissionState,
    /// How many attempts were made.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The record, once it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
}
