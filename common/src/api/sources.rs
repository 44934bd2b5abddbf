//! `GET api/v1/sources/dead`: packages that could no longer be downloaded when they were checked.

use serde::{Deserialize, Serialize};

/// The query string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadSourcesQuery {
    /// Only URLs behind this one.
    #[serde(default)]
    pub after: String,
}

/// One URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadSource {
    /// The URL.
    pub url: String,
    /// The day on which it was first found dead, `YYYY-MM-DD`.
    pub since: String,
    /// The day on which it was last checked.
    pub checked: String,
    /// What is wrong.
    pub reason: String,
}

/// The answer: at most [`super::MAX_LIST_PACKAGES`], by URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadSourcesResponse {
    /// The URLs.
    pub dead: Vec<DeadSource>,
}
