//! `PUT` and `DELETE api/v1/projects/{name}`: makes an empty project, removes one with all its
//! records.

use serde::{Deserialize, Serialize};

use hashget_words::project::ProjectName;

/// The answer to both. A project that was made is answered with 201, one that was there with
/// 200; one that is not there and shall be removed with 404.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectResponse {
    /// The name of the project that was made or removed.
    pub project: ProjectName,
}
