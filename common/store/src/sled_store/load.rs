//! Filling the index in memory from the store, beside everything else.

use super::SledStore;
use super::bucket;
use super::postings::Change;
use super::resident::RowChange;
use crate::StoreError;
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageId;

/// How many rows are read before a waiting commit gets its turn.
const ROWS_PER_TURN: usize = 256;
/// How many entries are gathered before they are put in.
const GATHERED_ENTRIES: usize = 4096;

impl SledStore {
    /// Fills the index in memory, unless it is whole already; whether it answers now.
    pub(super) fn load_resident(&self, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        if !self.resident.is_wanted() || self.resident.is_whole() {
            return Ok(self.resident.is_whole());
        }
        {
            // Between a commit and what it tells the index, nothing may begin.
            let _guard = self.lock_index();
            self.resident.begin();
        }
        let filled = self.fill_rows(stop).and_then(|()| self.fill_entries(stop));
        if stop() || filled.is_err() {
            self.resident.give_up();
        } else {
            self.resident.finish();
        }
        filled.map(|()| self.resident.is_whole())
    }

    /// Rows are read and put in while no commit runs, so that none comes back that was removed.
    fn fill_rows(&self, stop: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let mut after = None;
        while self.resident.is_filling() && !stop() {
            let guard = self.read_index();
            let mut rows = Vec::new();
            for item in self.rows_after(after).take(ROWS_PER_TURN) {
                let (id, row) = item?;
                after = Some(id);
                rows.push(RowChange::Set(id, Box::new(row)));
            }
            if rows.is_empty() {
                return Ok(());
            }
            self.resident.apply_rows(rows);
            drop(guard);
        }
        Ok(())
    }

    /// An entry that is removed between its reading and its coming in stays as one without a
    /// record, and does no harm: numbers are never given again.
    fn fill_entries(&self, stop: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let all = [[0; Digest::BYTES], [0xff; Digest::BYTES]].map(Digest::from_bytes);
        let mut entries = Vec::with_capacity(GATHERED_ENTRIES);
        self.visit_index(&all[0], &all[1], &mut |digest: &Digest, id: PackageId| {
            entries.push(bucket::entry(digest, id));
            if entries.len() == GATHERED_ENTRIES {
                self.resident.apply(Change::Add, &entries);
                entries.clear();
            }
            self.resident.is_filling() && !stop()
        })?;
        self.resident.apply(Change::Add, &entries);
        Ok(())
    }
}
