//! All that is in a tree, in order and in little memory.
//!
//! A [`TreeEntry`] of its own takes some 400 bytes with its path. Here an entry takes about 90
//! and the bytes of its name: what many files of a folder have in common is kept once, and so is
//! the folder's path.

mod folder;

use std::cmp::Ordering;

use hashget_words::rel_path::RelPath;

pub(super) use self::folder::{Common, Folder, NewEntry};
use self::folder::{Slim, SlimKind};
use super::entry::{FileId, FileStamp, TreeEntry};

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
    pub fn remove(&mut self, place: usize) {
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
