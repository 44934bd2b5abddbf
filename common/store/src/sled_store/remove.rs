//! Removing records and projects.

use std::collections::BTreeMap;

use sled::Batch;

use super::index_entries::IndexEntries;
use super::postings::Change;
use super::publish::COMMIT_RECORDS;
use super::resident::RowChange;
use super::row::Row;
use super::{SledStore, keys, record};
use crate::StoreError;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

impl SledStore {
    pub(super) fn remove_packages(&self, ids: &[PackageId]) -> Result<u64, StoreError> {
        let writer = self.write();
        let mut removed = 0;
        for some in ids.chunks(COMMIT_RECORDS) {
            removed += self.remove_some(some)?;
        }
        self.finish(writer)?;
        Ok(removed)
    }

    pub(super) fn remove_whole_project(&self, project: &ProjectName) -> Result<bool, StoreError> {
        let writer = self.write();
        if self.counts(project)?.is_none() {
            return Ok(false);
        }
        loop {
            let ids = self.members_after(project, None, COMMIT_RECORDS)?;
            if ids.is_empty() {
                break;
            }
            if self.remove_some(&ids)? == 0 {
                let what = format!("project {project} lists records that are not there");
                return Err(self.damaged(what));
            }
        }
        self.catalog
            .remove(keys::project(project))
            .map_err(|error| self.engine("write", error))?;
        self.finish(writer)?;
        Ok(true)
    }

    /// Removes at most [`COMMIT_RECORDS`] records; how many were there.
    fn remove_some(&self, ids: &[PackageId]) -> Result<u64, StoreError> {
        let mut rows = BTreeMap::new();
        for id in ids {
            if let Some(row) = self.row(*id)? {
                rows.insert(*id, row);
            }
        }
        let mut counts = BTreeMap::new();
        let mut batch = Batch::default();
        for (id, row) in &rows {
            if !counts.contains_key(&row.project) {
                let stored = self.counts(&row.project)?.unwrap_or_default();
                counts.insert(&row.project, stored);
            }
            if let Some(counts) = counts.get_mut(&row.project) {
                counts.subtract(row);
            }
            batch.remove(&keys::row(*id));
            batch.remove(keys::member(&row.project, *id));
        }
        for (project, counts) in counts {
            batch.insert(keys::project(project), counts.encode());
        }
        let gone = rows.keys().copied().map(RowChange::Gone);
        self.commit(batch, gone.collect())?;
        let rows: Vec<(PackageId, Row)> = rows.into_iter().collect();
        self.clear_removed(&rows)?;
        Ok(rows.len() as u64)
    }

    /// Takes records whose rows are gone out of the index, then drops their chunks. What cannot
    /// be read stays in the index, where readers pass over it.
    pub(super) fn clear_removed(&self, rows: &[(PackageId, Row)]) -> Result<(), StoreError> {
        let mut entries = IndexEntries::default();
        for (id, row) in rows {
            let head = record::decode_head(&self.read_part(*id, row.head)?);
            let lists = record::decode_digests(&self.read_part(*id, keys::DIGESTS_PART)?);
            let (files, anchors) = lists.unwrap_or_default();
            let package = HashPackage {
                url: row.url.clone(),
                expires: row.expires,
                files,
                anchors,
                ..head.unwrap_or_default()
            };
            entries.add(*id, &row.project, &package, &package.all_digests());
        }
        self.apply_index(Change::Remove, entries)?;
        for (id, _) in rows {
            self.remove_chunks(&id.0.to_be_bytes())?;
        }
        Ok(())
    }
}
