//! The entries of one directory, in little memory.

use std::sync::Arc;

use hashget_archive::Timestamp;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::Xattr;

use crate::node::Node;
use crate::tree::entry::{FileId, Metadata, TreeEntry, TreeKind};

/// The entries of one directory, in order.
#[derive(Debug, Default)]
pub(in crate::tree) struct Directory {
    pub(super) path: RelPath,
    /// The place of the directory's own entry.
    pub(super) place: u32,
    /// The names of the entries, each followed by its text if it is a symbolic link.
    text: Vec<u8>,
    common: Vec<Arc<Common>>,
    pub(super) entries: Vec<Slim>,
}

/// What many entries of a directory have in common.
#[derive(Debug, PartialEq)]
pub(in crate::tree) struct Common {
    pub(in crate::tree) device: u64,
    pub(in crate::tree) mode: u32,
    pub(in crate::tree) uid: u32,
    pub(in crate::tree) gid: u32,
    pub(in crate::tree) user: Option<String>,
    pub(in crate::tree) group: Option<String>,
    pub(in crate::tree) xattrs: Vec<Xattr>,
}

/// What an entry has for itself, in 72 bytes.
#[derive(Debug)]
pub(super) struct Slim {
    /// Where its text begins, 48 bits, and how long its name is, 16 bits.
    text: u64,
    pub(super) inode: u64,
    /// The size of a file, the length of a link's text, the numbers of a device.
    pub(super) size: u64,
    seconds: [i64; 3],
    nanoseconds: [u32; 3],
    /// Of 512 bytes, as the system counts them; no more than fit, which are two terabytes.
    allocated_blocks: u32,
    pub(super) links: u32,
    /// The number of what it has in common, and in the lowest bits its [`SlimKind`].
    common_and_kind: u32,
}

const BLOCK_BYTES: u64 = 512;
const NAME_BITS: u32 = 16;
const KIND_BITS: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum SlimKind {
    Socket,
    File,
    Directory,
    Symlink,
    Fifo,
    CharDevice,
    BlockDevice,
}

/// An entry that is put into a list.
pub(in crate::tree) struct NewEntry<'a> {
    pub(in crate::tree) name: &'a [u8],
    pub(in crate::tree) kind: &'a TreeKind,
    pub(in crate::tree) common: Arc<Common>,
    pub(in crate::tree) atime: Timestamp,
    pub(in crate::tree) mtime: Timestamp,
    pub(in crate::tree) ctime: Timestamp,
}

/// So many of the latest [`Common`]s of a directory are compared with a new entry's.
const COMPARED: usize = 4;

impl Directory {
    pub(in crate::tree) fn new(path: RelPath) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    pub(in crate::tree) fn path(&self) -> &RelPath {
        &self.path
    }

    pub(in crate::tree) fn len(&self) -> usize {
        self.entries.len()
    }

    /// One of the latest [`Common`]s for which `fits` holds.
    pub(in crate::tree) fn common(&self, fits: impl Fn(&Common) -> bool) -> Option<Arc<Common>> {
        let mut latest = self.common.iter().rev().take(COMPARED);
        latest.find(|common| fits(common)).cloned()
    }

    /// Puts an entry behind the others. A name has at most 65535 bytes.
    pub(in crate::tree) fn push(&mut self, new: NewEntry<'_>) {
        let latest = self.common.iter().enumerate().rev().take(COMPARED);
        let known = latest
            .filter(|(_, common)| Arc::ptr_eq(common, &new.common))
            .map(|(place, _)| place)
            .next();
        let common = known.unwrap_or_else(|| {
            self.common.push(new.common);
            self.common.len() - 1
        });
        let name_bytes = new.name.len().min((1 << NAME_BITS) - 1);
        let text = (self.text.len() as u64) << NAME_BITS | name_bytes as u64;
        self.text.extend_from_slice(new.name);
        let rdev = |major: u32, minor: u32| u64::from(major) << 32 | u64::from(minor);
        let mut slim = Slim {
            text,
            inode: 0,
            size: 0,
            seconds: [new.atime.seconds, new.mtime.seconds, new.ctime.seconds],
            nanoseconds: [new.atime, new.mtime, new.ctime].map(|time| time.nanoseconds),
            allocated_blocks: 0,
            links: 0,
            common_and_kind: 0,
        };
        let kind = match new.kind {
            TreeKind::File {
                size,
                id,
                links,
                allocated_bytes,
            } => {
                slim.size = *size;
                slim.inode = id.inode;
                slim.links = u32::try_from(*links).unwrap_or(u32::MAX);
                let blocks = u32::try_from(allocated_bytes / BLOCK_BYTES);
                slim.allocated_blocks = blocks.unwrap_or(u32::MAX);
                SlimKind::File
            }
            TreeKind::Node(Node::Symlink(target)) => {
                self.text.extend_from_slice(target);
                slim.size = target.len() as u64;
                SlimKind::Symlink
            }
            TreeKind::Node(Node::CharDevice(major, minor)) => {
                slim.size = rdev(*major, *minor);
                SlimKind::CharDevice
            }
            TreeKind::Node(Node::BlockDevice(major, minor)) => {
                slim.size = rdev(*major, *minor);
                SlimKind::BlockDevice
            }
            TreeKind::Directory => SlimKind::Directory,
            TreeKind::Node(Node::Fifo) => SlimKind::Fifo,
            TreeKind::Socket => SlimKind::Socket,
        };
        let common = u32::try_from(common).unwrap_or(u32::MAX);
        slim.common_and_kind = common << KIND_BITS | kind as u32;
        self.entries.push(slim);
    }

