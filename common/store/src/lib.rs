//! Where records are kept: a trait, and the engines behind it.
//!
//! Every engine passes the same suite of tests, `conformance`.

#[cfg(test)]
mod conformance;
mod error;
pub mod json_lines;
mod sled_store;

use std::sync::Arc;

use jiff::civil::Date;

pub use error::StoreError;
pub use sled_store::{CheckReport, RebuildStats, SledStore, StoreOptions};

use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

/// A record as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPackage {
    /// The number that the store gave the record; never given again.
    pub id: PackageId,
    /// The project it is in.
    pub project: ProjectName,
    /// The whole record, with the digests of its files.
    pub package: HashPackage,
}

/// The question of [`PackageStore::list`].
#[derive(Clone, Debug)]
pub struct StoreQuery {
    /// The packages to list.
    pub spec: PackageSpec,
    /// The project to list; `None` lists all.
    pub project: Option<ProjectName>,
    /// Only packages with a higher number.
    pub after: Option<PackageId>,
    /// How many at most.
    pub limit: usize,
    /// Today, for [`PackageSpec::Expired`] without a date.
    pub today: Date,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StorePage {
    /// The packages, by ascending number, expired ones included.
    pub packages: Vec<PackageSummary>,
    /// The [`StoreQuery::after`] of the next page; `None` on the last one.
    pub next: Option<PackageId>,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Records in all projects.
    pub packages: u64,
    /// Entries of the digest index: distinct (digest, record) pairs.
    pub digests: u64,
    /// Bytes on disk.
    pub store_bytes: u64,
    /// Each project, by name.
    pub projects: Vec<ProjectStats>,
}

/// What a project holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectStats {
    /// The name of the project.
    pub name: ProjectName,
    /// Records in the project.
    pub packages: u64,
    /// Indexed files of all records.
    pub files: u64,
    /// Anchors of all records.
    pub anchors: u64,
    /// The sum of the known sizes of the packages, in bytes.
    pub packages_bytes: u64,
}

/// A collection of records that can be searched by the digests of the files in the packages.
///
/// A record is identified by its project and URL: publishing another one with both the same
/// replaces it, and an identical one stays as it is, with its number. Changes are on disk when the method returns, and are whole after any crash: a
/// record is there with all its index entries, or not at all. The store has no clock: it returns
/// expired records too, and the caller sorts them out by the summaries.
pub trait PackageStore: Send + Sync {
    /// Adds records to a project, made if it is new; returns their numbers, in the same order.
    fn publish(
        &self,
        project: &ProjectName,
        packages: &[HashPackage],
    ) -> Result<Vec<PackageId>, StoreError>;

    /// Whole records in the order of `ids`; `None` for a record that was removed.
    fn get(&self, ids: &[PackageId]) -> Result<Vec<Option<StoredPackage>>, StoreError>;

    /// Records without their digests, in the order of `ids`; `None` for a record that was removed.
    fn summaries(&self, ids: &[PackageId]) -> Result<Vec<Option<Arc<PackageSummary>>>, StoreError>;

    /// For each digest, the records that have it as a file, an anchor or the package itself, by
    /// ascending number.
    fn find_digests(&self, digests: &[Digest]) -> Result<Vec<Vec<PackageId>>, StoreError>;

    /// Calls `visit` for each digest that records have, with its place and their summaries, by
    /// ascending number; each digest is looked up at one moment. `visit` must not ask the store.
    fn match_digests(
        &self,
        digests: &[Digest],
        visit: &mut dyn FnMut(usize, &[&Arc<PackageSummary>]),
    ) -> Result<(), StoreError> {
        match_through(self, digests, visit)
    }

    /// Reads the digest index into memory, if the engine can and its options allow it; returns whether
    /// look-ups are answered from memory now. May take minutes; gives up when `stop` returns true.
    /// The store can be used meanwhile.
    fn load(&self, _stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// The size of the index in memory, in bytes; `None` if look-ups and summaries are read from disk.
    fn resident_bytes(&self) -> Option<u64> {
        None
    }

    /// Calls `visit` for each pair of a digest from `first` to `last`, both included, and a record
    /// that has it, in the order of both, until it returns `false`. Records that were just
    /// removed may be among them.
    fn visit_digests(
        &self,
        first: &Digest,
        last: &Digest,
        visit: &mut dyn FnMut(&Digest, PackageId) -> bool,
    ) -> Result<(), StoreError>;

    /// A number that differs after every change that [`PackageStore::find_digests`] can see. It is
    /// meaningful only while the store is open.
    fn changes(&self) -> u64;

    /// For each signature, the records that carry it, by ascending number.
    fn find_signatures(&self, signatures: &[Signature]) -> Result<Vec<Vec<PackageId>>, StoreError>;

    /// The records that a query names.
    fn list(&self, query: &StoreQuery) -> Result<StorePage, StoreError>;

    /// At most `limit` records that have expired at `day`, the earliest first.
    fn expired(&self, day: Date, limit: usize) -> Result<Vec<PackageId>, StoreError>;

    /// Sets `attrs` and `expires` of a record to those of `package`, and changes nothing else, not even
    /// its number; `false` if there is no such record.
    fn update(&self, id: PackageId, package: &HashPackage) -> Result<bool, StoreError>;

    /// Removes records; returns how many there were.
    fn remove(&self, ids: &[PackageId]) -> Result<u64, StoreError>;

    /// Makes an empty project; `false` if it is there already.
    fn add_project(&self, project: &ProjectName) -> Result<bool, StoreError>;

    /// Removes a project with all its records; `false` if there is none.
    fn remove_project(&self, project: &ProjectName) -> Result<bool, StoreError>;

    /// The projects, by name.
    fn projects(&self) -> Result<Vec<ProjectName>, StoreError>;

    /// What the store holds.
    fn stats(&self) -> Result<StoreStats, StoreError>;
}

/// Digests looked up together before `visit` is called for them.
const MATCHED_DIGESTS: usize = 256;

/// [`PackageStore::match_digests`] by the other methods.
fn match_through<S: PackageStore + ?Sized>(
    store: &S,
    digests: &[Digest],
    visit: &mut dyn FnMut(usize, &[&Arc<PackageSummary>]),
) -> Result<(), StoreError> {
    for (turn, some) in digests.chunks(MATCHED_DIGESTS).enumerate() {
        let found = store.find_digests(some)?;
        let mut ids: Vec<PackageId> = found.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let summaries = store.summaries(&ids)?;
        for ((place, digest), found) in some.iter().enumerate().zip(&found) {
            let summary = |id: &PackageId| {
                let at = ids.binary_search(id).ok()?;
                summaries[at].clone()
            };
            let mut rows: Vec<Arc<PackageSummary>> = found.iter().filter_map(summary).collect();
            // A record that is gone may have been replaced: then the new one has to be found.
            let mut expected = found.len();
            while rows.len() < expected {
                let again = store.find_digests(std::slice::from_ref(digest))?.concat();
                rows = store.summaries(&again)?.into_iter().flatten().collect();
                expected = again.len();
            }
            let rows: Vec<&Arc<PackageSummary>> = rows.iter().collect();
            if !rows.is_empty() {
                visit(turn * MATCHED_DIGESTS + place, &rows);
            }
        }
    }
    Ok(())
}
