//! What is to be done about the packages that nobody knows.

use hashget_words::project::ProjectName;

use super::{IndexOptions, Job, Place};
use crate::heuristics::{PackageLocation, PackageRequest};

/// One job for each package; the project of `options` overrides that of the heuristic.
pub(super) fn jobs(unknown: Vec<PackageRequest>, options: &IndexOptions) -> Vec<Job> {
    let job = |request: PackageRequest| Job {
        project: project_of(&request, options),
        of_hint: request.hint.is_some(),
        sha256: None,
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
    };
    unknown.into_iter().map(job).collect()
}

/// Records that are there for hints alone are known by their project.
fn project_of(request: &PackageRequest, options: &IndexOptions) -> ProjectName {
    let chosen = match request.hint {
        Some(_) => &options.hint_project,
        None => &options.project,
    };
    chosen.as_ref().unwrap_or(&request.project).clone()
}
