//! `GET api/v1/packages`: the packages that a spec names, page by page.

use serde::{Deserialize, Serialize};

use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;

/// The query string.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListQuery {
    /// Which packages; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<PackageSpec>,
    /// In which project; absent: in every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// The page begins behind this package: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PackageId>,
    /// How many packages the page may hold; at most [`super::MAX_LIST_PACKAGES`], the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// One page of the packages that the query names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListResponse {
    /// The packages, by their numbers. Expired ones are listed only where the spec asks for them.
    pub packages: Vec<PackageSummary>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<PackageId>,
}
