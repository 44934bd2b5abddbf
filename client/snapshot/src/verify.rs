//! Reads snapshots, and compares with what is known of their files.

use std::collections::HashMap;

use hashget_words::digest::Digest;
use serde::Serialize;

use super::create::home;
use super::destination::Destination;
use super::error::SnapshotError;
use super::index::Index;
use super::key::Looks;
use super::name::SnapshotId;
use hashget_files::monitor::{Monitor, Problem, Progress, Silent, Unit, error_chain};
use hashget_files::tree::{
    DigestKind, TreeEntry, TreeKind, TreeRoot, WalkOptions, hash_files, hash_files_by,
    is_mostly_hole, walk,
};

/// What verifying snapshots found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyStats {
    /// How many snapshots were looked at.
    pub snapshots: u64,
    /// Names of regular files in them.
    pub tree_files: u64,
    /// Files that were read, each once.
    pub read_files: u64,
    pub read_bytes: u64,
    /// Files whose content is not what was saved.
    pub damaged_files: u64,
    /// Files whose owner, mode or time is not what was saved.
    pub altered_files: u64,
    /// Files that the index does not know.
    pub unknown_files: u64,
    /// Files that could not be read.
    pub unreadable_files: u64,
    /// What is wrong with which file, by its first name.
    pub faults: Vec<String>,
}

impl VerifyStats {
    /// Whether every file is as it was saved.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// Adds what verifying another destination found.
    pub fn add(&mut self, other: Self) {
        self.snapshots += other.snapshots;
        self.tree_files += other.tree_files;
        self.read_files += other.read_files;
        self.read_bytes += other.read_bytes;
        self.damaged_files += other.damaged_files;
        self.altered_files += other.altered_files;
        self.unknown_files += other.unknown_files;
        self.unreadable_files += other.unreadable_files;
        self.faults.extend(other.faults);
    }
}

/// Reads every file of the snapshots `ids` and compares it with the digest that was saved.
pub fn verify(
    destination: &Destination,
    ids: &[SnapshotId],
    monitor: &dyn Monitor,
) -> Result<VerifyStats, SnapshotError> {
    let index = Index::load(&destination.own("index"), home(destination)?)?;
    let index = index.ok_or_else(|| SnapshotError::NothingToVerify {
        path: destination.path().to_owned(),
    })?;
    let mut stats = VerifyStats::default();
    // What was found out, so that no file is read twice.
    let mut judged: HashMap<u64, bool> = HashMap::new();
    for id in ids {
        let root = TreeRoot::open(&destination.path_of(id))?;
        let entries = walk(&root, &WalkOptions::default(), monitor);
        let mut unread: Vec<&TreeEntry> = Vec::new();
        stats.snapshots += 1;
        for entry in &entries {
            let TreeKind::File { id, .. } = entry.kind else {
                continue;
            };
            stats.tree_files += 1;
            judged.entry(id.inode).or_insert_with(|| {
                unread.push(entry);
                true
            });
        }
        check(&index, id, &root, &unread, &mut stats, monitor);
    }
    Ok(stats)
}

fn check(
    index: &Index,
    id: &SnapshotId,
    root: &TreeRoot,
    unread: &[&TreeEntry],
    stats: &mut VerifyStats,
    monitor: &dyn Monitor,
) {
    let sizes = unread.iter().filter_map(|entry| entry.stamp());
    let bytes = sizes.map(|stamp| stamp.size).sum();
    let progress = Progress::start(monitor, format!("verifying {id}"), Unit::Bytes, Some(bytes));
    let contents = hash_files_by(DigestKind::Data, root, unread, &progress);
    drop(progress);
    for (entry, content) in unread.iter().zip(contents) {
        let what = match content {
            Ok(content) => {
                stats.read_files += 1;
                stats.read_bytes += entry.stamp().map_or(0, |stamp| stamp.size);
                let sha256 = earlier_digest(index, entry, root, content.sha256);
                judge(index, entry, &sha256.unwrap_or(content.sha256), stats)
            }
            Err(error) => {
                stats.unreadable_files += 1;
                Some(error_chain(&error))
            }
        };
        if let Some(what) = what {
            let subject = format!("{id}/{}", entry.path);
            stats.faults.push(format!("{subject}: {what}"));
            monitor.problem(&Problem::text(subject, what));
        }
    }
}

/// What is wrong with a file, if anything.
/// The SHA-256 of all content of a file that is told by its data, if that is what was saved, as older
/// programs did.
fn earlier_digest(
    index: &Index,
    entry: &TreeEntry,
    root: &TreeRoot,
    by_data: Digest,
) -> Option<Digest> {
    let stamp = entry
        .stamp()
        .filter(|stamp| is_mostly_hole(stamp.size, 0))?;
    let stored = index
        .by_inode(stamp.id.inode)
        .and_then(|at| index.get(at))?;
    if by_data == stored.digest {
        return None;
    }
    let progress = Progress::start(&Silent, "", Unit::Bytes, None);
    let content = hash_files(root, &[entry], &progress).pop()?.ok()?;
    (content.sha256 == stored.digest).then_some(content.sha256)
}

fn judge(
    index: &Index,
    entry: &TreeEntry,
    sha256: &Digest,
    stats: &mut VerifyStats,
) -> Option<String> {
    let stamp = entry.stamp()?;
    let stored = index.by_inode(stamp.id.inode).and_then(|at| index.get(at));
    let Some(stored) = stored else {
        stats.unknown_files += 1;
        return Some("the index does not know it: there is nothing to compare it with".to_owned());
    };
    if stored.digest != *sha256 {
        stats.damaged_files += 1;
        return Some(format!(
            "its content is not what was saved: sha256 {sha256} instead of {}",
            stored.digest
        ));
    }
    if Looks::of_entry(entry) != Some(stored.looks) {
        stats.altered_files += 1;
        return Some("its owner, mode or time is not what was saved".to_owned());
    }
    None
}
