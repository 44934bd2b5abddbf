//! The embedded store, and the only place that names sled.
//!
//! # Layout
//! Three trees (`keys`): the **catalog** with a small row per record, the project counts and the
//! meta values; the **records**, whole, in chunks of a few KiB (`chunks`, `record`); and the
//! **index**: buckets (`postings`, `bucket`) that lead from digests of files, from signatures and
//! from (project, URL) to numbers of records, beside one key for each expiry date. There is never
//! a key of its own for a hash: that costs three times the space.
//!
//! # Changes
//! One thread changes the store at a time; readers run beside it.
//! - *Publish* writes the record's chunks, then its index entries, and last, in one atomic batch
//!   of the catalog, its row, its place in the project, and the project's counts. The row is the
//!   commit point: a number without a row is no record, whatever the index says.
//! - *Replacement* (same project and URL) has the removal of the old row in that same batch. So
//!   there is the old record or the new one at any moment, and after any crash, never none and
//!   never both. The old one's index entries and chunks are taken out after that.
//! - *Removal* takes out the row first, then the index entries, then the chunks.
//! - *Update* writes a new head beside the old one, then the row that names it.
//!
//! sled recovers a prefix of its log, so whatever was written before a row is there if the row
//! is. A crash can leave index entries and chunks without a row; readers pass over them, and
//! [`SledStore::rebuild_index`] clears them away. Numbers are reserved on disk in blocks before
//! the first of a block is given, so that none is ever given twice.
//!
//! A digest's postings are read and matched against the rows under a lock that only the moment
//! of commit takes exclusively: a reader that finds the old record gone has seen the new one.
//!
//! # Room
//! sled writes a log in segments, and a segment is used again when what is live in it was moved. It
//! moves one page for each that it writes anew, which is too few for random digests: the thread
//! of `StoreOptions::cleaning_interval` moves the others. `copy` writes a store anew, densely.
//!
//! # In memory
//! A server keeps the digest index and the rows in memory as well (`resident`), within a bound.
//! It is filled after the start (`load`) and changes together with the trees; until it is whole, and
//! if it would grow too large, the trees answer.

mod bucket;
mod bytes;
mod check;
mod chunks;
mod copy;
mod durability;
mod engine_error;
mod find;
mod index_entries;
mod keys;
mod list;
mod load;
mod open;
mod postings;
mod publish;
mod rebuild;
mod record;
mod remove;
mod resident;
mod row;
#[cfg(test)]
mod tests;
mod update;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::civil::Date;
use sled::{Db, Tree};

pub use check::CheckReport;
pub use open::StoreOptions;
pub use rebuild::RebuildStats;

use self::durability::Durability;
use self::postings::IndexError;
use self::publish::Numbers;
use self::resident::{Resident, RowChange};
use self::row::{Counts, Row};
use super::{PackageStore, StoreError, StorePage, StoreQuery, StoreStats, StoredPackage};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

/// A store in a directory, used by one process at a time.
///
/// Dropping it closes it.
#[derive(Debug)]
pub struct SledStore {
    path: PathBuf,
    db: Db,
    catalog: Tree,
    records: Tree,
    /// The index tree. Taken exclusively for the moment of a commit, or to put another in.
    index: RwLock<Tree>,
    /// The right to change the store.
    writer: Mutex<Numbers>,
    durability: Durability,
    /// Commits since the store was opened.
    changes: AtomicU64,
    /// The digest index and the rows in memory, where that is wanted.
    resident: Resident,
}

impl SledStore {
    /// Takes the right to change the store. Every step of a change leaves the store sound, so
    /// that the panic of another thread does no harm.
    fn write(&self) -> MutexGuard<'_, Numbers> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps commits away while postings are read and matched against rows.
    fn read_index(&self) -> RwLockReadGuard<'_, Tree> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody matches postings against rows, and keeps everybody from it.
    fn lock_index(&self) -> RwLockWriteGuard<'_, Tree> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a batch of the catalog that makes records appear or disappear, as `rows` says.
    fn commit(&self, batch: sled::Batch, rows: Vec<RowChange>) -> Result<(), StoreError> {
        let _guard = self.lock_index();
        // Counted after the change: who reads the new number sees the change.
        let result = self.catalog.apply_batch(batch);
        match &result {
            Ok(()) => self.resident.apply_rows(rows),
            // Nobody knows what of it happened.
            Err(_) => self.resident.give_up(),
        }
        self.changes.fetch_add(1, Ordering::SeqCst);
        result.map_err(|error| self.engine("write", error))
    }

    /// The generation of the index tree.
    fn index_generation(&self) -> Result<u64, StoreError> {
        let generation = open::meta(&self.path, &self.catalog, keys::INDEX_GENERATION)?;
        Ok(generation.unwrap_or(0))
    }

    /// Applies a batch of the catalog that names another index tree, and uses that one. It is
    /// on disk before the caller can drop the old one.
    fn switch_index(&self, batch: sled::Batch, new: Tree) -> Result<(), StoreError> {
        let mut index = self.lock_index();
        // The old index may have lacked something.
        self.resident.give_up();
        self.catalog
            .apply_batch(batch)
            .map_err(|error| self.engine("write", error))?;
        self.durability
            .wait_for(&self.db, self.durability.written())?;
        *index = new;
        Ok(())
    }