    /// Gives back what was reserved for more entries.
    pub(in crate::tree) fn finish(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    fn text(&self, start: u64, bytes: usize) -> &[u8] {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let end = start.saturating_add(bytes);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn common_of(&self, slim: &Slim) -> &Common {
        &self.common[(slim.common_and_kind >> KIND_BITS) as usize]
    }

    pub(super) fn name(&self, slim: &Slim) -> &[u8] {
        self.text(slim.text_start(), slim.name_bytes())
    }

    pub(super) fn path_of(&self, slim: &Slim) -> RelPath {
        self.path.child(self.name(slim))
    }

    /// The path of the entry that was put in as number `child`.
    pub(in crate::tree) fn path_at(&self, child: usize) -> RelPath {
        self.entries
            .get(child)
            .map_or_else(RelPath::root, |slim| self.path_of(slim))
    }

    fn kind(&self, slim: &Slim, common: &Common) -> TreeKind {
        let numbers = || ((slim.size >> 32) as u32, (slim.size & 0xffff_ffff) as u32);
        match slim.kind() {
            SlimKind::File => TreeKind::File {
                size: slim.size,
                id: FileId {
                    device: common.device,
                    inode: slim.inode,
                },
                links: slim.links.into(),
                allocated_bytes: slim.allocated_bytes(),
            },
            SlimKind::Directory => TreeKind::Directory,
            SlimKind::Symlink => {
                let start = slim.text_start() + slim.name_bytes() as u64;
                let bytes = usize::try_from(slim.size).unwrap_or(usize::MAX);
                TreeKind::Node(Node::Symlink(self.text(start, bytes).to_vec()))
            }
            SlimKind::Fifo => TreeKind::Node(Node::Fifo),
            SlimKind::CharDevice => {
                let (major, minor) = numbers();
                TreeKind::Node(Node::CharDevice(major, minor))
            }
            SlimKind::BlockDevice => {
                let (major, minor) = numbers();
                TreeKind::Node(Node::BlockDevice(major, minor))
            }
            SlimKind::Socket => TreeKind::Socket,
        }
    }

    pub(super) fn entry(&self, slim: &Slim) -> TreeEntry {
        let common = self.common_of(slim);
        let [atime, mtime, ctime] = slim.times();
        TreeEntry {
            path: self.path_of(slim),
            kind: self.kind(slim, common),
            metadata: Metadata {
                mode: common.mode,
                uid: common.uid,
                gid: common.gid,
                user: common.user.clone(),
                group: common.group.clone(),
                atime,
                mtime,
                ctime,
                xattrs: common.xattrs.clone(),
            },
        }
    }
}

impl Slim {
    pub(super) fn text_start(&self) -> u64 {
        self.text >> NAME_BITS
    }

    pub(super) fn name_bytes(&self) -> usize {
        let [.., high, low] = self.text.to_be_bytes();
        u16::from_be_bytes([high, low]).into()
    }

    pub(super) fn kind(&self) -> SlimKind {
        const KINDS: [SlimKind; 1 << KIND_BITS] = [
            SlimKind::Socket,
            SlimKind::File,
            SlimKind::Directory,
            SlimKind::Symlink,
            SlimKind::Fifo,
            SlimKind::CharDevice,
            SlimKind::BlockDevice,
            SlimKind::Socket,
        ];
        KINDS[self.common_and_kind as usize % KINDS.len()]
    }

    pub(super) fn allocated_bytes(&self) -> u64 {
        u64::from(self.allocated_blocks) * BLOCK_BYTES
    }

    pub(super) fn times(&self) -> [Timestamp; 3] {
        [0, 1, 2].map(|which| Timestamp {
            seconds: self.seconds[which],
            nanoseconds: self.nanoseconds[which],
        })
    }
}
