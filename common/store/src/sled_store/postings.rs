//! An index from digests to the numbers of records: buckets of entries in the order of a tree.
//!
//! A bucket holds the entries from its key up to the next bucket's key, so that finding one is
//! one descent in the tree, and any bucket can be cut anywhere without touching another. A
//! bucket that grows beyond [`MAX_ENTRIES`] is cut into pieces of about [`PIECE_ENTRIES`]; that
//! is how the index grows, whatever the digests are. A digest that thousands of records share
//! simply spreads over many buckets, and adding one more record to it rewrites only the last.
//!
//! Cutting is atomic: pieces go in from the top, in batches that also take the moved entries
//! out of the bucket that is cut. So after a crash every entry that was there is still in the
//! one bucket where it is looked for. Buckets are never removed, only emptied.

use std::ops::Bound;

use sled::{Batch, IVec, Tree};

use super::bucket::{self, Bucket, Entry};
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageId;

/// A bucket with more entries is cut.
const MAX_ENTRIES: usize = 48;
/// How many entries the pieces of a bucket get.
const PIECE_ENTRIES: usize = 32;
/// How many entries the buckets get that are written one behind the other: some room is left.
const APPENDED_ENTRIES: usize = 40;
/// The most pieces of a bucket that are put in at once, and
const BATCH_PIECES: usize = 64;
/// the most keys: sled's batches cost memory that grows with them. But each batch has it write its
/// whole buffer, hundreds of KiB, so that many buckets are cut at once.
const BATCH_KEYS: usize = 90;

/// Why an index cannot be used.
#[derive(Debug)]
pub(super) enum IndexError {
    /// The engine failed.
    Engine(sled::Error),
    /// The bucket with this key makes no sense.
    Bucket(Vec<u8>),
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        Self::Engine(error)
    }
}

/// What [`Postings::apply`] does with entries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Adds entries; those that exist already stay.
    Add,
    /// Removes entries; absent ones are ignored.
    Remove,
}

/// Buckets that are to be cut, each of them in this batch or not at all.
#[derive(Debug, Default)]
struct Cuts {
    batch: Batch,
    /// Keys in the batch.
    keys: usize,
}

/// One index: the buckets of a tree whose keys begin with a tag.
#[derive(Clone, Debug)]
pub(super) struct Postings {
    tree: Tree,
    tag: u8,
}

impl Postings {
    /// What is looked up by the digests of files, anchors and packages.
    pub(super) fn digests(tree: &Tree) -> Self {
        let (tree, tag) = (tree.clone(), b'd');
        Self { tree, tag }
    }

    /// What is looked up by the SHA-256 of signatures.
    pub(super) fn signatures(tree: &Tree) -> Self {
        let (tree, tag) = (tree.clone(), b's');
        Self { tree, tag }
    }

    /// What is looked up by the SHA-256 of a project and a URL.
    pub(super) fn urls(tree: &Tree) -> Self {
        let (tree, tag) = (tree.clone(), b'u');
        Self { tree, tag }
    }