    /// Gives up the right to change the store, and waits until all that was done is on disk.
    fn finish(&self, numbers: MutexGuard<'_, Numbers>) -> Result<(), StoreError> {
        let written = self.durability.written();
        drop(numbers);
        self.durability.wait_for(&self.db, written)
    }

    /// The row of a record, if it is there.
    fn row(&self, id: PackageId) -> Result<Option<Row>, StoreError> {
        let value = self
            .catalog
            .get(keys::row(id))
            .map_err(|error| self.engine("read", error))?;
        value.map(|value| self.decode_row(id, &value)).transpose()
    }

    fn decode_row(&self, id: PackageId, value: &[u8]) -> Result<Row, StoreError> {
        Row::decode(value).ok_or_else(|| self.damaged(format!("row {} makes no sense", id.0)))
    }

    /// The counts of a project, if there is such a project.
    fn counts(&self, project: &ProjectName) -> Result<Option<Counts>, StoreError> {
        let value = self
            .catalog
            .get(keys::project(project))
            .map_err(|error| self.engine("read", error))?;
        let decode = |value: sled::IVec| {
            Counts::decode(&value).ok_or_else(|| {
                self.damaged(format!("the counts of project {project} make no sense"))
            })
        };
        value.map(decode).transpose()
    }

    fn engine(&self, action: &'static str, source: sled::Error) -> StoreError {
        engine_error::engine_error(action, &self.path, source)
    }

    fn index_error(&self, action: &'static str, error: IndexError) -> StoreError {
        match error {
            IndexError::Engine(error) => self.engine(action, error),
            IndexError::Bucket(key) => {
                self.damaged(format!("index bucket {key:02x?} makes no sense"))
            }
        }
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}

impl PackageStore for SledStore {
    fn publish(
        &self,
        project: &ProjectName,
        packages: &[HashPackage],
    ) -> Result<Vec<PackageId>, StoreError> {
        self.publish_packages(project, packages)
    }

    fn get(&self, ids: &[PackageId]) -> Result<Vec<Option<StoredPackage>>, StoreError> {
        ids.iter().map(|id| self.stored_package(*id)).collect()
    }

    fn summaries(&self, ids: &[PackageId]) -> Result<Vec<Option<Arc<PackageSummary>>>, StoreError> {
        if let Some(summaries) = self.resident.summaries(ids) {
            return Ok(summaries);
        }
        let summary = |id: &PackageId| {
            let row = self.row(*id)?;
            Ok(row.map(|row| Arc::new(row.into_summary(*id))))
        };
        ids.iter().map(summary).collect()
    }

    fn find_digests(&self, digests: &[Digest]) -> Result<Vec<Vec<PackageId>>, StoreError> {
        self.find_all_digests(digests)
    }

    fn match_digests(
        &self,
        digests: &[Digest],
        visit: &mut dyn FnMut(usize, &[&Arc<PackageSummary>]),
    ) -> Result<(), StoreError> {
        self.match_all_digests(digests, visit)
    }

    fn load(&self, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        self.load_resident(stop)
    }

    fn resident_bytes(&self) -> Option<u64> {
        self.resident.bytes()
    }

    fn visit_digests(
        &self,
        first: &Digest,
        last: &Digest,
        visit: &mut dyn FnMut(&Digest, PackageId) -> bool,
    ) -> Result<(), StoreError> {
        self.visit_index(first, last, visit)
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn find_signatures(&self, signatures: &[Signature]) -> Result<Vec<Vec<PackageId>>, StoreError> {
        self.find_all_signatures(signatures)
    }

    fn list(&self, query: &StoreQuery) -> Result<StorePage, StoreError> {
        self.list_page(query)
    }

    fn expired(&self, day: Date, limit: usize) -> Result<Vec<PackageId>, StoreError> {
        self.first_expired(day, limit)
    }

    fn update(&self, id: PackageId, package: &HashPackage) -> Result<bool, StoreError> {
        self.update_package(id, package)
    }

    fn remove(&self, ids: &[PackageId]) -> Result<u64, StoreError> {
        self.remove_packages(ids)
    }

    fn add_project(&self, project: &ProjectName) -> Result<bool, StoreError> {
        let writer = self.write();
        if self.counts(project)?.is_some() {
            return Ok(false);
        }
        self.catalog
            .insert(keys::project(project), Counts::default().encode())
            .map_err(|error| self.engine("write", error))?;
        self.finish(writer)?;
        Ok(true)
    }

    fn remove_project(&self, project: &ProjectName) -> Result<bool, StoreError> {
        self.remove_whole_project(project)
    }

    fn projects(&self) -> Result<Vec<ProjectName>, StoreError> {
        let stats = self.project_stats()?;
        Ok(stats.into_iter().map(|(project, _)| project).collect())
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.store_stats()
    }
}
