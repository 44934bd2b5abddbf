//! What the files of a tree have in them, as far as it may be left out.

use std::collections::{HashMap, HashSet};

use hashget_words::digest::Digest;
use rayon::slice::ParallelSliceMut;

use super::index::DigestIndex;
use super::plan::Wanted;
use hashget_files::hash_cache::HashedFiles;
use hashget_files::tree::{EntryIndex, Extents, FileId, FileIndex, ListedFile, TreeList};

/// The contents of a tree's files: each digest once, and which entry has which.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Sorted.
    digests: Vec<Digest>,
    /// For every digest the size of its content, in bytes.
    sizes: Vec<u64>,
    /// For every digest how many files have it.
    files: Vec<u32>,
    /// For every entry of the tree the number of its digest, or [`NONE`].
    of_entry: Vec<u32>,
    /// Of sparse files, where they have data.
    extents: HashMap<FileId, Extents>,
}

const NONE: u32 = u32::MAX;

impl Contents {
    /// `hashed` are the digests of the files at `indexes`, each file once.
    pub(super) fn new(entries: &TreeList, indexes: Vec<EntryIndex>, hashed: HashedFiles) -> Self {
        let (mut digests, numbers, extents) = hashed.into_parts();
        let file_of = |number: FileIndex| entries.file(indexes[number.get()]);
        let extents = extents
            .into_iter()
            .filter_map(|(number, extents)| Some((file_of(number)?.stamp.id, extents)))
            .collect();
        // As large as the numbers, so that they take their memory.
        let numbers = numbers.into_iter();
        let indexes_of_digests = numbers.map(|number| indexes[number.get()]);
        let mut indexes_of_digests: Vec<EntryIndex> = indexes_of_digests.collect();
        drop(indexes);
        sort_together(&mut digests, &mut indexes_of_digests);
        let mut of_entry = vec![NONE; entries.len()];
        let mut distinct = 0;
        for number in 0..digests.len() {
            if distinct == 0 || digests[distinct - 1] != digests[number] {
                digests[distinct] = digests[number];
                distinct += 1;
            }
            let index = indexes_of_digests[number];
            of_entry[index.get()] = u32::try_from(distinct - 1).unwrap_or(NONE);
        }
        digests.truncate(distinct);
        let mut new = Self {
            digests,
            of_entry,
            extents,
            ..Self::default()
        };
        new.give_to_links(entries);
        new.count(entries);
        new
    }

    /// Gives all names of a file what its first one has.
    fn give_to_links(&mut self, entries: &TreeList) {
        let mut linked: HashMap<FileId, u32> = HashMap::new();
        for (index, file) in linked_files(entries) {
            let number = self.of_entry[index.get()];
            if number != NONE {
                linked.insert(file.stamp.id, number);
            }
        }
        for (index, file) in linked_files(entries) {
            self.of_entry[index.get()] = linked.get(&file.stamp.id).copied().unwrap_or(NONE);
        }
    }

    fn count(&mut self, entries: &TreeList) {
        self.sizes = vec![0; self.digests.len()];
        self.files = vec![0; self.digests.len()];
        let mut seen: HashSet<FileId> = HashSet::new();
        for index in entries.indexes() {
            let (Some(content), Some(file)) = (self.content(index), entries.file(index)) else {
                continue;
            };
            if file.links > 1 && !seen.insert(file.stamp.id) {
                continue;
            }
            let files = &mut self.files[content.get()];
            *files = files.saturating_add(1);
            self.sizes[content.get()] = file.stamp.size;
        }
    }

    /// Forgets what the files at `indexes` have in them, under all their names.
    pub(super) fn forget(&mut self, entries: &TreeList, indexes: &[EntryIndex]) {
        let mut linked: HashSet<FileId> = HashSet::new();
        for index in indexes {
            self.of_entry[index.get()] = NONE;
            linked.extend(entries.file(*index).map(|file| file.stamp.id));
        }
        for (index, file) in linked_files(entries) {
            if linked.contains(&file.stamp.id) {
                self.of_entry[index.get()] = NONE;
            }
        }
        self.count(entries);
    }

    fn content(&self, index: EntryIndex) -> Option<DigestIndex> {
        let number = self.of_entry.get(index.get()).copied()?;
        (number != NONE).then(|| DigestIndex::from(number as usize))
    }

