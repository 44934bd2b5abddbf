//! What differs between two trees.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use serde::Serialize;

use super::error::SnapshotError;
use hashget_files::monitor::{Monitor, Problem, Progress, Unit, error_chain};
use hashget_files::tree::{
    DigestKind, FileId, TreeEntry, TreeRoot, WalkOptions, hash_files_by, walk,
};

/// How something differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Only the new tree has it.
    New,
    /// Only the old tree has it.
    Deleted,
    /// A file of the old tree with the same content has another name now.
    Renamed {
        /// Its old name.
        from: RelPath,
    },
    /// Its content, kind or target is another.
    Updated,
    /// Only its owner, mode, modification time or attributes are others.
    Metadata,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Where it is; if it was renamed, its new name.
    pub path: RelPath,
    /// How it differs.
    #[serde(flatten)]
    pub change: Change,
}

/// Compares two trees, such as two snapshots, or a snapshot and its source.
///
/// Names of one inode are equal without being read, so that of two snapshots of a destination
/// only what differs is.
pub fn diff(
    old: &Path,
    new: &Path,
    monitor: &dyn Monitor,
) -> Result<Vec<Difference>, SnapshotError> {
    let (old, new) = (Side::read(old, monitor)?, Side::read(new, monitor)?);
    let pairs = Pairs::new(&old, &new);
    let old_digests = old.hash(&pairs.old_unread, monitor);
    let new_digests = new.hash(&pairs.new_unread, monitor);
    Ok(pairs.compare(&old_digests, &new_digests))
}

struct Side {
    root: TreeRoot,
    entries: BTreeMap<RelPath, TreeEntry>,
}

type Digests = HashMap<RelPath, Digest>;

impl Side {
    fn read(path: &Path, monitor: &dyn Monitor) -> Result<Self, SnapshotError> {
        let root = TreeRoot::open(path)?;
        let options = WalkOptions {
            numeric_owner: true,
            ..WalkOptions::default()
        };
        let entries = walk(&root, &options, monitor);
        Ok(Self {
            root,
            entries: entries
                .into_iter()
                .map(|entry| (entry.path.clone(), entry))
                .collect(),
        })
    }

    fn hash(&self, paths: &[&RelPath], monitor: &dyn Monitor) -> Digests {
        let files = paths.iter().filter_map(|path| self.entries.get(path));
        let files: Vec<&TreeEntry> = files.collect();
        let progress = Progress::start(monitor, "comparing", Unit::Bytes, None);
        let contents = hash_files_by(DigestKind::Data, &self.root, &files, &progress);
        let mut digests = Digests::new();
        for (entry, content) in files.iter().zip(contents) {
            match content {
                Ok(content) => {
                    digests.insert(entry.path.clone(), content.sha256);
                }
                Err(error) => {
                    let what = format!("counts as updated: {}", error_chain(&error));
                    monitor.problem(&Problem::text(entry.path.to_string(), what));
                }
            }
        }
        digests
    }
}

/// What belongs together.
struct Pairs<'s> {
    both: Vec<(&'s TreeEntry, &'s TreeEntry)>,
    deleted: Vec<&'s TreeEntry>,
    added: Vec<&'s TreeEntry>,
    old_unread: Vec<&'s RelPath>,
    new_unread: Vec<&'s RelPath>,
}

fn file(entry: &TreeEntry) -> Option<(FileId, u64)> {
    entry.stamp().map(|stamp| (stamp.id, stamp.size))
}

impl<'s> Pairs<'s> {
    fn new(old: &'s Side, new: &'s Side) -> Self {
        let mut pairs = Self {
            both: Vec::new(),
            deleted: Vec::new(),
            added: Vec::new(),
            old_unread: Vec::new(),
            new_unread: Vec::new(),
        };
        for (path, entry) in &new.entries {
            match old.entries.get(path) {
                Some(before) => pairs.both.push((before, entry)),
                None => pairs.added.push(entry),
            }
        }
        let is_gone = |(path, _): &(&RelPath, &TreeEntry)| !new.entries.contains_key(*path);
        pairs.deleted = old.entries.iter().filter(is_gone).map(|(_, e)| e).collect();
        for (before, after) in &pairs.both {
            if let (Some((old_id, old_size)), Some((new_id, new_size))) =
                (file(before), file(after))
                && old_id != new_id
                && old_size == new_size
            {
                pairs.old_unread.push(&before.path);
                pairs.new_unread.push(&after.path);
            }
        }
        // A renamed file has the size of one that is gone.
        let sizes = |entries: &[&TreeEntry]| -> HashMap<u64, u64> {
            let mut sizes = HashMap::new();
            for (_, size) in entries.iter().filter_map(|entry| file(entry)) {
                *sizes.entry(size).or_default() += 1;
            }
            sizes
        };
        let (gone, come) = (sizes(&pairs.deleted), sizes(&pairs.added));
        let has = |sizes: &HashMap<u64, u64>, entry: &&&TreeEntry| {
            file(entry).is_some_and(|(_, size)| sizes.contains_key(&size))
        };
        let old_unread = pairs.deleted.iter().filter(|entry| has(&come, entry));
        pairs.old_unread.extend(old_unread.map(|entry| &entry.path));
        let new_unread = pairs.added.iter().filter(|entry| has(&gone, entry));
        pairs.new_unread.extend(new_unread.map(|entry| &entry.path));
        pairs
    }

    fn compare(&self, old: &Digests, new: &Digests) -> Vec<Difference> {
        let mut found = Vec::new();
        for (before, after) in &self.both {
            let change = match (file(before), file(after)) {
                (Some((old_id, _)), Some((new_id, _))) if old_id == new_id => continue,
                (Some(_), Some(_)) => {
                    let digests = (old.get(&before.path), new.get(&after.path));
                    matches!(digests, (Some(a), Some(b)) if a == b)
                }
                (None, None) => before.kind == after.kind,
                _ => false,
            };
            let change = match change {
                false => Change::Updated,
                true if !same_metadata(before, after) => Change::Metadata,
                true => continue,
            };
            let path = after.path.clone();
            found.push(Difference { path, change });
        }
        self.compare_names(old, new, &mut found);
        found.sort();
        found
    }

    /// What is gone and what has come, and which of it is the same.
    fn compare_names(&self, old: &Digests, new: &Digests, found: &mut Vec<Difference>) {
        let mut gone: HashMap<&Digest, Vec<&RelPath>> = HashMap::new();
        for entry in self.deleted.iter().rev() {
            if let Some(digest) = old.get(&entry.path) {
                gone.entry(digest).or_default().push(&entry.path);
            }
        }
        let mut renamed = std::collections::HashSet::new();
        for entry in &self.added {
            let from = new
                .get(&entry.path)
                .and_then(|digest| gone.get_mut(digest)?.pop());
            let change = match from {
                Some(from) => {
                    renamed.insert(from);
                    Change::Renamed { from: from.clone() }
                }
                None => Change::New,
            };
            let path = entry.path.clone();
            found.push(Difference { path, change });
        }
        for entry in self.deleted.iter().filter(|e| !renamed.contains(&e.path)) {
            found.push(Difference {
                path: entry.path.clone(),
                change: Change::Deleted,
            });
        }
    }
}

fn same_metadata(a: &TreeEntry, b: &TreeEntry) -> bool {
    let (a, b) = (&a.metadata, &b.metadata);
    let of = |m: &hashget_files::tree::Metadata| (m.mode, m.uid, m.gid, m.mtime, m.xattrs.clone());
    of(a) == of(b)
}
