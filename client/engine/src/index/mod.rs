//! Indexing: which packages a directory is made of, and the records of them.
//!
//! [`index`] walks a directory once, asks every [heuristic](crate::heuristics) what it sees there, and
//! resolves each package named: the local `HashDB` has it (by signature), a hashserver has it, or
//! it is downloaded and [indexed](index_package). A package that fails is counted and reported,
//! the others go on.

mod acquire;
mod anchors;
mod crew;
mod error;
mod hints;
mod misnamed;
mod package;
mod plan;
mod pull;
mod resolve;
mod stats;
mod walk;

use std::path::{Path, PathBuf};
use std::time::Instant;

use hashget_words::project::ProjectName;

pub(crate) use acquire::{Job, Outcome, Place};
pub use anchors::{AnchorPatternError, AnchorPatterns};
pub(crate) use crew::acquire_all;
pub use error::{AcquireError, IndexError, IndexPackageError};
pub use package::{IndexedPackage, RecordOptions, index_package};
pub use stats::IndexStats;

use crate::heuristics::{HeuristicSet, SnapshotService};
use hashget_files::monitor::Monitor;
use hashget_sources::hash_db::CombinedLookup;
use hashget_sources::sources::PackageSources;

/// What indexing, submitting and getting stand on.
#[derive(Clone, Copy)]
pub struct IndexServices<'a> {
    /// The records: the local ones, then the hashservers'. Its monitor gets every event.
    pub lookup: &'a CombinedLookup<'a>,
    pub sources: &'a PackageSources,
    /// The same, for packages that only hints name.
    pub hint_sources: &'a PackageSources,
    /// Knows the URLs of Debian's packages.
    pub snapshot: &'a SnapshotService,
}

impl<'a> IndexServices<'a> {
    pub(crate) fn monitor(&self) -> &'a dyn Monitor {
        self.lookup.monitor
    }
}

/// How a directory is indexed.
#[derive(Debug)]
pub struct IndexOptions {
    /// What looks at the files.
    pub heuristics: HeuristicSet,
    /// How packages that are downloaded are recorded.
    pub record: RecordOptions,
    /// Puts every new record into this project, regardless of its heuristic.
    pub project: Option<ProjectName>,
    /// The same for packages that only hints name, which are then relied on for any file.
    pub hint_project: Option<ProjectName>,
    /// Also asks the hashservers for every anchor found in the directory (`--pull`).
    pub pull: bool,
    /// How many packages are downloaded and indexed at once; 0: as many as there are processors.
    pub jobs: usize,
    /// Goes on only in directories of the root's file system.
    pub one_file_system: bool,
    /// Looks also into what the kernel shows of its state in `/proc`, `/sys` and their kind.
    pub pseudo_file_systems: bool,
}

/// The directory that the argument of `--index` means: `:debian` stands for the running system's
/// dpkg database, as in the original.
pub fn index_root(argument: &Path) -> PathBuf {
    if argument.as_os_str() == ":debian" {
        PathBuf::from("/var/lib/dpkg")
    } else {
        argument.to_owned()
    }
}

/// Indexes the packages that `root` is made of.
///
/// The order for each: local by signature, else pulled from a hashserver by signature, else
/// downloaded and indexed; without a URL it is skipped. Fails only if the directory or the local
/// `HashDB` cannot be used at all.
pub fn index(
    root: &Path,
    options: &IndexOptions,
    services: &IndexServices<'_>,
) -> Result<IndexStats, IndexError> {
    let started = Instant::now();
    let survey = walk::survey(root, options, services.monitor())?;
    let mut stats = IndexStats {
        seen_files: survey.seen_files,
        ..IndexStats::default()
    };
    let (requests, hints, refused_hints) =
        hints::judge(survey.requests, &survey.root, services.monitor());
    stats.hints = hints;
    stats.refused_hints = refused_hints;
    let resolution = resolve::resolve(requests, services)?;
    stats.local_packages = resolution.local_packages;
    stats.pulled_packages = resolution.pulled_packages;
    let jobs = plan::jobs(resolution.unknown, options);
    for acquisition in acquire_all(&jobs, &options.record, options.jobs, services)? {
        match acquisition.outcome {
            Outcome::New(_) => stats.new_packages += 1,
            Outcome::Skipped => stats.skipped_packages += 1,
            Outcome::Failed => stats.failed_packages += 1,
        }
    }
    if options.pull {
        stats.anchor_packages = pull::pull(&survey.anchors, services)?;
    }
    stats.elapsed = started.elapsed();
    Ok(stats)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::bench;
