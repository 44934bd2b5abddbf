//! What is known of the inodes of a destination: a cache that can be made anew from the
//! snapshots, and is needed neither for reading nor for deleting them.

mod file;
mod update;

use std::collections::{HashMap, HashSet};

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::key::{Key, Looks, Seen};

pub use update::UpdateStats;

/// One inode of the destination.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    /// What it was made for.
    pub(super) key: Key,
    /// The digest of its content.
    pub(super) digest: Digest,
    pub(super) inode: u64,
    /// What it looked like when it was last known to be good.
    pub(super) looks: Looks,
    /// How many names it had then.
    pub(super) links: u64,
    /// When that was, by the clock of the file system.
    pub(super) checked: Timestamp,
    /// The tree that one of its names is in, by its place in [`Index::roots`].
    pub(super) root: u32,
    pub(super) path: RelPath,
}

/// What to think of an inode before a further name is made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is as it was.
    Good,
    /// Somebody may have written to it and set the time back: its content decides.
    Suspect,
    /// It is not what it was.
    Changed,
}

impl Stored {
    /// Compares the inode as it is now with what is known of it.
    ///
    /// Every new or removed name changes an inode's ctime. So a later ctime means nothing where the
    /// number of names differs from the one known, and is suspect where it does not.
    /// One that this run `touched` was judged already.
    pub(super) fn judge(&self, seen: &Seen, touched: bool) -> Judgement {
        if seen.id.inode != self.inode || seen.looks != self.looks {
            Judgement::Changed
        } else if touched || seen.ctime <= self.checked || seen.links != self.links {
            Judgement::Good
        } else {
            Judgement::Suspect
        }
    }
}

/// Which inodes of a destination hold what.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where the trees lie in the destination: the package cache first, then snapshots.
    pub(super) roots: Vec<RelPath>,
    stored: Vec<Option<Stored>>,
    by_key: HashMap<Key, u32>,
    by_digest: HashMap<Digest, u32>,
    by_inode: HashMap<u64, u32>,
    sizes: HashSet<u64>,
    /// Those that this run has looked at or made.
    touched: HashSet<u32>,
}

impl Index {
    /// An index of nothing, for a destination whose package cache lies at `packages`.
    pub(super) fn new(packages: RelPath) -> Self {
        Self {
            roots: vec![packages],
            ..Self::default()
        }
    }

    /// The inode numbered `at` here.
    pub(super) fn get(&self, at: u32) -> Option<&Stored> {
        self.stored.get(at as usize)?.as_ref()
    }

    /// The inode to make further names for.
    pub(super) fn by_key(&self, key: &Key) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// An inode with this content, whatever its metadata.
    pub(super) fn by_digest(&self, digest: &Digest) -> Option<u32> {
        self.by_digest.get(digest).copied()
    }

    /// What is known of inode `inode`.
    pub(super) fn by_inode(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode).copied()
    }

    /// Whether any inode has this size.
    pub(super) fn has_size(&self, size: u64) -> bool {
        self.sizes.contains(&size)
    }

    /// All inodes, with their numbers here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Stored)> {
        let numbered = (0_u32..).zip(&self.stored);
        numbered.filter_map(|(at, stored)| Some((at, stored.as_ref()?)))
    }

    /// Adds an inode; from now on further names are made for this one.
    pub(super) fn add(&mut self, stored: Stored) -> u32 {
        let at = u32::try_from(self.stored.len()).unwrap_or(u32::MAX);
        self.by_key.insert(stored.key, at);
        self.by_digest.insert(stored.digest, at);
        self.by_inode.insert(stored.inode, at);
        self.sizes.insert(stored.looks.size);
        self.stored.push(Some(stored));
        at
    }

    /// Adds an inode that this run made.
    pub(super) fn add_new(&mut self, stored: Stored) -> u32 {
        let at = self.add(stored);
        self.touched.insert(at);
        at
    }

    /// Notes that inode `at`, being good, got the name `path` in `root` and has `links` now.
    pub(super) fn linked(&mut self, at: u32, links: u64, root: u32, path: &RelPath) {
        if let Some(Some(stored)) = self.stored.get_mut(at as usize) {
            // Another thread may have counted the same names.
            let known = if self.touched.insert(at) {
                0
            } else {
                stored.links + 1
            };
            stored.links = links.max(known);
            stored.root = root;
            stored.path = path.clone();
        }
    }

    /// Whether this run has looked at inode `at`, or made it.
    pub(super) fn is_touched(&self, at: u32) -> bool {
        self.touched.contains(&at)
    }

    /// Takes out inode `at`: it is not there any more, or not what it was.
    pub(super) fn forget(&mut self, at: u32) {
        let Some(stored) = self.stored.get_mut(at as usize).and_then(Option::take) else {
            return;
        };
        remove_if(&mut self.by_key, &stored.key, at);
        remove_if(&mut self.by_digest, &stored.digest, at);
        remove_if(&mut self.by_inode, &stored.inode, at);
        self.touched.remove(&at);
    }

    /// Ends a run: what it touched is good as of `now`.
    pub(super) fn settle(&mut self, now: Timestamp) {
        for at in self.touched.drain() {
            if let Some(Some(stored)) = self.stored.get_mut(at as usize) {
                stored.checked = now;
            }
        }
    }
}

fn remove_if<K: std::hash::Hash + Eq>(map: &mut HashMap<K, u32>, key: &K, at: u32) {
    if map.get(key) == Some(&at) {
        map.remove(key);
    }
}
