//! All that is in a tree, in order and in little memory.
//!
//! A [`TreeEntry`] of its own takes some 400 bytes with its path. Here an entry takes about 90
//! and the bytes of its name: what many files of a directory have in common is kept once, and so is
//! the directory's path.

mod directory;

use std::cmp::Ordering;

use hashget_words::rel_path::RelPath;

pub(super) use self::directory::{Common, Directory, NewEntry};
use self::directory::{Slim, SlimKind};
use super::entry::{FileId, FileStamp, TreeEntry};

crate::index_type! {
    /// Where something is in a [`TreeList`].
    pub struct EntryIndex;
}

/// All that is in a tree, in order: a directory comes right before what is in it.
#[derive(Debug, Default)]
pub struct TreeList {
    directories: Vec<Directory>,
    /// Where each entry is.
    order: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    directory: u32,
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

impl TreeList {
    /// Puts directories together. `directories` begins with one that has the root as its only entry;
    /// `below` tells for each which of its entries are which directories, in order.
    pub(super) fn new(mut directories: Vec<Directory>, below: &[Vec<(u32, u32)>]) -> Self {
        let count = directories.iter().map(Directory::len).sum();
        let mut order = Vec::with_capacity(count);
        // The directory, its next entry, and how many of its directories were passed.
        let mut levels = vec![(0_u32, 0_u32, 0_usize)];
        while let Some((directory, child, passed)) = levels.last_mut() {
            let entries = directories
                .get(*directory as usize)
                .map_or(0, Directory::len);
            if *child as usize >= entries {
                levels.pop();
                continue;
            }
            let place = u32::try_from(order.len()).unwrap_or(u32::MAX);
            let (at, number) = (*directory, *child);
            order.push(Slot {
                directory: at,
                child: number,
            });
            *child += 1;
            let inner = below.get(at as usize).and_then(|below| below.get(*passed));
            if let Some((_, inner)) = inner.filter(|(child, _)| *child == number) {
                *passed += 1;
                if let Some(inner) = directories.get_mut(*inner as usize) {
                    inner.place = place;
                }
                levels.push((*inner, 0, 0));
            }
        }
        Self { directories, order }
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
    fn at(&self, index: EntryIndex) -> (&Directory, &Slim) {
        let Slot { directory, child } = self.order[index.get()];
        let directory = &self.directories[directory as usize];
        (directory, &directory.entries[child as usize])
    }

    /// The positions of the entries, in order.
    pub fn indexes(&self) -> impl ExactSizeIterator<Item = EntryIndex> + use<> {
        (0..self.len()).map(EntryIndex::from)
    }

    /// The entry at `index`.
    ///
    /// # Panics
    /// If there is none: see [`TreeList::indexes`].
    pub fn entry(&self, index: EntryIndex) -> TreeEntry {
        let (directory, slim) = self.at(index);
        directory.entry(slim)
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TreeEntry> + '_ {
        self.indexes().map(|index| self.entry(index))
    }

    /// All entries, each on its own.
    pub fn into_entries(mut self) -> Vec<TreeEntry> {
        let mut entries = Vec::with_capacity(self.len());
        let mut left: Vec<usize> = self.directories.iter().map(Directory::len).collect();
        for index in self.indexes() {
            entries.push(self.entry(index));
            let directory = self.order[index.get()].directory as usize;
            left[directory] -= 1;
            if left[directory] == 0 {
                self.directories[directory] = Directory::default();
            }
        }
        entries
    }

    /// The path of the entry at `index`; panics as [`TreeList::entry`] does.
    pub fn path(&self, index: EntryIndex) -> RelPath {
        let (directory, slim) = self.at(index);
        directory.path_of(slim)
    }

    /// The directory that holds the entry at `index`; none for the root.
    pub fn parent(&self, index: EntryIndex) -> Option<EntryIndex> {
        let directory = self.order[index.get()].directory;
        (directory > 0).then(|| EntryIndex(self.directories[directory as usize].place))
    }

    /// What is known of the regular file at `index`, if it is one.
    #[inline]
    pub fn file(&self, index: EntryIndex) -> Option<ListedFile> {
        let (directory, slim) = self.at(index);
        if slim.kind() != SlimKind::File {
            return None;
        }
        let [_, mtime, ctime] = slim.times();
        Some(ListedFile {
            stamp: FileStamp {
                id: FileId {
                    device: directory.common_of(slim).device,
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

    /// Whether the entry at `index` was seen to have no extended attributes.
    pub fn is_plain(&self, index: EntryIndex) -> bool {
        let (directory, slim) = self.at(index);
        directory.common_of(slim).xattrs.is_empty()
    }

    /// Whether a directory is at `index`.
    pub fn is_directory(&self, index: EntryIndex) -> bool {
        self.at(index).1.kind() == SlimKind::Directory
    }

    /// Where `path` is, if it is in the list.
    pub fn find(&self, path: &RelPath) -> Option<EntryIndex> {
        let wanted = path.as_bytes();
        let compare = |slot: &Slot| {
            let directory = &self.directories[slot.directory as usize];
            let slim = &directory.entries[slot.child as usize];
            let name = directory.name(slim);
            compare(directory.path.as_bytes(), name, wanted)
        };
        let found = self.order.binary_search_by(compare);
        found.ok().map(EntryIndex::from)
    }

    /// Takes out the entry at `index`, which is not a directory with anything in it.
    pub fn remove(&mut self, index: EntryIndex) {
        self.order.remove(index.get());
        for directory in &mut self.directories {
            if directory.place > index.0 {
                directory.place -= 1;
            }
        }
    }
}

/// Compares `directory`/`name` with `path` in the order of [`RelPath`].
fn compare(directory: &[u8], name: &[u8], path: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    let between: &[u8] = if directory.is_empty() || name.is_empty() {
        b""
    } else {
        b"/"
    };
    let whole = directory.iter().chain(between).chain(name);
    whole.map(key).cmp(path.iter().map(key))
}

#[cfg(test)]
mod tests;
