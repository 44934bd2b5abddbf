//! What is to be done about the packages that nobody knows.

use hashget_words::project::ProjectName;

use super::{Job, Place};
use crate::heuristics::{PackageLocation, PackageRequest};

/// One job for each package; `project` overrides that of the heuristic.
pub(super) fn jobs(unknown: Vec<PackageRequest>, project: Option<&ProjectName>) -> Vec<Job> {
    let job = |request: PackageRequest| Job {
        place: match request.location {
            PackageLocation::Url(url) => Place::Url(url),
            PackageLocation::DebianSnapshot {
                name,
                version,
                architecture,
            } => Place::Snapshot {
                name,
                version,
                architecture,
            },
        },
        signatures: request.signatures,
        project: project.cloned().unwrap_or(request.project),
    };
    unknown.into_iter().map(job).collect()
}
