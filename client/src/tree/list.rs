//! All that is in a tree, in order and in little memory.
//!
//! A [`TreeEntry`] of its own takes some 400 bytes with its path. Here an entry takes about 90
//! and the bytes of its name: what many files of a folder have in common is kept once, and so is
//! the folder's path.

use std::cmp::Ordering;
use std::sync::Arc;

use hashget_common::archive::Timestamp;
use hashget_common::rel_path::RelPath;
use hashget_common::restore_file::Xattr;

use super::entry::{FileId, FileStamp, Metadata, TreeEntry, TreeKind};

/// All that is in a tree, in order: a folder comes right before what is in it. Entries are named
/// by their place.
#[derive(Debug, Default)]
pub struct TreeList {
    folders: Vec<Folder>,
    /// Where each entry is.
    order: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    folder: u32,
    child: u32,
}

/// What is known of a regular file without its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Which file it is, and what changes with its content.
    pub stamp: FileStamp,
    /// How many names it has in its file system.
    pub links: u64,
    /// How much disk it takes, in bytes.
    pub allocated_bytes: u64,
}

/// The entries of one folder, in order.
#[derive(Debug, Default)]
pub(super) struct Folder {
    path: RelPath,
    /// The place of the folder's own entry.
    place: u32,
    /// The names of the entries, each followed by its text if it is a symbolic link.
    text: Vec<u8>,
    common: Vec<Arc<Common>>,
    entries: Vec<Slim>,
}

/// What many entries of a folder have in common.
#[derive(Debug, PartialEq)]
pub(super) struct Common {
    pub(super) device: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    pub(super) xattrs: Vec<Xattr>,
}

/// What an entry has for itself, in 72 bytes.
#[derive(Debug)]
struct Slim {
    /// Where its text begins, 48 bits, and how long its name is, 16 bits.
    text: u64,
    inode: u64,
    /// The size of a file, the length of a link's text, the numbers of a device.
    size: u64,
    seconds: [i64; 3],
    nanoseconds: [u32; 3],
    /// Of 512 bytes, as the system counts them; no more than fit, which are two terabytes.
    allocated_blocks: u32,
    links: u32,
    /// The number of what it has in common, and in the lowest bits its [`SlimKind`].
    common_and_kind: u32,
}

const BLOCK_BYTES: u64 = 512;
const NAME_BITS: u32 = 16;
const KIND_BITS: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum SlimKind {
    Socket,
    File,
    Directory,
    Symlink,
    Fifo,
    CharDevice,
    BlockDevice,
}

/// An entry that is put into a list.
pub(super) struct NewEntry<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: &'a TreeKind,
    pub(super) common: Arc<Common>,
    pub(super) atime: Timestamp,
    pub(super) mtime: Timestamp,
    pub(super) ctime: Timestamp,
}

/// So many of the latest [`Common`]s of a folder are compared with a new entry's.
const COMPARED: usize = 4;

impl Folder {
    pub(super) fn new(path: RelPath) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    pub(super) fn path(&self) -> &RelPath {
        &self.path
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// One of the latest [`Common`]s for which `fits` holds.
    pub(super) fn common(&self, fits: impl Fn(&Common) -> bool) -> Option<Arc<Common>> {
        let mut latest = self.common.iter().rev().take(COMPARED);
        latest.find(|common| fits(common)).cloned()
    }

    /// Puts an entry behind the others. A name has at most 65535 bytes.
    pub(super) fn push(&mut self, new: NewEntry<'_>) {
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
            TreeKind::Symlink { target } => {
                self.text.extend_from_slice(target);
                slim.size = target.len() as u64;
                SlimKind::Symlink
            }
            TreeKind::CharDevice { major, minor } => {
                slim.size = rdev(*major, *minor);
                SlimKind::CharDevice
            }
            TreeKind::BlockDevice { major, minor } => {
                slim.size = rdev(*major, *minor);
                SlimKind::BlockDevice
            }
            TreeKind::Directory => SlimKind::Directory,
            TreeKind::Fifo => SlimKind::Fifo,
            TreeKind::Socket => SlimKind::Socket,
        };
        let common = u32::try_from(common).unwrap_or(u32::MAX);
        slim.common_and_kind = common << KIND_BITS | kind as u32;
        self.entries.push(slim);
    }