    /// Appends the numbers above `after` of the records that have `digest` to `ids`, in order.
    ///
    /// `last` is the bucket that the last look-up ended in: many digests in order have one bucket,
    /// and finding it takes longer than looking into it. Meanwhile the index must not change.
    pub(super) fn find(
        &self,
        digest: &Digest,
        after: Option<PackageId>,
        last: &mut Option<(IVec, IVec)>,
        ids: &mut Vec<PackageId>,
    ) -> Result<(), IndexError> {
        let Some(first) = after.map_or(Some(0), |id| id.0.checked_add(1)) else {
            return Ok(());
        };
        let mut low = bucket::entry(digest, PackageId(first));
        let high = bucket::entry(digest, PackageId(u64::MAX));
        let holds = |(key, value): &(IVec, IVec)| {
            let packed = Bucket::new(value);
            key[1..] <= low[..] && packed.is_some_and(|it| it.lower_bound(&low) < it.len())
        };
        let known = last.take().filter(holds);
        let bucket = match known {
            Some(known) => Some(known),
            None => self.bucket_of(&low)?,
        };
        let Some((mut key, mut value)) = bucket else {
            return Ok(());
        };
        loop {
            *last = Some((key.clone(), value.clone()));
            let packed = Bucket::new(&value).ok_or_else(|| IndexError::Bucket(key.to_vec()))?;
            for entry in packed.entries_from(packed.lower_bound(&low)) {
                if entry > high {
                    return Ok(());
                }
                ids.push(bucket::entry_id(&entry));
                if entry == high {
                    return Ok(());
                }
                // A cut between two steps shows the same entries in the next bucket again.
                low = bucket::entry(digest, PackageId(bucket::entry_id(&entry).0 + 1));
            }
            match self.bucket_after(&key)? {
                Some(next) if next.0[1..] <= high[..] => (key, value) = next,
                _ => return Ok(()),
            }
        }
    }

