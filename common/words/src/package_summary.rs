//! What one needs to know of a package to choose it: all of its record but the digests.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::expiry::Expiry;
use crate::hash_package::url_name;
use crate::project::ProjectName;

/// The number under which a store keeps a record; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackageId(pub u64);

/// A package without its digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSummary {
    /// Its number in the store that answered.
    pub id: PackageId,
    /// The project it is in.
    pub project: ProjectName,
    /// Where it can be downloaded.
    pub url: String,
    /// The SHA-256 of the package file, where known.
    #[serde(default)]
    pub sha256: Option<Digest>,
    /// Its size in bytes, where known.
    #[serde(default)]
    pub size: Option<u64>,
    /// Until when it may be relied on.
    #[serde(default)]
    pub expires: Expiry,
    /// How many files of it are indexed.
    pub files: u64,
    /// How many anchors it has.
    pub anchors: u64,
}

impl PackageSummary {
    /// The last part of the URL, without query and fragment.
    pub fn name(&self) -> &str {
        url_name(&self.url)
    }
}