    /// Gives back what was reserved for more entries.
    pub(super) fn finish(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    fn text(&self, start: u64, bytes: usize) -> &[u8] {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let end = start.saturating_add(bytes);
        self.text.get(start..end).unwrap_or_default()
    }

    fn common_of(&self, slim: &Slim) -> &Common {
        &self.common[(slim.common_and_kind >> KIND_BITS) as usize]
    }

    fn name(&self, slim: &Slim) -> &[u8] {
        self.text(slim.text_start(), slim.name_bytes())
    }

    fn path_of(&self, slim: &Slim) -> RelPath {
        self.path.child(self.name(slim))
    }

    /// The path of the entry that was put in as number `child`.
    pub(super) fn path_at(&self, child: usize) -> RelPath {
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
                TreeKind::Symlink {
                    target: self.text(start, bytes).to_vec(),
                }
            }
            SlimKind::Fifo => TreeKind::Fifo,
            SlimKind::CharDevice => {
                let (major, minor) = numbers();
                TreeKind::CharDevice { major, minor }
            }
            SlimKind::BlockDevice => {
                let (major, minor) = numbers();
                TreeKind::BlockDevice { major, minor }
            }
            SlimKind::Socket => TreeKind::Socket,
        }
    }

    fn entry(&self, slim: &Slim) -> TreeEntry {
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
    fn text_start(&self) -> u64 {
        self.text >> NAME_BITS
    }

    fn name_bytes(&self) -> usize {
        let [.., high, low] = self.text.to_be_bytes();
        u16::from_be_bytes([high, low]).into()
    }

    fn kind(&self) -> SlimKind {
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

    fn allocated_bytes(&self) -> u64 {
        u64::from(self.allocated_blocks) * BLOCK_BYTES
    }

    fn times(&self) -> [Timestamp; 3] {
        [0, 1, 2].map(|which| Timestamp {
            seconds: self.seconds[which],
            nanoseconds: self.nanoseconds[which],
        })
    }
}

impl TreeList {
    /// Puts folders together. `folders` begins with one that has the root as its only entry;
    /// `below` tells for each which of its entries are which folders, in order.
    pub(super) fn new(mut folders: Vec<Folder>, below: &[Vec<(u32, u32)>]) -> Self {
        let count = folders.iter().map(Folder::len).sum();
        let mut order = Vec::with_capacity(count);
        // The folder, its next entry, and how many of its folders were passed.
        let mut levels = vec![(0_u32, 0_u32, 0_usize)];
        while let Some((folder, child, passed)) = levels.last_mut() {
            let entries = folders.get(*folder as usize).map_or(0, Folder::len);
            if *child as usize >= entries {
                levels.pop();
                continue;
            }
            let place = u32::try_from(order.len()).unwrap_or(u32::MAX);
            let (at, number) = (*folder, *child);
            order.push(Slot {
                folder: at,
                child: number,
            });
            *child += 1;
            let inner = below.get(at as usize).and_then(|below| below.get(*passed));
            if let Some((_, inner)) = inner.filter(|(child, _)| *child == number) {
                *passed += 1;
                if let Some(inner) = folders.get_mut(*inner as usize) {
                    inner.place = place;
                }
                levels.push((*inner, 0, 0));
            }
        }
        Self { folders, order }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is nothing, not even the root.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    #[inline]
    fn at(&self, place: usize) -> (&Folder, &Slim) {
        let Slot { folder, child } = self.order[place];
        let folder = &self.folders[folder as usize];
        (folder, &folder.entries[child as usize])
    }

    /// The entry at `place`.
    ///
    /// # Panics
    /// If there is none: places are less than [`TreeList::len`].
    pub fn entry(&self, place: usize) -> TreeEntry {
        let (folder, slim) = self.at(place);
        folder.entry(slim)
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TreeEntry> + '_ {
        (0..self.len()).map(|place| self.entry(place))
    }

    /// All entries, each on its own.
    pub fn into_entries(mut self) -> Vec<TreeEntry> {
        let mut entries = Vec::with_capacity(self.len());
        let mut left: Vec<usize> = self.folders.iter().map(Folder::len).collect();
        for place in 0..self.len() {
            entries.push(self.entry(place));
            let folder = self.order[place].folder as usize;
            left[folder] -= 1;
            if left[folder] == 0 {
                self.folders[folder] = Folder::default();
            }
        }
        entries
    }

    /// The path of the entry at `place`; panics as [`TreeList::entry`] does.
    pub fn path(&self, place: usize) -> RelPath {
        let (folder, slim) = self.at(place);
        folder.path_of(slim)
    }

    /// The place of the folder that holds the entry at `place`; none for the root.
    pub fn parent(&self, place: usize) -> Option<usize> {
        let folder = self.order[place].folder;
        (folder > 0).then(|| self.folders[folder as usize].place as usize)
    }

    /// What is known of the regular file at `place`, if it is one.
    #[inline]
    pub fn file(&self, place: usize) -> Option<ListedFile> {
        let (folder, slim) = self.at(place);
        if slim.kind() != SlimKind::File {
            return None;
        }
        let [_, mtime, ctime] = slim.times();
        Some(ListedFile {
            stamp: FileStamp {
                id: FileId {
                    device: folder.common_of(slim).device,
                    inode: slim.inode,
                },
                size: slim.size,
                mtime,
                ctime,
            },
            links: slim.links.into(),
            allocated_bytes: slim.allocated_bytes(),
        })
    }

    /// Whether the entry at `place` was seen to have no extended attributes.
    pub fn is_plain(&self, place: usize) -> bool {
        let (folder, slim) = self.at(place);
        folder.common_of(slim).xattrs.is_empty()
    }

    /// Whether a folder is at `place`.
    pub fn is_folder(&self, place: usize) -> bool {
        self.at(place).1.kind() == SlimKind::Directory
    }

    /// The place of `path`, if it is in the list.
    pub fn find(&self, path: &RelPath) -> Option<usize> {
        let wanted = path.as_bytes();
        let compare = |slot: &Slot| {
            let folder = &self.folders[slot.folder as usize];
            let slim = &folder.entries[slot.child as usize];
            let name = folder.name(slim);
            compare(folder.path.as_bytes(), name, wanted)
        };
        self.order.binary_search_by(compare).ok()
    }

    /// Takes out the entry at `place`, which is not a folder with anything in it.
    pub(crate) fn remove(&mut self, place: usize) {
        self.order.remove(place);
        for folder in &mut self.folders {
            if folder.place as usize > place {
                folder.place -= 1;
            }
        }
    }
}

/// Compares `folder`/`name` with `path` in the order of [`RelPath`].
fn compare(folder: &[u8], name: &[u8], path: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    let between: &[u8] = if folder.is_empty() || name.is_empty() {
        b""
    } else {
        b"/"
    };
    let whole = folder.iter().chain(between).chain(name);
    whole.map(key).cmp(path.iter().map(key))
}

#[cfg(test)]
mod tests;
