//! `POST api/v1/packages`: adds records to a project.

use serde::{Deserialize, Serialize};

use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// At most [`super::MAX_BATCH_PACKAGES`] records for one project. A record replaces the one that
/// the project has for the same URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishRequest {
    /// The project, made if it is new.
    pub project: ProjectName,
    /// The records to add, each valid by itself; one bad record refuses them all.
    pub packages: Vec<HashPackage>,
}

/// Sent only when every record is on the server's disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PublishResponse {
    /// The numbers given to the records, in the order sent.
    pub ids: Vec<PackageId>,
}
