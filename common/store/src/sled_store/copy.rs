//! Copying a store in the order of its keys.
//!
//! What is written in order is written densely, and once: the copy is a fraction of a store that
//! has grown record by record.

use std::collections::HashMap;
use std::path::Path;

use sled::Tree;

use super::bucket::{self, Entry};
use super::postings::Postings;
use super::{SledStore, StoreOptions, keys};
use crate::StoreError;
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageId;

/// About how many index entries are read at a time.
const ENTRIES_PER_TURN: usize = 50_000;

/// The records that are there, with the numbers of their heads.
type Present = HashMap<PackageId, u32>;

impl SledStore {
    /// Copies every record into a fresh store in `path`, and closes that. Records keep their
    /// numbers; what belongs to no record is left out, and an index that lacks something lacks it
    /// still. Nothing can be changed meanwhile.
    pub fn copy_to(&self, path: &Path, options: StoreOptions) -> Result<(), StoreError> {
        let _writer = self.write();
        let fresh = Self::open(path, options)?;
        let present = self.copy_catalog(&fresh)?;
        self.copy_records(&fresh, &present)?;
        let index = self.read_index().clone();
        self.copy_index(&index, &fresh, &present)?;
        fresh.finish(fresh.write())
    }

    fn copy_catalog(&self, fresh: &Self) -> Result<Present, StoreError> {
        let mut present = Present::new();
        for item in &self.catalog {
            let (key, value) = item.map_err(|error| self.engine("read", error))?;
            if key == keys::INDEX_GENERATION {
                continue;
            }
            if key.first() == Some(&keys::ROW)
                && let Some(id) = keys::trailing_id(&key)
            {
                present.insert(id, self.decode_row(id, &value)?.head);
            }
            fresh
                .catalog
                .insert(key, value)
                .map_err(|error| fresh.engine("write", error))?;
        }
        Ok(present)
    }

    fn copy_records(&self, fresh: &Self, present: &Present) -> Result<(), StoreError> {
        for item in &self.records {
            let (key, value) = item.map_err(|error| self.engine("read", error))?;
            let is_needed = keys::chunk_part(&key).is_some_and(|(id, part)| {
                let head = present.get(&id);
                head.is_some_and(|head| part == keys::DIGESTS_PART || part == *head)
            });
            if is_needed {
                fresh
                    .records
                    .insert(key, value)
                    .map_err(|error| fresh.engine("write", error))?;
            }
        }
        Ok(())
    }

    fn copy_index(&self, index: &Tree, fresh: &Self, present: &Present) -> Result<(), StoreError> {
        let new = fresh.read_index().clone();
        for postings in [Postings::digests, Postings::signatures, Postings::urls] {
            let (old, new) = (postings(index), postings(&new));
            let mut from = Some(bucket::entry(
                &Digest::from_bytes([0; Digest::BYTES]),
                PackageId(0),
            ));
            let (mut last, mut entries) = (None, Vec::<Entry>::new());
            while let Some(low) = from {
                let mut more = Vec::new();
                from = old
                    .entries_from(&low, ENTRIES_PER_TURN, &mut more)
                    .map_err(|error| self.index_error("read", error))?;
                more.retain(|entry| present.contains_key(&bucket::entry_id(entry)));
                entries.append(&mut more);
                last = new
                    .append(last, &mut entries, from.is_none())
                    .map_err(|error| fresh.index_error("write", error))?;
            }
        }
        for item in index.scan_prefix([keys::EXPIRY]) {
            let (key, value) = item.map_err(|error| self.engine("read", error))?;
            if keys::trailing_id(&key).is_some_and(|id| present.contains_key(&id)) {
                new.insert(key, value)
                    .map_err(|error| fresh.engine("write", error))?;
            }
        }
        Ok(())
    }
}
