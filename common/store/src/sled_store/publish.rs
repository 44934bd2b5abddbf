//! Publishing: records in, replaced ones out.

use std::collections::HashMap;

use sled::Batch;

use super::index_entries::IndexEntries;
use super::postings::Change;
use super::resident::RowChange;
use super::row::{Counts, Row};
use super::{SledStore, keys};
use crate::StoreError;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// The longest URL, in bytes.
pub(super) const MAX_URL_BYTES: usize = 8 << 10;
/// The most digests in a record, files and anchors together.
pub(super) const MAX_DIGESTS: usize = 5_000_000;
/// How many records are committed at once; each takes up to four keys of a batch.
pub(super) const COMMIT_RECORDS: usize = 24;
/// How many numbers are reserved beyond those needed.
const BLOCK: u64 = 256;

/// The numbers that may be given to records.
#[derive(Debug)]
pub(super) struct Numbers {
    next: u64,
    /// All below this are reserved on disk.
    reserved: u64,
    first: u64,
}

impl Numbers {
    /// Numbers of which none is reserved.
    pub(super) fn starting_at(next: u64) -> Self {
        Self {
            next,
            reserved: next,
            first: next,
        }
    }

    /// What to note as the next number when the store is closed.
    pub(super) fn to_give_back(&self) -> Option<u64> {
        (self.reserved > self.next && self.reserved > self.first).then_some(self.next)
    }
}

/// A record to be published, and what it replaces.
struct Incoming<'a> {
    package: &'a HashPackage,
    id: PackageId,
    digests: Vec<Digest>,
    replaced: Vec<(PackageId, Row)>,
}

impl SledStore {
    pub(super) fn publish_packages(
        &self,
        project: &ProjectName,
        packages: &[HashPackage],
    ) -> Result<Vec<PackageId>, StoreError> {
        packages.iter().try_for_each(validate)?;
        // Of two records with the same URL the later one counts.
        let last: HashMap<&str, usize> = packages
            .iter()
            .enumerate()
            .map(|(place, package)| (&*package.url, place))
            .collect();
        let mut numbers = self.write();
        self.reserve(&mut numbers, packages.len() as u64)?;
        let mut ids = vec![PackageId(0); packages.len()];
        let mut incoming = Vec::new();
        for (place, package) in packages.iter().enumerate() {
            if last[&*package.url] != place {
                continue;
            }
            let replaced = self.find_url(project, &package.url)?;
            if let [(id, row)] = &replaced[..]
                && self.is_stored(*id, row, package)
            {
                ids[place] = *id;
                continue;
            }
            ids[place] = PackageId(numbers.next);
            numbers.next += 1;
            incoming.push(Incoming {
                package,
                id: ids[place],
                digests: package.all_digests(),
                replaced,
            });
        }
        self.write_incoming(project, &incoming)?;
        self.finish(numbers)?;
        Ok(packages.iter().map(|p| ids[last[&*p.url]]).collect())
    }

    fn write_incoming(
        &self,
        project: &ProjectName,
        incoming: &[Incoming<'_>],
    ) -> Result<(), StoreError> {
        for new in incoming {
            self.write_record(new.id, new.package)?;
        }
        let mut entries = IndexEntries::default();
        for new in incoming {
            entries.add(new.id, project, new.package, &new.digests);
        }
        self.apply_index(Change::Add, entries)?;
        let mut counts = self.counts(project)?;
        if incoming.is_empty() && counts.is_none() {
            self.commit_records(project, &mut counts, &[])?;
        }
        for some in incoming.chunks(COMMIT_RECORDS) {
            self.commit_records(project, &mut counts, some)?;
        }
        let replaced = incoming.iter().flat_map(|new| &new.replaced);
        for (id, row) in replaced {
            self.clear_removed(&[(*id, row.clone())])?;
        }
        Ok(())
    }

    /// Makes records appear and those that they replace disappear, at once.
    fn commit_records(
        &self,
        project: &ProjectName,
        counts: &mut Option<Counts>,
        incoming: &[Incoming<'_>],
    ) -> Result<(), StoreError> {
        let counts = counts.get_or_insert_default();
        let mut batch = Batch::default();
        let mut rows = Vec::new();
        for new in incoming {
            let row = Row::new(project, new.package, new.digests.len() as u64);
            counts.add(&row);
            batch.insert(&keys::row(new.id), row.encode());
            batch.insert(keys::member(project, new.id), &[]);
            for (id, row) in &new.replaced {
                counts.subtract(row);
                batch.remove(&keys::row(*id));
                batch.remove(keys::member(project, *id));
                rows.push(RowChange::Gone(*id));
            }
            rows.push(RowChange::Set(new.id, Box::new(row)));
        }
        batch.insert(keys::project(project), counts.encode());
        self.commit(batch, rows)
    }

    /// Whether a record is stored already exactly like this. One that cannot be read is not.
    fn is_stored(&self, id: PackageId, row: &Row, package: &HashPackage) -> bool {
        let new = Row::new(&row.project, package, row.digests);
        let head = row.head;
        (Row { head, ..new }) == *row
            && matches!(self.stored_package(id), Ok(Some(stored)) if stored.package == *package)
    }

    /// Sees to it that `count` numbers may be given. The reservation is on disk before any of
    /// them is, so that a crash cannot make one be given again.
    fn reserve(&self, numbers: &mut Numbers, count: u64) -> Result<(), StoreError> {
        if numbers.next + count <= numbers.reserved {
            return Ok(());
        }
        let reserved = numbers.next + count + BLOCK;
        self.catalog
            .insert(keys::NEXT_ID, &reserved.to_be_bytes())
            .map_err(|error| self.engine("write", error))?;
        self.durability
            .wait_for(&self.db, self.durability.written())?;
        numbers.reserved = reserved;
        Ok(())
    }

    /// Puts entries into the index, or takes them out.
    pub(super) fn apply_index(
        &self,
        change: Change,
        mut entries: IndexEntries,
    ) -> Result<(), StoreError> {
        let tree = self.read_index().clone();
        entries
            .apply(change, &tree)
            .map_err(|error| self.index_error("write", error))?;
        self.resident.apply(change, entries.digests());
        Ok(())
    }
}

/// Refuses records that are not worth keeping, or too large to.
fn validate(package: &HashPackage) -> Result<(), StoreError> {
    let digests = package.files.len().saturating_add(package.anchors.len());
    let reason = if package.url.is_empty() {
        "it has no URL".to_owned()
    } else if package.url.len() > MAX_URL_BYTES {
        format!("its URL is longer than {MAX_URL_BYTES} bytes")
    } else if digests > MAX_DIGESTS {
        format!("it has more than {MAX_DIGESTS} digests")
    } else {
        return Ok(());
    };
    let url = package.url.chars().take(200).collect();
    Err(StoreError::BadRecord { url, reason })
}
