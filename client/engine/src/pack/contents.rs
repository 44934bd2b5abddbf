//! What the files of a tree have in them, as far as it may be left out.

use std::collections::{HashMap, HashSet};

use hashget_words::digest::Digest;
use rayon::slice::ParallelSliceMut;

use super::plan::Wanted;
use hashget_files::hash_cache::HashedFiles;
use hashget_files::tree::{Extents, FileId, ListedFile, TreeList};

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
    /// `hashed` are the digests of the files at `places`, each file once.
    pub(super) fn new(entries: &TreeList, places: Vec<u32>, hashed: HashedFiles) -> Self {
        let (mut digests, mut numbers, extents) = hashed.into_parts();
        let file_of = |number: usize| entries.file(places[number] as usize);
        let extents = extents
            .into_iter()
            .filter_map(|(number, extents)| Some((file_of(number)?.stamp.id, extents)))
            .collect();
        for number in &mut numbers {
            *number = places[*number as usize];
        }
        let mut places_of_digests = numbers;
        drop(places);
        sort_together(&mut digests, &mut places_of_digests);
        let mut of_entry = vec![NONE; entries.len()];
        let mut distinct = 0;
        for number in 0..digests.len() {
            if distinct == 0 || digests[distinct - 1] != digests[number] {
                digests[distinct] = digests[number];
                distinct += 1;
            }
            let place = places_of_digests[number] as usize;
            of_entry[place] = u32::try_from(distinct - 1).unwrap_or(NONE);
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
        for (place, file) in linked_files(entries) {
            if self.of_entry[place] != NONE {
                linked.insert(file.stamp.id, self.of_entry[place]);
            }
        }
        for (place, file) in linked_files(entries) {
            self.of_entry[place] = linked.get(&file.stamp.id).copied().unwrap_or(NONE);
        }
    }

    fn count(&mut self, entries: &TreeList) {
        self.sizes = vec![0; self.digests.len()];
        self.files = vec![0; self.digests.len()];
        let mut seen: HashSet<FileId> = HashSet::new();
        for place in 0..entries.len() {
            let (Some(number), Some(file)) = (self.number(place), entries.file(place)) else {
                continue;
            };
            if file.links > 1 && !seen.insert(file.stamp.id) {
                continue;
            }
            self.sizes[number] = file.stamp.size;
            self.files[number] = self.files[number].saturating_add(1);
        }
    }

    /// Forgets what the files at `places` have in them, under all their names.
    pub(super) fn forget(&mut self, entries: &TreeList, places: &[usize]) {
        let mut linked: HashSet<FileId> = HashSet::new();
        for place in places {
            self.of_entry[*place] = NONE;
            linked.extend(entries.file(*place).map(|file| file.stamp.id));
        }
        for (place, file) in linked_files(entries) {
            if linked.contains(&file.stamp.id) {
                self.of_entry[place] = NONE;
            }
        }
        self.count(entries);
    }

    fn number(&self, place: usize) -> Option<usize> {
        let number = self.of_entry.get(place).copied()?;
        (number != NONE).then_some(number as usize)
    }

    /// The digest of the entry at `place`, if it may be left out.
    pub(super) fn digest(&self, place: usize) -> Option<Digest> {
        self.number(place).map(|number| self.digests[number])
    }

    /// Where the file has data, if it is sparse.
    pub(super) fn extents(&self, id: FileId) -> Option<&Extents> {
        self.extents.get(&id)
    }

    /// All digests, sorted.
    pub(super) fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The content of digest `number`, and the size of one such file.
    pub(super) fn wanted(&self, number: usize) -> (Wanted, u64) {
        let (size, files) = (self.sizes[number], self.files[number]);
        let wanted = Wanted {
            sha256: self.digests[number],
            saved_bytes: size.saturating_mul(files.into()),
        };
        (wanted, size)
    }

    /// Whether any file still has digest `number`.
    pub(super) fn is_there(&self, number: usize) -> bool {
        self.files[number] > 0
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
    /// Whether the entry at `place` has one of them.
    pub(super) fn has(&self, place: usize) -> bool {
        self.contents
            .number(place)
            .is_some_and(|number| self.marks[number])
    }

    /// Takes the content of the entry at `place` away from them.
    pub(super) fn unmark(&mut self, place: usize) {
        if let Some(number) = self.contents.number(place) {
            self.marks[number] = false;
        }
    }

    /// Those that are left.
    pub(super) fn digests(&self) -> HashSet<Digest> {
        let digests = self.contents.digests.iter().zip(&self.marks);
        let marked = digests.filter(|(_, is_marked)| **is_marked);
        marked.map(|(digest, _)| *digest).collect()
    }
}

/// What an order says of a place that is done.
const DONE: u32 = u32::MAX;

/// Sorts `digests`, and `places` with them, without a copy of either.
fn sort_together(digests: &mut [Digest], places: &mut [u32]) {
    let numbers = (0..digests.len()).filter_map(|number| u32::try_from(number).ok());
    let mut order: Vec<u32> = numbers.collect();
    order.par_sort_unstable_by_key(|number| (digests[*number as usize], *number));
    // What belongs to a place is at `order[place]`: it goes round in circles.
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let from = std::mem::replace(&mut order[at], DONE);
            if from == DONE || from as usize == start {
                break;
            }
            digests.swap(at, from as usize);
            places.swap(at, from as usize);
            at = from as usize;
        }
    }
}

/// The files with several names, by place.
fn linked_files(entries: &TreeList) -> impl Iterator<Item = (usize, ListedFile)> + '_ {
    let files = (0..entries.len()).filter_map(|place| Some((place, entries.file(place)?)));
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
            let mut pairs: Vec<(Digest, u32)> = digests.iter().copied().zip(0..).collect();
            let mut places: Vec<u32> = (0..).take(digests.len()).collect();
            sort_together(&mut digests, &mut places);
            pairs.sort();
            prop_assert!(digests.into_iter().zip(places).eq(pairs));
        }
    }
}