    /// The digest of the entry at `index`, if it may be left out.
    pub(super) fn digest(&self, index: EntryIndex) -> Option<Digest> {
        self.content(index)
            .map(|content| self.digests[content.get()])
    }

    /// Where the file has data, if it is sparse.
    pub(super) fn extents(&self, id: FileId) -> Option<&Extents> {
        self.extents.get(&id)
    }

    /// All digests, sorted.
    pub(super) fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The content, and the size of one file that has it.
    pub(super) fn wanted(&self, content: DigestIndex) -> (Wanted, u64) {
        let content = content.get();
        let (size, files) = (self.sizes[content], self.files[content]);
        let wanted = Wanted {
            sha256: self.digests[content],
            saved_bytes: size.saturating_mul(files.into()),
        };
        (wanted, size)
    }

    /// What files still have, sorted by digest.
    pub(super) fn there(&self) -> impl Iterator<Item = DigestIndex> + '_ {
        let files = self.files.iter().enumerate();
        let there = files.filter(|(_, files)| **files > 0);
        there.map(|(content, _)| DigestIndex::from(content))
    }

    /// The digest of a content.
    pub(super) fn digest_at(&self, content: DigestIndex) -> Digest {
        self.digests[content.get()]
    }

    /// Which entries have one of these digests, which are sorted.
    pub(super) fn marked(&self, digests: impl Iterator<Item = Digest>) -> Marked<'_> {
        let mut digests = digests.peekable();
        let is_marked = |known: &Digest| {
            while digests.next_if(|digest| digest < known).is_some() {}
            digests.peek() == Some(known)
        };
        let marks = self.digests.iter().map(is_marked).collect();
        Marked {
            contents: self,
            marks,
        }
    }
}

/// Some of the contents of a tree.
pub(super) struct Marked<'a> {
    contents: &'a Contents,
    marks: Vec<bool>,
}

impl Marked<'_> {
    /// Whether the entry at `index` has one of them.
    pub(super) fn has(&self, index: EntryIndex) -> bool {
        self.contents
            .content(index)
            .is_some_and(|content| self.marks[content.get()])
    }

    /// Takes the content of the entry at `index` away from them.
    pub(super) fn unmark(&mut self, index: EntryIndex) {
        if let Some(content) = self.contents.content(index) {
            self.marks[content.get()] = false;
        }
    }

    /// Those that are left.
    pub(super) fn digests(&self) -> HashSet<Digest> {
        let digests = self.contents.digests.iter().zip(&self.marks);
        let marked = digests.filter(|(_, is_marked)| **is_marked);
        marked.map(|(digest, _)| *digest).collect()
    }
}

/// What an order says of a position that is done.
const DONE: u32 = u32::MAX;

/// Sorts `digests`, and `indexes` with them, without a copy of either.
fn sort_together(digests: &mut [Digest], indexes: &mut [EntryIndex]) {
    let numbers = (0..digests.len()).filter_map(|number| u32::try_from(number).ok());
    let mut order: Vec<u32> = numbers.collect();
    order.par_sort_unstable_by_key(|number| (digests[*number as usize], *number));
    // What belongs to a position is at `order[position]`: it goes round in circles.
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let from = std::mem::replace(&mut order[at], DONE);
            if from == DONE || from as usize == start {
                break;
            }
            digests.swap(at, from as usize);
            indexes.swap(at, from as usize);
            at = from as usize;
        }
    }
}

/// The files with several names.
fn linked_files(entries: &TreeList) -> impl Iterator<Item = (EntryIndex, ListedFile)> + '_ {
    let files = (entries.indexes()).filter_map(|index| Some((index, entries.file(index)?)));
    files.filter(|(_, file)| file.links > 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sorted_together_stays_together(numbers in prop::collection::vec(0_u8..50, 0..300)) {
            let digest = |number: &u8| Digest::of(&[*number]);
            let mut digests: Vec<Digest> = numbers.iter().map(digest).collect();
            let mut pairs: Vec<(Digest, EntryIndex)> = digests.iter().copied().zip((0..).map(EntryIndex::from)).collect();
            let mut indexes: Vec<EntryIndex> = (0..digests.len()).map(EntryIndex::from).collect();
            sort_together(&mut digests, &mut indexes);
            pairs.sort();
            prop_assert!(digests.into_iter().zip(indexes).eq(pairs));
        }
    }
}