    /// Appends at least `count` entries that are not less than `low`, in order, if there are as
    /// many; where to go on, if there may be more.
    pub(super) fn entries_from(
        &self,
        low: &Entry,
        count: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<Entry>, IndexError> {
        let mut found = self.bucket_of(low)?;
        if found.is_none() {
            found = self.bucket_after(&IVec::from(&[self.tag]))?;
        }
        while let Some((key, value)) = found {
            let packed = Bucket::new(&value).ok_or_else(|| IndexError::Bucket(key.to_vec()))?;
            for entry in packed.entries_from(packed.lower_bound(low)) {
                // A cut between two steps shows the same entries in the next bucket again.
                if entries.last().is_none_or(|last| *last < entry) {
                    entries.push(entry);
                }
            }
            if entries.len() >= count {
                return Ok(entries.last().and_then(bucket::successor));
            }
            found = self.bucket_after(&key)?;
        }
        Ok(None)
    }

    /// Puts sorted, distinct entries in, or takes them out.
    ///
    /// Only one thread may do so at a time.
    pub(super) fn apply(&self, change: Change, entries: &[Entry]) -> Result<(), IndexError> {
        let mut cuts = Cuts::default();
        self.by_bucket(entries, |key, old, these| {
            let new = match change {
                Change::Add => bucket::union(old, these),
                Change::Remove => bucket::difference(old, these),
            };
            if new.len() > MAX_ENTRIES {
                self.cut(key, old, &new, &mut cuts)?;
            } else if new != old {
                self.tree.insert(key, bucket::encode(&new))?;
            }
            Ok(())
        })?;
        self.make(&mut cuts)
    }

    /// Puts sorted entries behind all that are there, of which `last` is the greatest, and takes
    /// them out of `entries`. What does not fill a bucket is left in it, unless they are the last
    /// ones. The greatest that is there now.
    pub(super) fn append(
        &self,
        mut last: Option<Entry>,
        entries: &mut Vec<Entry>,
        is_end: bool,
    ) -> Result<Option<Entry>, IndexError> {
        let rest = if is_end {
            0
        } else {
            entries.len() % APPENDED_ENTRIES
        };
        let whole = entries.len() - rest;
        for piece in entries[..whole].chunks(APPENDED_ENTRIES) {
            let key = match &last {
                Some(last) => self.separator(last, &piece[0]),
                None => vec![self.tag, 0],
            };
            self.tree.insert(key, bucket::encode(piece))?;
            last = piece.last().copied();
        }
        entries.drain(..whole);
        Ok(last)
    }

    /// How many of sorted, distinct entries are not there.
    pub(super) fn count_missing(&self, entries: &[Entry]) -> Result<u64, IndexError> {
        let mut missing = 0;
        self.by_bucket(entries, |_, old, these| {
            missing += bucket::difference(these, old).len() as u64;
            Ok(())
        })?;
        Ok(missing)
    }

    /// How many entries there are.
    pub(super) fn count(&self) -> Result<u64, IndexError> {
        let mut entries = 0;
        for item in self.tree.scan_prefix([self.tag]) {
            let (key, value) = item?;
            let packed = Bucket::new(&value).ok_or_else(|| IndexError::Bucket(key.to_vec()))?;
            entries += packed.len() as u64;
        }
        Ok(entries)
    }

    /// Hands sorted entries out by the bucket that they belong to: its key, what it holds, and
    /// those that belong to it.
    fn by_bucket(
        &self,
        entries: &[Entry],
        mut visit: impl FnMut(&IVec, &[Entry], &[Entry]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let (key, value) = match self.bucket_of(first)? {
                Some(found) => found,
                None => (IVec::from(&[self.tag, 0]), IVec::from(bucket::encode(&[]))),
            };
            let within = match self.bucket_after(&key)? {
                Some((next, _)) => rest.partition_point(|entry| entry[..] < next[1..]),
                None => rest.len(),
            };
            let packed = Bucket::new(&value).ok_or_else(|| IndexError::Bucket(key.to_vec()))?;
            let old: Vec<Entry> = packed.entries_from(0).collect();
            let (these, others) = rest.split_at(within.max(1));
            visit(&key, &old, these)?;
            rest = others;
        }
        Ok(())
    }

    /// Writes what becomes of a bucket in pieces, the last first; `old` is what it holds now. Those
    /// that belong into one batch with the bucket itself may wait in `cuts`.
    fn cut(
        &self,
        key: &IVec,
        old: &[Entry],
        new: &[Entry],
        cuts: &mut Cuts,
    ) -> Result<(), IndexError> {
        let pieces = new.len().div_ceil(PIECE_ENTRIES);
        let start = |piece: usize| piece * new.len() / pieces;
        let mut end = pieces;
        while end > 1 {
            let begin = end.saturating_sub(BATCH_PIECES).max(1);
            if cuts.keys + (end - begin) + 1 > BATCH_KEYS {
                self.make(cuts)?;
            }
            for piece in begin..end {
                let entries = &new[start(piece)..start(piece + 1)];
                cuts.batch.insert(
                    self.separator(&new[start(piece) - 1], &entries[0]),
                    bucket::encode(entries),
                );
            }
            let left = if begin == 1 {
                bucket::encode(&new[..start(1)])
            } else {
                bucket::encode(&old[..old.partition_point(|entry| *entry < new[start(begin)])])
            };
            cuts.batch.insert(key.clone(), left);
            cuts.keys += end - begin + 1;
            if begin > 1 {
                self.make(cuts)?;
            }
            end = begin;
        }
        Ok(())
    }

    /// Makes the cuts that wait.
    fn make(&self, cuts: &mut Cuts) -> Result<(), IndexError> {
        if cuts.keys > 0 {
            let Cuts { batch, .. } = std::mem::take(cuts);
            self.tree.apply_batch(batch)?;
        }
        Ok(())
    }

    /// The shortest key above `below` and not above `first`.
    fn separator(&self, below: &Entry, first: &Entry) -> Vec<u8> {
        let mut key = vec![self.tag];
        key.extend_from_slice(&first[..=bucket::shared_bytes(below, first)]);
        key
    }

    /// The bucket that an entry belongs to.
    fn bucket_of(&self, entry: &Entry) -> Result<Option<(IVec, IVec)>, sled::Error> {
        let mut high = [self.tag; 1 + bucket::ENTRY_BYTES];
        high[1..].copy_from_slice(entry);
        let low = [self.tag];
        self.tree
            .range(&low[..]..=&high[..])
            .next_back()
            .transpose()
    }

    /// The bucket behind the one with a key.
    fn bucket_after(&self, key: &IVec) -> Result<Option<(IVec, IVec)>, sled::Error> {
        let end = [self.tag + 1];
        let range = (Bound::Excluded(&key[..]), Bound::Excluded(&end[..]));
        self.tree.range::<&[u8], _>(range).next().transpose()
    }
}
