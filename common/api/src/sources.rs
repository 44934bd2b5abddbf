//! `GET api/v1/sources/dead`: packages that could no longer be downloaded when they were checked;
//! and `GET api/v1/packages/ID`: where one package can be fetched.

use serde::{Deserialize, Serialize};

use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// The query string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadSourcesQuery {
    /// Only URLs behind this one.
    #[serde(default)]
    pub after: String,
}

/// A URL of a package that failed its last check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadSource {
    /// The URL under which the package was published.
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
    /// The dead URLs, in ascending order.
    pub dead: Vec<DeadSource>,
}

/// What is known of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It could be fetched when it was last checked.
    Alive,
    /// It is gone, or is something else now.
    Dead,
    /// When it was last checked it could not be told.
    Unclear,
    /// It was not checked yet.
    Unchecked,
}

/// A URL of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSource {
    /// The record that names it.
    pub id: PackageId,
    /// The URL under which the package was published.
    pub url: String,
    /// What is known of it.
    pub state: SourceState,
    /// The day on which it was last checked, or for one that is alive, on which the round of
    /// checks began.
    pub checked: Option<String>,
    /// Why it is dead.
    pub reason: Option<String>,
}

/// The answer to `GET api/v1/packages/ID`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackageResponse {
    /// Its number in the store that answered.
    pub id: PackageId,
    /// The project it is in.
    pub project: ProjectName,
    /// The whole record, with the digests of its files.
    pub package: HashPackage,
    /// Every URL under which a package with the same SHA-256 was published, the best first.
    pub sources: Vec<PackageSource>,
}
