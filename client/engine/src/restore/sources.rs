//! What a restore asks of the services that find bytes.

use std::error::Error;

use hashget_words::digest::Digest;
use serde::Serialize;

use hashget_files::monitor::{HostTrouble, Monitor};
use hashget_sources::hash_db::Found;
use hashget_sources::sources::{LocalPackage, PackageRef};

/// Why a source could not answer.
pub type SourceFailure = Box<dyn Error + Send + Sync>;

/// Where a restore gets bytes from, and what is known about who has them.
///
/// Every file that comes back was checked against its digest. None of the answers is trusted
/// beyond that: a wrong one costs time.
pub trait RestoreSources: Sync {
    /// The package, whole and checked: from a pool, the cache, or the first URL that works.
    fn package(
        &self,
        package: &PackageRef,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure>;

    /// Where each of these packages is without a download, if it is: in which pool, or in the
    /// cache. Pools on the network are asked only with `network`.
    fn at_hand(
        &self,
        packages: &[PackageRef],
        network: bool,
        monitor: &dyn Monitor,
    ) -> Vec<Option<String>> {
        let _ = (network, monitor);
        vec![None; packages.len()]
    }

    /// Which packages hold these files, as far as records tell: the local ones, then those of the
    /// hashservers. Expiry does not matter: a package that has expired may still be there.
    fn packages_with(
        &self,
        digests: &[Digest],
        monitor: &dyn Monitor,
    ) -> Result<Found, SourceFailure> {
        let _ = monitor;
        Ok(Found {
            packages: Vec::new(),
            matches: vec![Vec::new(); digests.len()].into(),
        })
    }

    /// The sizes of those of these files that a hashserver's pool can give one by one, in order.
    fn single_files(&self, digests: &[Digest], monitor: &dyn Monitor) -> Vec<Option<u64>> {
        let _ = monitor;
        vec![None; digests.len()]
    }

    /// One file from a hashserver's pool, checked.
    fn single_file(
        &self,
        digest: &Digest,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        let _ = monitor;
        Err(format!("no hashserver's pool has sha256:{digest}").into())
    }

    /// Whether each source of the package is alive, without fetching it.
    fn probe(&self, package: &PackageRef, monitor: &dyn Monitor) -> Vec<SourceReport>;

    /// Puts a package into the first pool that is a directory; returns whether there is one.
    fn keep(&self, package: &mut LocalPackage) -> Result<bool, SourceFailure> {
        let _ = package;
        Ok(false)
    }
}

/// What one source of a package said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// The pool, URL or hashserver.
    pub source: String,
    /// Whether it has the package, as far as one can tell without fetching it.
    pub alive: bool,
    /// Its size there in bytes, where known.
    pub size: Option<u64>,
    /// What it answered.
    pub detail: String,
    /// The host that did not answer, if that is how.
    #[serde(skip)]
    pub trouble: Option<HostTrouble>,
}
