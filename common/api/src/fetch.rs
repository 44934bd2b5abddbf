//! `POST api/v1/packages/fetch`: whole records, many at once.

use serde::{Deserialize, Serialize};

use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// The question; at most [`super::MAX_BATCH_PACKAGES`] packages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// The numbers of the packages, as this server gave them.
    pub ids: Vec<PackageId>,
}

/// The answer holds one of these per line, in the order asked; packages that are gone or have
/// expired are left out. The body is zstd-compressed where `Accept-Encoding` allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FetchedPackage {
    /// Its number in the store that answered.
    pub id: PackageId,
    /// The project it is in.
    pub project: ProjectName,
    /// The whole record, with the digests of its files.
    pub package: HashPackage,
}
