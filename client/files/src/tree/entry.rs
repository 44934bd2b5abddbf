//! One entry of a tree: its kind and all the metadata that a backup keeps.

use hashget_archive::Timestamp;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::Xattr;

use crate::node::Node;

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeEntry {
    /// Where it is, relative to the tree's root.
    pub path: RelPath,
    /// What it is.
    pub kind: TreeKind,
    /// Owner, mode, times and attributes.
    pub metadata: Metadata,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeKind {
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
        /// Which file it is, for telling hard links.
        id: FileId,
        /// How many names it has in its file system.
        links: u64,
        /// How much disk it takes, in bytes, attributes included; less than `size` for most sparse
        /// files.
        allocated_bytes: u64,
    },
    Directory,
    /// A symbolic link, a FIFO or a device.
    Node(Node),
    /// A socket; no archive can keep one.
    Socket,
}

/// The identity of a file: its file system and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The device's number.
    pub device: u64,
    /// The inode's number.
    pub inode: u64,
}

/// What changes when a file's content changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// Which file it is.
    pub id: FileId,
    /// Its size in bytes.
    pub size: u64,
    pub mtime: Timestamp,
    /// Last change of the inode, which no program can set back.
    pub ctime: Timestamp,
}

impl TreeEntry {
    /// The stamp of a regular file.
    pub fn stamp(&self) -> Option<FileStamp> {
        match self.kind {
            TreeKind::File { size, id, .. } => Some(FileStamp {
                id,
                size,
                mtime: self.metadata.mtime,
                ctime: self.metadata.ctime,
            }),
            _ => None,
        }
    }
}

/// Owner, mode, times and attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The twelve mode bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The owner's name, where the system knows one.
    pub user: Option<String>,
    /// The group's name, where the system knows one.
    pub group: Option<String>,
    pub atime: Timestamp,
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Extended attributes by name, POSIX ACLs and file capabilities among them.
    pub xattrs: Vec<Xattr>,
}
