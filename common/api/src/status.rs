//! `GET api/v1/status`: what the server holds.

use serde::{Deserialize, Serialize};

use hashget_words::project::ProjectName;

/// What the server is, and how much it holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusResponse {
    /// The server's name, from its settings.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// How many packages are known.
    pub packages: u64,
    /// How many entries the digest index has.
    pub digests: u64,
    /// The size of the store on disk, in bytes.
    pub store_bytes: u64,
    /// The time since the start, in seconds.
    pub uptime_seconds: u64,
    /// Submissions that wait or are worked on.
    #[serde(default)]
    pub waiting_submissions: u64,
    /// URLs of packages that were found dead.
    #[serde(default)]
    pub dead_sources: u64,
    /// Whether look-ups may be asked and answered in the compact form, too.
    #[serde(default)]
    pub compact_lookup: bool,
    /// The projects, by name.
    pub projects: Vec<ProjectStatus>,
}

/// One project in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectStatus {
    /// The name of the project.
    pub name: ProjectName,
    /// How many packages it has.
    pub packages: u64,
    /// How many indexed files they have.
    pub files: u64,
    /// How many anchors they have.
    pub anchors: u64,
    /// The sum of the known sizes of the packages, in bytes.
    pub packages_bytes: u64,
}
