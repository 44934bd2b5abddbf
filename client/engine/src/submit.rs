//! `hashget submit`: packages that the user names are indexed.
//!
//! What is submitted is always fetched and indexed anew: it replaces the record that the project
//! has for the same URL.

mod list;

use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use thiserror::Error;

pub use self::list::{ListError, read_list};
use crate::heuristics::SnapshotError;
use crate::index::{IndexServices, Job, Outcome, Place, RecordOptions, acquire_all};
use hashget_files::path_error::PathError;
use hashget_files::private::open_regular;
use hashget_sources::hash_db::HashDbError;

/// A package to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where it can be downloaded for good, or an opaque name that only a pool knows.
    pub url: String,
    /// Takes the package from this file instead of downloading it.
    pub file: Option<PathBuf>,
    /// Signatures beyond those found in the package.
    pub signatures: Vec<Signature>,
    /// The SHA-256 that the package must have.
    pub sha256: Option<Digest>,
    /// The project of its record, if that is another than that of the others.
    pub project: Option<ProjectName>,
}

/// How packages are submitted.
///
/// There is no default project: the original refuses `--submit` without `--project`
/// ("need --project when --submit", exit status 1), and so does the command line.
#[derive(Clone, Debug)]
pub struct SubmitOptions {
    /// Where the records go.
    pub project: ProjectName,
    /// How the packages are recorded.
    pub record: RecordOptions,
    /// How many packages are handled at once; 0: as many as there are processors.
    pub jobs: usize,
}

/// What came of submitting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubmitStats {
    /// Packages indexed, their records saved.
    pub new_packages: u64,
    /// Packages that failed; each was reported as a problem.
    pub failed_packages: u64,
    /// How often a hashserver took a package.
    pub accepted_uploads: u64,
    /// The records, in the order submitted, failures left out.
    pub records: Vec<HashPackage>,
}

/// Why nothing (more) was submitted.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The snapshot service could not be asked.
    #[error("cannot find the URL of {}", path.display())]
    Snapshot {
        /// The package file.
        path: PathBuf,
        /// What went wrong.
        source: SnapshotError,
    },
    /// The snapshot service does not have the file.
    #[error(
        "the snapshot service does not have {}: only packages that Debian published can be found \
         by their content", path.display()
    )]
    NotInSnapshot {
        /// The package file.
        path: PathBuf,
    },
    /// The records could not be saved.
    #[error(transparent)]
    HashDb(#[from] HashDbError),
}

/// Indexes packages and saves their records; what was downloaded is appended to the pool, and all
/// is offered to the hashservers that accept such URLs.
pub fn submit(
    packages: &[Submission],
    options: &SubmitOptions,
    services: &IndexServices<'_>,
) -> Result<SubmitStats, SubmitError> {
    let job = |package: &Submission| Job {
        of_hint: false,
        place: match &package.file {
            Some(path) => Place::File {
                url: package.url.clone(),
                path: path.clone(),
            },
            None => Place::Url(package.url.clone()),
        },
        signatures: package.signatures.clone(),
        project: package.project.as_ref().unwrap_or(&options.project).clone(),
        sha256: package.sha256,
    };
    let jobs: Vec<Job> = packages.iter().map(job).collect();
    let mut stats = SubmitStats::default();
    for acquisition in acquire_all(&jobs, &options.record, options.jobs, services)? {
        stats.accepted_uploads += acquisition.accepted_uploads;
        match acquisition.outcome {
            Outcome::New(record) => {
                stats.new_packages += 1;
                stats.records.push(*record);
            }
            Outcome::Skipped | Outcome::Failed => stats.failed_packages += 1,
        }
    }
    Ok(stats)
}

/// Indexes a `.deb` file whose URL the snapshot service knows by its SHA-1.
///
/// The usual project is [`ProjectName::DEBIAN`].
pub fn debsubmit(
    file: &Path,
    options: &SubmitOptions,
    services: &IndexServices<'_>,
) -> Result<SubmitStats, SubmitError> {
    let path = file.to_owned();
    if let Err(source) = open_regular(file) {
        let source = SnapshotError::Read(PathError::on("read", &path)(source));
        return Err(SubmitError::Snapshot { path, source });
    }
    let url = match services.snapshot.file_url(file) {
        Ok(Some(url)) => url,
        Ok(None) => return Err(SubmitError::NotInSnapshot { path }),
        Err(source) => return Err(SubmitError::Snapshot { path, source }),
    };
    let submission = Submission {
        url,
        file: Some(path),
        signatures: Vec::new(),
        sha256: None,
        project: None,
    };
    submit(&[submission], options, services)
}

#[cfg(test)]
mod tests;
