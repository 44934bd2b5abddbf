//! Finding records by digest, signature or URL.

use std::collections::HashSet;
use std::sync::Arc;

use super::bucket;
use super::index_entries::{signature_digest, url_digest};
use super::postings::Postings;
use super::row::Row;
use super::{SledStore, keys};
use crate::{StoreError, match_through};
use hashget_words::digest::Digest;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

/// How many digests are looked up before a waiting commit gets its turn.
const DIGESTS_PER_TURN: usize = 64;
/// About how many entries of the index are read at a time when many are visited.
const ENTRIES_PER_TURN: usize = 2048;

impl SledStore {
    pub(super) fn find_all_digests(
        &self,
        digests: &[Digest],
    ) -> Result<Vec<Vec<PackageId>>, StoreError> {
        let mut found = vec![Vec::new(); digests.len()];
        let done = self.resident.find(digests, &mut |place, rows| {
            found[place] = rows.iter().map(|row| row.id).collect();
        });
        if done < digests.len() {
            found.truncate(done);
            found.extend(self.find(&digests[done..], Postings::digests, None)?);
        }
        Ok(found)
    }

    /// As [`SledStore::find_all_digests`], with the rows.
    pub(super) fn match_all_digests(
        &self,
        digests: &[Digest],
        visit: &mut dyn FnMut(usize, &[&Arc<PackageSummary>]),
    ) -> Result<(), StoreError> {
        let done = self.resident.find(digests, visit);
        match_through(self, &digests[done..], &mut |place, rows| {
            visit(done + place, rows);
        })
    }

    pub(super) fn find_all_signatures(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Vec<PackageId>>, StoreError> {
        let digests: Vec<Digest> = signatures.iter().map(signature_digest).collect();
        self.find(&digests, Postings::signatures, None)
    }

    /// The records with a number above `after` that carry a signature.
    pub(super) fn find_signature_after(
        &self,
        signature: &Signature,
        after: Option<PackageId>,
    ) -> Result<Vec<PackageId>, StoreError> {
        let digest = signature_digest(signature);
        let found = self.find(&[digest], Postings::signatures, after)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Hands out the digest index between two digests, a few buckets a turn, so that commits
    /// need not wait long.
    pub(super) fn visit_index(
        &self,
        first: &Digest,
        last: &Digest,
        visit: &mut dyn FnMut(&Digest, PackageId) -> bool,
    ) -> Result<(), StoreError> {
        let mut low = bucket::entry(first, PackageId(0));
        let high = bucket::entry(last, PackageId(u64::MAX));
        loop {
            let mut entries = Vec::new();
            let postings = Postings::digests(&self.read_index());
            let next = postings
                .entries_from(&low, ENTRIES_PER_TURN, &mut entries)
                .map_err(|error| self.index_error("read", error))?;
            for entry in entries {
                if entry > high {
                    return Ok(());
                }
                let mut digest = [0; Digest::BYTES];
                digest.copy_from_slice(&entry[..Digest::BYTES]);
                if !visit(&Digest::from_bytes(digest), bucket::entry_id(&entry)) {
                    return Ok(());
                }
            }
            match next {
                Some(next) => low = next,
                None => return Ok(()),
            }
        }
    }

    /// The record of a project with a URL: none or one.
    pub(super) fn find_url(
        &self,
        project: &ProjectName,
        url: &str,
    ) -> Result<Vec<(PackageId, Row)>, StoreError> {
        let found = self.find(&[url_digest(project, url)], Postings::urls, None)?;
        let mut rows = Vec::new();
        for id in found.into_iter().flatten() {
            if let Some(row) = self.row(id)?
                && row.url == url
                && row.project == *project
            {
                rows.push((id, row));
            }
        }
        Ok(rows)
    }

    /// Looks digests up in one of the indexes; only records that are there.
    fn find(
        &self,
        digests: &[Digest],
        postings: fn(&sled::Tree) -> Postings,
        after: Option<PackageId>,
    ) -> Result<Vec<Vec<PackageId>>, StoreError> {
        // The files of a package are asked for together: each record is looked at once.
        let mut there = HashSet::new();
        let mut found = vec![Vec::new(); digests.len()];
        // In the order of the buckets, so that each page of the index is read once.
        let mut order: Vec<usize> = (0..digests.len()).collect();
        order.sort_unstable_by_key(|place| &digests[*place]);
        for some in order.chunks(DIGESTS_PER_TURN) {
            let index = self.read_index();
            let postings = postings(&index);
            let mut last = None;
            for place in some {
                let mut ids = Vec::new();
                postings
                    .find(&digests[*place], after, &mut last, &mut ids)
                    .map_err(|error| self.index_error("read", error))?;
                found[*place] = self.keep_present(ids, &mut there)?;
            }
        }
        Ok(found)
    }

    /// Those that have a row.
    fn keep_present(
        &self,
        ids: Vec<PackageId>,
        there: &mut HashSet<PackageId>,
    ) -> Result<Vec<PackageId>, StoreError> {
        let mut present = Vec::with_capacity(ids.len());
        for id in ids {
            if there.contains(&id) {
                present.push(id);
                continue;
            }
            let has_row = self.catalog.contains_key(keys::row(id));
            if has_row.map_err(|error| self.engine("read", error))? {
                there.insert(id);
                present.push(id);
            }
        }
        Ok(present)
    }
}
