//! Checking a store: every record is read, and every entry of the index is looked for.

use std::collections::BTreeMap;

use super::index_entries::{self, IndexEntries};
use super::row::{Counts, Row};
use super::{SledStore, keys, record};
use crate::StoreError;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// How many index entries are gathered before they are looked for, or written.
const GATHERED_ENTRIES: usize = 500_000;

/// What [`SledStore::check`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Records that were read.
    pub packages: u64,
    /// Entries of the index, of all kinds.
    pub index_entries: u64,
    /// Records that cannot be read, or are not what their rows say.
    pub damaged: Vec<PackageId>,
    /// Index entries that records should have and do not.
    pub missing_entries: u64,
    /// Index entries that no record has. A crash may leave some, and they do no harm.
    pub stray_entries: u64,
    /// Pieces of records that are not there. A crash may leave some, and they do no harm.
    pub stray_chunks: u64,
    /// Projects whose counts are wrong.
    pub wrong_counts: Vec<ProjectName>,
}

impl CheckReport {
    /// Whether every record is whole and can be found.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.missing_entries == 0 && self.wrong_counts.is_empty()
    }
}

/// What the records of a store add up to.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) packages: u64,
    pub(super) entries: u64,
    pub(super) damaged: Vec<PackageId>,
    pub(super) counts: BTreeMap<ProjectName, Counts>,
}

impl SledStore {
    /// Checks all records and indexes. Nothing can be changed meanwhile; reading can go on.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        let _writer = self.write();
        let index = self.read_index().clone();
        let read_error = |error| self.index_error("read", error);
        let mut missing_entries = 0;
        let mut survey = self.survey(|entries| {
            missing_entries += entries.count_missing(&index).map_err(read_error)?;
            Ok(())
        })?;
        let index_entries = index_entries::count(&index).map_err(read_error)?;
        let (mut members, mut wrong_counts) = (0, Vec::new());
        for (project, counts) in self.project_stats()? {
            members += self.members_after(&project, None, usize::MAX)?.len() as u64;
            if survey.counts.remove(&project).unwrap_or_default() != counts {
                wrong_counts.push(project);
            }
        }
        wrong_counts.extend(survey.counts.into_keys());
        let mut stray_chunks = 0;
        self.stray_chunks(|_| {
            stray_chunks += 1;
            Ok(())
        })?;
        Ok(CheckReport {
            packages: survey.packages,
            index_entries,
            damaged: survey.damaged,
            missing_entries: missing_entries + survey.packages.saturating_sub(members),
            stray_entries: index_entries.saturating_sub(survey.entries - missing_entries),
            stray_chunks,
            wrong_counts,
        })
    }

    /// Reads every record, and hands out the index entries that there should be.
    pub(super) fn survey(
        &self,
        mut visit: impl FnMut(IndexEntries) -> Result<(), StoreError>,
    ) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        let mut entries = IndexEntries::default();
        for item in self.rows_after(None) {
            let (id, row) = item?;
            survey.packages += 1;
            survey
                .counts
                .entry(row.project.clone())
                .or_default()
                .add(&row);
            let package = self.record_of_row(id, &row)?.unwrap_or_else(|| {
                survey.damaged.push(id);
                HashPackage {
                    url: row.url.clone(),
                    expires: row.expires,
                    ..HashPackage::default()
                }
            });
            let before = entries.len();
            entries.add(id, &row.project, &package, &package.all_digests());
            survey.entries += (entries.len() - before) as u64;
            if entries.len() > GATHERED_ENTRIES {
                visit(std::mem::take(&mut entries))?;
            }
        }
        visit(entries)?;
        Ok(survey)
    }

    /// The record of a row, if it can be read and is what the row says.
    fn record_of_row(&self, id: PackageId, row: &Row) -> Result<Option<HashPackage>, StoreError> {
        let head = record::decode_head(&self.read_part(id, row.head)?);
        let lists = record::decode_digests(&self.read_part(id, keys::DIGESTS_PART)?);
        let package = head.zip(lists).map(|(head, (files, anchors))| HashPackage {
            files,
            anchors,
            ..head
        });
        Ok(package.filter(|package| {
            let digests = package.all_digests().len() as u64;
            let expected = Row::new(&row.project, package, digests);
            (Row {
                head: row.head,
                ..expected
            }) == *row
        }))
    }

    /// Hands out the keys of chunks that no row names.
    pub(super) fn stray_chunks(
        &self,
        mut visit: impl FnMut(sled::IVec) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut current: Option<(PackageId, Option<Row>)> = None;
        for key in self.records.iter().keys() {
            let key = key.map_err(|error| self.engine("read", error))?;
            let Some((id, part)) = keys::chunk_part(&key) else {
                visit(key)?;
                continue;
            };
            if current.as_ref().is_none_or(|(current, _)| *current != id) {
                current = Some((id, self.row(id)?));
            }
            let row = current.as_ref().and_then(|(_, row)| row.as_ref());
            if row.is_none_or(|row| part != keys::DIGESTS_PART && part != row.head) {
                visit(key)?;
            }
        }
        Ok(())
    }
}
