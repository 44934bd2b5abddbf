//! Making every index anew from the records.

use sled::{Batch, IVec};

use super::postings::Change;
use super::{SledStore, keys};
use crate::StoreError;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// How many keys are changed at once.
const BATCH_KEYS: usize = 90;

/// What [`SledStore::rebuild_index`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildStats {
    /// Records that were indexed.
    pub packages: u64,
    /// Entries of the new index, of all kinds.
    pub index_entries: u64,
    /// Records that cannot be read. They stay, found by their URL only, until they are removed
    /// or published again.
    pub damaged: Vec<PackageId>,
    /// Pieces of records that are not there, removed.
    pub removed_chunks: u64,
}

impl SledStore {
    /// Builds the index and all counts from the records, and removes what belongs to none.
    ///
    /// The new index is built beside the old one, which answers until the new one takes its
    /// place at once; a crash before that leaves the old one. Nothing can be changed meanwhile.
    pub fn rebuild_index(&self) -> Result<RebuildStats, StoreError> {
        let writer = self.write();
        let write_error = |error| self.engine("write", error);
        let old = self.read_index().clone();
        let generation = self.index_generation()? + 1;
        let name = keys::index_tree(generation);
        self.db.drop_tree(&name).map_err(write_error)?;
        let new = self.db.open_tree(&name).map_err(write_error)?;
        let survey = self.survey(|mut entries| {
            let added = entries.apply(Change::Add, &new);
            added.map_err(|error| self.index_error("write", error))
        })?;
        self.repair_members()?;
        let mut batch = Batch::default();
        let projects = self.project_names()?;
        let all = projects.iter().chain(survey.counts.keys());
        for (place, project) in all.enumerate() {
            let counts = survey.counts.get(project).cloned().unwrap_or_default();
            batch.insert(keys::project(project), counts.encode());
            if place % BATCH_KEYS == BATCH_KEYS - 1 {
                self.commit(std::mem::take(&mut batch), Vec::new())?;
            }
        }
        batch.insert(keys::INDEX_GENERATION, &generation.to_be_bytes());
        self.switch_index(batch, new)?;
        self.db.drop_tree(old.name()).map_err(write_error)?;
        let mut removed_chunks = 0;
        self.stray_chunks(|key| {
            removed_chunks += 1;
            self.records.remove(key).map(drop).map_err(write_error)
        })?;
        self.finish(writer)?;
        Ok(RebuildStats {
            packages: survey.packages,
            index_entries: survey.entries,
            damaged: survey.damaged,
            removed_chunks,
        })
    }

    /// Makes the list of each project's records agree with the rows.
    fn repair_members(&self) -> Result<(), StoreError> {
        for item in self.rows_after(None) {
            let (id, row) = item?;
            let member = keys::member(&row.project, id);
            if !self.has_key(&member)? {
                self.insert_catalog(&member)?;
            }
        }
        for key in self.catalog.scan_prefix([keys::MEMBER]).keys() {
            let key = key.map_err(|error| self.engine("read", error))?;
            let row = match keys::trailing_id(&key) {
                Some(id) => self.row(id)?,
                None => None,
            };
            let named = |row: &super::Row| key.starts_with(&keys::members(&row.project));
            if !row.as_ref().is_some_and(named) {
                let removed = self.catalog.remove(key);
                removed.map_err(|error| self.engine("write", error))?;
            }
        }
        Ok(())
    }

    fn has_key(&self, key: &[u8]) -> Result<bool, StoreError> {
        let found = self.catalog.contains_key(key);
        found.map_err(|error| self.engine("read", error))
    }

    fn insert_catalog(&self, key: &[u8]) -> Result<(), StoreError> {
        let inserted = self.catalog.insert(key, IVec::default());
        inserted
            .map(drop)
            .map_err(|error| self.engine("write", error))
    }

    /// The projects that have a readable name, whatever their counts say.
    fn project_names(&self) -> Result<Vec<ProjectName>, StoreError> {
        let mut names = Vec::new();
        for key in self.catalog.scan_prefix([keys::PROJECT]).keys() {
            let key = key.map_err(|error| self.engine("read", error))?;
            let name = std::str::from_utf8(&key[1..]).ok();
            names.extend(name.and_then(|name| name.parse().ok()));
        }
        Ok(names)
    }
}
