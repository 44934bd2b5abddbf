//! Brings the index in line with the snapshots that there are.

use std::collections::{HashMap, HashSet};

use hashget_words::rel_path::RelPath;
use serde::Serialize;

use super::{Index, Stored};
use crate::destination::Destination;
use crate::error::SnapshotError;
use crate::key::{Key, Looks};
use crate::name::SnapshotId;
use hashget_files::monitor::{Level, Monitor, Problem, Progress, Unit, error_chain};
use hashget_files::tree::{
    DigestKind, FileId, TreeEntry, TreeKind, TreeRoot, WalkOptions, hash_files_by, walk,
};

/// What bringing the index in line came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateStats {
    /// How many snapshots there are.
    pub snapshots: u64,
    /// Files that the index did not know, each once however many names it has.
    pub added_files: u64,
    pub added_bytes: u64,
    /// Files that are no more.
    pub dropped_files: u64,
}

impl Index {
    /// Forgets snapshots that are gone, and reads those that are new to the index.
    pub(crate) fn update(
        &mut self,
        destination: &Destination,
        monitor: &dyn Monitor,
    ) -> Result<UpdateStats, SnapshotError> {
        let present = destination.snapshots(None)?;
        let mut stats = UpdateStats {
            snapshots: present.len() as u64,
            ..UpdateStats::default()
        };
        let known: HashSet<RelPath> = self.roots.iter().skip(1).cloned().collect();
        let is_new = self.roots.len() == 1 && self.stored.is_empty();
        let paths = by_time(present);
        self.drop_missing(destination, &paths, &mut stats)?;
        if let (true, Some(packages)) = (is_new, self.roots.first().cloned()) {
            self.read(destination, 0, &packages, &mut stats, monitor)?;
        }
        for path in paths.into_iter().filter(|path| !known.contains(path)) {
            let root = self.add_root(path.clone());
            self.read(destination, root, &path, &mut stats, monitor)?;
        }
        Ok(stats)
    }

    /// Only forgets snapshots that are gone.
    pub(crate) fn drop_gone(&mut self, destination: &Destination) -> Result<(), SnapshotError> {
        let paths = by_time(destination.snapshots(None)?);
        self.drop_missing(destination, &paths, &mut UpdateStats::default())
    }

    /// Adds a tree; gives its number.
    pub(crate) fn add_root(&mut self, path: RelPath) -> u32 {
        self.roots.push(path);
        u32::try_from(self.roots.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes out the trees that are not among `present`. Inodes that were known by a name there
    /// are looked for in the others.
    fn drop_missing(
        &mut self,
        destination: &Destination,
        present: &[RelPath],
        stats: &mut UpdateStats,
    ) -> Result<(), SnapshotError> {
        let present: HashSet<&RelPath> = present.iter().collect();
        let old = std::mem::take(&mut self.roots);
        let mut numbers: Vec<Option<u32>> = Vec::with_capacity(old.len());
        for (at, path) in old.into_iter().enumerate() {
            let is_kept = at == 0 || present.contains(&path);
            numbers.push(is_kept.then(|| self.add_root(path)));
        }
        let mut homeless = HashMap::new();
        for (at, stored) in (0_u32..).zip(&mut self.stored) {
            let Some(stored) = stored else { continue };
            match numbers.get(stored.root as usize).copied().flatten() {
                Some(root) => stored.root = root,
                None => {
                    homeless.insert(stored.inode, at);
                }
            }
        }
        for root in (1..self.roots.len()).rev() {
            if homeless.is_empty() {
                break;
            }
            self.find_homes(destination, root, &mut homeless)?;
        }
        stats.dropped_files += homeless.len() as u64;
        for at in homeless.into_values() {
            self.forget(at);
        }
        Ok(())
    }

    fn find_homes(
        &mut self,
        destination: &Destination,
        root: usize,
        homeless: &mut HashMap<u64, u32>,
    ) -> Result<(), SnapshotError> {
        let Some(path) = self.roots.get(root).cloned() else {
            return Ok(());
        };
        let tree = TreeRoot::open(&path.under(destination.path()))?;
        // What cannot be listed just gives no homes.
        for entry in walk(
            &tree,
            &WalkOptions::default(),
            &hashget_files::monitor::Silent,
        ) {
            let TreeKind::File { id, .. } = entry.kind else {
                continue;
            };
            if let Some(at) = homeless.remove(&id.inode)
                && let Some(Some(stored)) = self.stored.get_mut(at as usize)
            {
                stored.root = u32::try_from(root).unwrap_or(u32::MAX);
                stored.path = entry.path;
            }
        }
        Ok(())
    }

    /// Reads the files of a tree that are not known yet.
    fn read(
        &mut self,
        destination: &Destination,
        root: u32,
        path: &RelPath,
        stats: &mut UpdateStats,
        monitor: &dyn Monitor,
    ) -> Result<(), SnapshotError> {
        let place = path.under(destination.path());
        if root == 0 && !place.is_dir() {
            return Ok(());
        }
        let tree = TreeRoot::open(&place)?;
        let entries = walk(&tree, &WalkOptions::default(), monitor);
        let mut seen: HashSet<FileId> = HashSet::new();
        let unknown: Vec<&TreeEntry> = entries
            .iter()
            .filter(|entry| matches!(entry.kind, TreeKind::File { id, .. } if seen.insert(id)))
            .filter(|entry| !self.knows(entry))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        monitor.message(
            Level::Info,
            &format!("reading {path}, which the index lacks"),
        );
        let bytes = unknown.iter().filter_map(|entry| entry.stamp());
        let progress = Progress::start(
            monitor,
            "hashing",
            Unit::Bytes,
            Some(bytes.map(|stamp| stamp.size).sum()),
        );
        let contents = hash_files_by(DigestKind::Data, &tree, &unknown, &progress);
        for (entry, content) in unknown.iter().zip(contents) {
            match (content, Looks::of_entry(entry), &entry.kind) {
                (Ok(content), Some(looks), TreeKind::File { id, links, .. }) => {
                    stats.added_files += 1;
                    stats.added_bytes += looks.size;
                    self.add(Stored {
                        key: Key::new(entry, &content),
                        digest: content.sha256,
                        inode: id.inode,
                        looks,
                        links: *links,
                        checked: entry.metadata.ctime,
                        root,
                        path: entry.path.clone(),
                    });
                }
                (Err(error), ..) => {
                    let subject = format!("{path}/{}", entry.path);
                    monitor.problem(&Problem::text(subject, error_chain(&error)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the file is in the index as it is. One that was changed is forgotten.
    fn knows(&mut self, entry: &TreeEntry) -> bool {
        let TreeKind::File { id, .. } = entry.kind else {
            return false;
        };
        let Some(at) = self.by_inode(id.inode) else {
            return false;
        };
        let looks = self.get(at).map(|stored| stored.looks);
        let known = looks.is_some() && looks == Looks::of_entry(entry);
        if !known {
            self.forget(at);
        }
        known
    }
}

/// Where snapshots lie, the oldest first.
fn by_time(mut ids: Vec<SnapshotId>) -> Vec<RelPath> {
    ids.sort_by_key(|id| id.stamp);
    ids.iter().filter_map(|id| id.path().ok()).collect()
}
