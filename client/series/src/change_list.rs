//! `.hashget-changes.json`: what a backup is, and what became of each file.

use std::collections::{BTreeMap, HashMap};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use serde::{Deserialize, Serialize};

use super::name::BackupId;
use super::rules::Mode;
use super::stored_patch::StoredPatch;
use hashget_engine::pack::PackScan;
use hashget_files::node::Node;
use hashget_files::tree::{FileId, TreeEntry, TreeKind};

/// What a backup is, and what became of each file since the backup that it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeList {
    /// The version of the format.
    pub version: u32,
    /// What the backup is.
    pub backup: Facts,
    /// The contents that the archive holds as patches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<StoredPatch>,
    /// All entries of the tree, in order, and those that were deleted.
    pub files: Vec<Change>,
}

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub profile: String,
    pub section: String,
    pub series: u32,
    /// DD; 0 for a normal backup.
    pub point: u32,
    /// When the run began, seconds since 1970.
    pub created: i64,
    /// What the user said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The mode of the section.
    pub mode: Mode,
    /// How many series the section may have.
    pub max_series: u32,
    /// How many backups a series may have.
    pub max_series_length: u32,
    /// Until when it is kept at most.
    #[serde(default, skip_serializing_if = "Expiry::is_never")]
    pub expires: Expiry,
    /// The directory that was backed up.
    pub source: RelPath,
    /// The archives that it relies on, the base first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<Dependency>,
    /// The digest of all that is known of the tree.
    pub state: Digest,
    /// How many files are as they were.
    pub unchanged_files: u64,
    /// How many changed.
    pub updated_files: u64,
    /// How many are new.
    pub new_files: u64,
    /// How many were deleted.
    pub deleted_files: u64,
    /// How many files and directories could not be read, so that they are not in the backup.
    #[serde(default, skip_serializing_if = "is_none_counted")]
    pub unreadable_files: u64,
    /// Whether the source was empty, and the user said that it is meant so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_allowed: bool,
    /// The sizes of all files, in bytes.
    pub tree_bytes: u64,
}

impl Facts {
    /// Which backup of its section it is.
    pub fn id(&self) -> BackupId {
        BackupId {
            series: self.series,
            point: self.point,
        }
    }
}

/// An archive that a backup relies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name in the destination.
    pub name: String,
    pub sha256: Digest,
}

/// One file, directory or other thing of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where it is; the root is `""`.
    pub path: RelPath,
    /// What became of it.
    pub status: Status,
    /// Whether it could not be read, so that it (of a directory, what is in it) is not in the backup.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The size of a file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The digest of a file's content, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Last modification, whole seconds since 1970, rounded down.
    pub mtime: i64,
    /// Nanoseconds to add to `mtime`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mtime_ns: u32,
    /// Last change of the inode, whole seconds since 1970.
    pub ctime: i64,
    /// The twelve mode bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// A digest of what else there is: attributes, targets, links, device numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Digest>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_none_counted(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is as it was.
    Unchanged,
    /// Its content or its metadata changed.
    Updated,
    /// It was not there.
    New,
    /// It is no longer there.
    Deleted,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Updated => "updated",
            Self::New => "new",
            Self::Deleted => "deleted",
        }
    }
}

/// What something in a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    #[serde(rename = "folder")]
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, device or socket.
    Special,
}

impl ChangeList {
    /// The file's name, at the root of an archive.
    pub const NAME: &'static str = ".hashget-changes.json";
    /// The newest version that is read, and written where something could not be read.
    pub const VERSION: u32 = 3;

    /// Where it is in an archive.
    pub(super) fn path() -> RelPath {
        RelPath::root().child(Self::NAME.as_bytes())
    }

    /// A change list of the version that it needs.
    pub(super) fn new(backup: Facts, patches: Vec<StoredPatch>, files: Vec<Change>) -> Self {
        Self {
            version: version_needed(&backup, &patches),
            backup,
            patches,
            files,
        }
    }

    /// The entries of the tree, without those that were deleted. Some may be unreadable.
    pub fn present(&self) -> impl Iterator<Item = &Change> {
        self.files
            .iter()
            .filter(|change| change.status != Status::Deleted)
    }
}

/// The oldest version whose readers understand all that there is.
pub(super) fn version_needed(facts: &Facts, patches: &[StoredPatch]) -> u32 {
    match (facts.unreadable_files, patches) {
        (1.., _) => ChangeList::VERSION,
        (0, []) => 1,
        (0, _) => 2,
    }
}

impl Change {
    /// Whether this is the same as `other`, whatever became of it and however it came to be so.
    pub fn is_same(&self, other: &Self) -> bool {
        let plain = |change: &Self| Self {
            status: Status::New,
            ctime: 0,
            ..change.clone()
        };
        plain(self) == plain(other)
    }
}

