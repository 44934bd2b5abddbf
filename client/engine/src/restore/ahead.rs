//! What is done for a restore while its archive is still being read.

use std::io::Seek;
use std::sync::{Mutex, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::restore_file::{RestoreFile, RestoreFileError};

use super::list::reference;
use super::options::RestoreOptions;
use super::sources::RestoreSources;
use hashget_files::monitor::Monitor;
use hashget_sources::sources::{LocalPackage, PackageRef};

/// The restore file of an archive, and the package that most will come from.
pub(super) struct Ahead {
    json: Vec<u8>,
    list: Result<RestoreFile, RestoreFileError>,
    ready: ReadyPackages,
}

impl Ahead {
    /// Reads `json`, and checks the largest package that is at hand.
    pub(super) fn read(
        json: Vec<u8>,
        options: &RestoreOptions,
        sources: &dyn RestoreSources,
        monitor: &dyn Monitor,
    ) -> Self {
        let list = RestoreFile::parse(&json);
        let ready = ReadyPackages::default();
        if let (Ok(list), true) = (&list, options.selection.is_all())
            && let Some(largest) = largest_at_hand(list, sources, monitor)
            && let Ok(package) = sources.package(&largest, monitor)
        {
            ready.keep(package);
        }
        Self { json, list, ready }
    }

    /// What `json` says, if it is what was read.
    pub(super) fn list(
        self,
        json: &[u8],
    ) -> Option<(Result<RestoreFile, RestoreFileError>, ReadyPackages)> {
        (self.json == json).then_some((self.list, self.ready))
    }
}

/// Nothing is downloaded ahead: it may turn out that nothing is needed.
fn largest_at_hand(
    list: &RestoreFile,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Option<PackageRef> {
    let packages: Vec<PackageRef> = list.packages.iter().map(reference).collect();
    let at_hand = sources.at_hand(&packages, false, monitor);
    packages
        .into_iter()
        .zip(at_hand)
        .filter(|(package, place)| package.sha256.is_some() && place.is_some())
        .map(|(package, _)| package)
        .max_by_key(|package| package.size)
}

/// Packages fetched and checked before their turn to be read.
#[derive(Debug, Default)]
pub(crate) struct ReadyPackages {
    packages: Mutex<Vec<LocalPackage>>,
}

impl ReadyPackages {
    /// More would use up the handles that a process may have.
    const MOST: usize = 64;

    /// Keeps a package, unless there are many.
    pub(super) fn keep(&self, package: LocalPackage) {
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        if packages.len() < Self::MOST {
            packages.push(package);
        }
    }

    /// Gives the package with this digest away, from its start.
    pub(super) fn take(&self, sha256: &Digest) -> Option<LocalPackage> {
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        let at = packages
            .iter()
            .position(|package| package.sha256 == *sha256)?;
        let mut package = packages.swap_remove(at);
        drop(packages);
        package.file.rewind().ok()?;
        Some(package)
    }
}
