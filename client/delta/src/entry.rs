//! One thing in an index.

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::Xattr;

use hashget_files::node::Node;
use hashget_files::place::Wanted;
use hashget_files::tree::is_mostly_hole;

/// One thing in an index: all of it that a delta keeps. As JSON it is a `Line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Where it is, relative to the directory.
    pub path: RelPath,
    /// What it is.
    pub kind: IndexKind,
    /// The twelve mode bits; of symbolic links always 0777.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    pub mtime: Timestamp,
    /// Extended attributes, POSIX ACLs and file capabilities among them, sorted by name. Labels
    /// that the system puts on files (`security.selinux`) are left out.
    pub xattrs: Vec<Xattr>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// A regular file.
    File(IndexFile),
    Directory,
    /// A symbolic link, a FIFO or a device.
    Node(Node),
}

/// What is known of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its content.
    pub sha256: Digest,
    /// The first of its names, where this is a further hard link.
    pub hardlink: Option<RelPath>,
    /// Where it has data, as (offset, length), if it is sparse. How a file is stored is no part
    /// of its state: files that differ only in this are the same.
    pub extents: Option<Vec<(u64, u64)>>,
}

impl IndexFile {
    /// Whether it is large and has next to nothing in it.
    pub(super) fn is_mostly_hole(&self) -> bool {
        let data_bytes = |extents: &Vec<(u64, u64)>| extents.iter().map(|(_, length)| length).sum();
        let extents = self.extents.as_ref();
        extents.is_some_and(|extents| is_mostly_hole(self.size, data_bytes(extents)))
    }
}

impl IndexEntry {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&IndexFile> {
        match &self.kind {
            IndexKind::File(file) => Some(file),
            _ => None,
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == IndexKind::Directory
    }

    /// Whether `other` has the same content, whatever their names and metadata are.
    pub fn has_content_of(&self, other: &Self) -> bool {
        match (self.file(), other.file()) {
            (Some(one), Some(other)) => (one.size, one.sha256) == (other.size, other.sha256),
            _ => self.kind == other.kind,
        }
    }

    /// Whether the two are the same state of the same thing.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_same_thing(other)
            && self.path == other.path
            && (self.mode, self.uid, self.gid, self.mtime)
                == (other.mode, other.uid, other.gid, other.mtime)
            && self.xattrs == other.xattrs
    }

    /// Whether only metadata is to be set to make one the other.
    pub fn is_same_thing(&self, other: &Self) -> bool {
        let link = |entry: &Self| entry.file().and_then(|file| file.hardlink.clone());
        self.has_content_of(other) && link(self) == link(other)
    }

    /// What differs in `other`, in words.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let link = |entry: &Self| entry.file().and_then(|file| file.hardlink.clone());
        let kind = |entry: &Self| {
            let node = match &entry.kind {
                IndexKind::Node(node) => Some(std::mem::discriminant(node)),
                _ => None,
            };
            (std::mem::discriminant(&entry.kind), node)
        };
        let same_kind = kind(self) == kind(other);
        [
            (!same_kind, "its type"),
            (same_kind && !self.has_content_of(other), "its content"),
            (link(self) != link(other), "its hard links"),
            (self.mode != other.mode, "its mode"),
            ((self.uid, self.gid) != (other.uid, other.gid), "its owner"),
            (self.mtime != other.mtime, "its modification time"),
            (self.xattrs != other.xattrs, "its extended attributes"),
        ]
        .into_iter()
        .filter_map(|(differs, what)| differs.then_some(what))
        .collect()
    }

    /// The metadata to give to it.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            user: Some(self.uid),
            group: Some(self.gid),
            mode: Some(self.mode),
            xattrs: Some(self.xattrs.clone()),
            atime: None,
            mtime: Some(self.mtime),
        }
    }

    /// The entry as the digest of a state counts it, one line.
    pub(super) fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut entry = self.clone();
        if let IndexKind::File(file) = &mut entry.kind {
            file.extents = None;
        }
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Whether an attribute is the user's, rather than a label that the system puts on files.
pub(super) fn is_kept(name: &[u8]) -> bool {
    let label = name.starts_with(b"security.") || name.starts_with(b"system.");
    !label
        || matches!(
            name,
            b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_became_a_fifo_is_of_another_type() {
        let entry = |node| IndexEntry {
            path: RelPath::root(),
            kind: IndexKind::Node(node),
            mode: 0o777,
            uid: 0,
            gid: 0,
            mtime: Timestamp {
                seconds: 0,
                nanoseconds: 0,
            },
            xattrs: Vec::new(),
        };
        let link = entry(Node::Symlink(b"a".to_vec()));
        assert_eq!(link.differences(&entry(Node::Fifo)), ["its type"]);
        let other = entry(Node::Symlink(b"b".to_vec()));
        assert_eq!(link.differences(&other), ["its content"]);
    }
}
