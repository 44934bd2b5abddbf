//! What a snapshot is built with: the new tree, the index, the counters and the first failure.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_words::restore_file::Xattr;

use super::destination::Destination;
use super::index::Index;
use super::options::CreateOptions;
use super::plan::{Fate, SnapshotPlan};
use super::stats::CreateStats;
use hashget_files::monitor::{Monitor, Problem, error_chain};
use hashget_files::place::Applied;
use hashget_files::tree::{Describer, TreeEntry, TreeKind, TreeRoot};

/// The number of no inode.
pub(super) const NONE: u32 = u32::MAX;

/// Builds one tree.
pub(super) struct Builder<'a> {
    pub(super) source: &'a TreeRoot,
    pub(super) destination: &'a Destination,
    /// The new tree.
    pub(super) tree: TreeRoot,
    /// Its number in the index.
    pub(super) tree_number: u32,
    pub(super) options: &'a CreateOptions<'a>,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) describer: Describer<'a>,
    pub(super) abilities: Abilities,
    pub(super) entries: &'a [TreeEntry],
    pub(super) plan: &'a SnapshotPlan,
    index: Mutex<Index>,
    stats: Mutex<CreateStats>,
    /// For each entry the inode that it is.
    pub(super) inodes: Vec<AtomicU32>,
    /// Whether what was read of an entry can be relied on the next time.
    pub(super) settled: Vec<AtomicBool>,
    failure: Mutex<Option<io::Error>>,
}

/// What was built.
pub(super) struct Built {
    pub(super) index: Index,
    pub(super) stats: CreateStats,
    /// For each entry the inode that it is, and whether the source is known to be like it.
    pub(super) inodes: Vec<Option<(u32, bool)>>,
}

/// What a builder works with.
pub(super) struct Material<'a> {
    pub(super) source: &'a TreeRoot,
    pub(super) destination: &'a Destination,
    pub(super) entries: &'a [TreeEntry],
    pub(super) plan: &'a SnapshotPlan,
    pub(super) options: &'a CreateOptions<'a>,
    pub(super) monitor: &'a dyn Monitor,
}

/// Whether the destination's file system can do what saves space there.
#[derive(Debug, Default)]
pub(super) struct Abilities {
    pub(super) no_links: AtomicBool,
    pub(super) no_clones: AtomicBool,
}

impl<'a> Builder<'a> {
    /// A builder in the empty directory `tree`, which is number `tree_number` of `index`.
    pub(super) fn new(
        material: &Material<'a>,
        tree: TreeRoot,
        tree_number: u32,
        index: Index,
    ) -> Self {
        let count = material.entries.len();
        Self {
            source: material.source,
            destination: material.destination,
            tree,
            tree_number,
            options: material.options,
            monitor: material.monitor,
            describer: Describer::new(true, material.monitor),
            abilities: Abilities::default(),
            entries: material.entries,
            plan: material.plan,
            index: Mutex::new(index),
            stats: Mutex::default(),
            inodes: (0..count).map(|_| AtomicU32::new(NONE)).collect(),
            settled: (0..count).map(|_| AtomicBool::new(false)).collect(),
            failure: Mutex::default(),
        }
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, CreateStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something unless the destination failed; keeps its first failure.
    pub(super) fn guard(&self, act: impl FnOnce() -> io::Result<()>) {
        if self.failure().is_some() {
            return;
        }
        if let Err(error) = act() {
            self.failure().get_or_insert(error);
        }
    }

    /// The first failure, as an error.
    pub(super) fn check(&self) -> io::Result<()> {
        self.failure().take().map_or(Ok(()), Err)
    }

    /// Counts a name that was made; `saves` tells whether it would have been a copy.
    pub(super) fn count_linked(&self, entry: &TreeEntry, saves: bool) {
        let mut stats = self.stats();
        stats.linked_files += 1;
        if let (true, TreeKind::File { size, .. }) = (saves, &entry.kind) {
            stats.saved_bytes += size;
        }
    }

    /// The extended attributes that the source has now.
    pub(super) fn xattrs(&self, entry: &TreeEntry) -> io::Result<Vec<Xattr>> {
        let parent = entry.path.parent().unwrap_or_default();
        let name = entry.path.file_name().unwrap_or_default();
        let directory = self.source.open_directory(&parent)?;
        Ok(self
            .describer
            .xattrs(|| entry.path.clone(), directory.as_fd(), name))
    }

    /// Tells what could not be set.
    pub(super) fn report(&self, entry: &TreeEntry, applied: &Applied) {
        if applied.owner_unset {
            self.stats().unset_owner_files += 1;
        }
        if !applied.failures.is_empty() {
            let what = applied.failures.join("; ");
            self.monitor
                .problem(&Problem::text(entry.path.to_string(), what));
        }
    }

    /// Tells that an entry is not in the snapshot.
    pub(super) fn missing(&self, entry: &TreeEntry, error: &io::Error) {
        let what = format!("is not in the snapshot: {}", error_chain(error));
        self.monitor
            .problem(&Problem::text(entry.path.to_string(), what));
    }

    /// What came of it, in the order of the entries.
    pub(super) fn finish(self) -> Built {
        let inodes = self.inodes.iter().zip(&self.settled);
        let inodes: Vec<Option<(u32, bool)>> = inodes
            .map(|(inode, settled)| match inode.load(Ordering::Relaxed) {
                NONE => None,
                at => Some((at, settled.load(Ordering::Relaxed))),
            })
            .collect();
        let mut stats = *self.stats();
        for ((entry, inode), fate) in self.entries.iter().zip(&inodes).zip(&self.plan.fates) {
            if let (Some(_), TreeKind::File { size, .. }) = (inode, &entry.kind) {
                stats.tree_files += 1;
                if !matches!(fate, Fate::SameAs(_)) {
                    stats.tree_bytes += size;
                }
            }
        }
        Built {
            index: self
                .index
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            stats,
            inodes,
        }
    }
}
