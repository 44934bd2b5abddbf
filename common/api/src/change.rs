//! `DELETE` and `PATCH api/v1/packages`: removes packages, or sets their attributes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;

/// The query string of `DELETE`: which packages go. A member that is not known is
/// refused: a misspelled `project` would mean every one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecQuery {
    /// Which packages; must be given.
    pub spec: PackageSpec,
    /// In which project; absent: in every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// The answer to `DELETE`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoveResponse {
    /// How many packages were removed.
    pub removed_packages: u64,
}

/// The body of `PATCH`: which packages, and what to set. A member that is not known is
/// refused: a misspelled `project` would mean every one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// The packages to change.
    pub spec: PackageSpec,
    /// In which project; absent: in every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// Attributes by name, `expires` included; `null` takes one away.
    pub set: Map<String, Value>,
}

/// The answer to `PATCH`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeResponse {
    /// How many packages were changed.
    pub changed_packages: u64,
}