/// All that is in a scanned tree, as new.
pub(super) fn state_of(scan: &PackScan) -> Vec<Change> {
    let mut first_names: HashMap<FileId, RelPath> = HashMap::new();
    let mut changes = Vec::with_capacity(scan.entries().len());
    let entries = scan.entries();
    for (index, entry) in entries.indexes().zip(entries.iter()) {
        let mut other = Vec::new();
        let (kind, size, sha256) = match &entry.kind {
            TreeKind::File {
                size, id, links, ..
            } => {
                if *links > 1 {
                    let first = first_names.entry(*id).or_insert_with(|| entry.path.clone());
                    if *first != entry.path {
                        part(&mut other, b"link", first.as_bytes());
                    }
                }
                let empty = (*size == 0).then(|| Digest::of(b""));
                (Kind::File, Some(*size), scan.digest_of(index).or(empty))
            }
            TreeKind::Directory => (Kind::Directory, None, None),
            TreeKind::Node(Node::Symlink(target)) => {
                part(&mut other, b"target", target);
                (Kind::Link, None, None)
            }
            TreeKind::Node(node) => {
                part(&mut other, b"special", special_text(node).as_bytes());
                (Kind::Special, None, None)
            }
            TreeKind::Socket => {
                part(&mut other, b"special", b"Socket");
                (Kind::Special, None, None)
            }
        };
        for xattr in &entry.metadata.xattrs {
            part(&mut other, &xattr.name, &xattr.value);
        }
        changes.push(change(&entry, kind, size, sha256, &other));
    }
    changes
}

fn change(
    entry: &TreeEntry,
    kind: Kind,
    size: Option<u64>,
    sha256: Option<Digest>,
    other: &[u8],
) -> Change {
    let metadata = &entry.metadata;
    Change {
        path: entry.path.clone(),
        status: Status::New,
        unreadable: false,
        kind,
        size,
        sha256,
        mtime: metadata.mtime.seconds,
        mtime_ns: metadata.mtime.nanoseconds,
        ctime: metadata.ctime.seconds,
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        other: (!other.is_empty()).then(|| Digest::of(other)),
    }
}

/// Adds a part that no other parts can look like.
fn part(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for bytes in [name, value] {
        text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        text.extend_from_slice(bytes);
    }
}

/// Sets the status of each of `changes` since `before`, and adds the deleted entries.
pub(super) fn compare(mut changes: Vec<Change>, before: &[Change]) -> Vec<Change> {
    let mut old: BTreeMap<&RelPath, &Change> = before
        .iter()
        .filter(|change| change.status != Status::Deleted)
        .map(|change| (&change.path, change))
        .collect();
    for change in &mut changes {
        change.status = match old.remove(&change.path) {
            None => Status::New,
            Some(old) if change.is_same(old) => Status::Unchanged,
            Some(_) => Status::Updated,
        };
    }
    let deleted = old.into_values().map(|change| Change {
        status: Status::Deleted,
        ..change.clone()
    });
    changes.extend(deleted);
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// The digest of all that is known of a tree.
pub(super) fn state_digest(changes: &[Change]) -> Digest {
    let mut hasher = Hasher::new();
    for change in changes {
        let mut text = Vec::new();
        part(&mut text, change.path.as_bytes(), &[]);
        let facts = format!(
            "{:?} {:?} {:?} {} {} {:o} {} {} {:?}",
            change.kind,
            change.size,
            change.sha256.map(|digest| digest.to_string()),
            change.mtime,
            change.mtime_ns,
            change.mode,
            change.uid,
            change.gid,
            change.other.map(|digest| digest.to_string()),
        );
        part(&mut text, b"", facts.as_bytes());
        if change.unreadable {
            part(&mut text, b"unreadable", &[]);
        }
        hasher.update(&text);
    }
    hasher.finish()
}

/// How a special file is counted in the digest of a state; the words are part of the format.
fn special_text(node: &Node) -> String {
    match node {
        Node::Symlink(_) => "Symlink".to_owned(),
        Node::Fifo => "Fifo".to_owned(),
        Node::CharDevice(major, minor) => {
            format!("CharDevice {{ major: {major}, minor: {minor} }}")
        }
        Node::BlockDevice(major, minor) => {
            format!("BlockDevice {{ major: {major}, minor: {minor} }}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_special_files_stay() {
        assert_eq!(special_text(&Node::Fifo), "Fifo");
        let device = special_text(&Node::CharDevice(1, 3));
        assert_eq!(device, "CharDevice { major: 1, minor: 3 }");
        let device = special_text(&Node::BlockDevice(8, 16));
        assert_eq!(device, "BlockDevice { major: 8, minor: 16 }");
    }
}
