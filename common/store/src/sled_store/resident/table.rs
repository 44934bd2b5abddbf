//! A table in memory from digests to numbers of records, 16 bytes an entry.
//!
//! Of a digest only a fingerprint is kept: 96 bits of a hash whose key is made anew for every
//! table and told to nobody (multilinear hashing, which is strongly universal). So two digests,
//! whoever made them, are mistaken for each other with a probability of 2^-96: for a hundred
//! million entries a wrong answer comes once in 10^20 questions.
//!
//! The table is cut into [`SHARDS`] parts that grow one by one, so that growing needs little
//! memory and is over soon. A part is searched from the fingerprint's place on, up to the first
//! free slot; what is taken out has what follows moved up, so that there are no marks of removed
//! entries. A digest that several records have keeps their numbers in a list of its own.

use std::hash::{BuildHasher, Hasher, RandomState};

use hashget_words::digest::Digest;

/// How many parts there are.
const SHARDS: usize = 1024;
/// The bit of a slot's value that says that it is the place of a list.
const LIST: u32 = 1 << 31;
/// What a list costs beside its numbers, in bytes.
const LIST_BYTES: usize = size_of::<Vec<u32>>() + 16;
/// How many 32-bit words a digest has.
const WORDS: usize = Digest::BYTES / 4;
/// How many digests are hashed before the first of them is searched: their places in memory are
/// fetched at the same time.
pub(super) const GROUP: usize = 16;

/// The greatest number of a record that fits.
pub(super) const MAX_ID: u64 = (LIST - 1) as u64;

/// Where a digest is looked for, and what is looked for there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    shard: usize,
    fingerprint: [u32; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    fingerprint: [u32; 3],
    /// 0: free; with [`LIST`] the place of a list, else the number of the one record.
    value: u32,
}

#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
    lists: Vec<Vec<u32>>,
    free_lists: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Table {
    key: Box<[[u64; WORDS + 1]; 4]>,
    shards: Vec<Shard>,
    bytes: usize,
}

impl Table {
    /// An empty table with a key of its own.
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        let mut count = 0_u64;
        let mut next = || {
            count += 1;
            let mut hasher = random.build_hasher();
            hasher.write_u64(count);
            hasher.finish()
        };
        Self {
            key: Box::new(std::array::from_fn(|_| std::array::from_fn(|_| next()))),
            shards: std::iter::repeat_with(Shard::default)
                .take(SHARDS)
                .collect(),
            bytes: SHARDS * size_of::<Shard>(),
        }
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where a digest is looked for.
    pub(super) fn spot(&self, digest: &Digest) -> Spot {
        let mut sums: [u64; 4] = std::array::from_fn(|part| self.key[part][WORDS]);
        for (place, word) in digest.as_bytes().chunks_exact(4).enumerate() {
            let word = u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
            for (sum, key) in sums.iter_mut().zip(&*self.key) {
                *sum = sum.wrapping_add(key[place].wrapping_mul(word));
            }
        }
        let [shard, fingerprint @ ..] = sums.map(high);
        Spot {
            shard: shard as usize % SHARDS,
            fingerprint,
        }
    }

    /// Looks at the places of some digests, so that they are at hand when each is searched.
    pub(super) fn touch(&self, spots: &[Spot]) -> u32 {
        let first = |spot: &Spot| {
            let shard = &self.shards[spot.shard];
            shard.slots.get(shard.home(spot)).map_or(0, |s| s.value)
        };
        spots.iter().map(first).fold(0, |a, b| a ^ b)
    }

    /// The numbers of the records that have a digest, ascending.
    pub(super) fn find(&self, spot: &Spot) -> Numbers<'_> {
        let shard = &self.shards[spot.shard];
        match shard.search(spot) {
            Some(place) => match shard.slots[place].value {
                value if value & LIST != 0 => Numbers::Many(shard.list(value)),
                value => Numbers::One(value),
            },
            None => Numbers::NONE,
        }
    }

    /// Puts an entry in, if it is not there.
    pub(super) fn add(&mut self, digest: &Digest, number: u32) {
        let spot = self.spot(digest);
        let shard = &mut self.shards[spot.shard];
        let before = shard.bytes();
        let lists = shard.add(&spot, number);
        self.bytes = (self.bytes + shard.bytes() + lists).saturating_sub(before);
    }

    /// Takes an entry out, if it is there.
    pub(super) fn remove(&mut self, digest: &Digest, number: u32) {
        let spot = self.spot(digest);
        let freed = self.shards[spot.shard].remove(&spot, number);
        self.bytes = self.bytes.saturating_sub(freed);
    }
}

/// The numbers of the records that have a digest.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers<'a> {
    One(u32),
    /// Any number of them, ascending.
    Many(&'a [u32]),
}

impl Numbers<'_> {
    pub(super) const NONE: Self = Numbers::Many(&[]);

    /// As a slice.
    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }
}

fn high(sum: u64) -> u32 {
    let bytes = sum.to_be_bytes();
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl Shard {
    fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    /// The place where the search for a fingerprint begins.
    fn home(&self, spot: &Spot) -> usize {
        home(spot.fingerprint[0], self.slots.len())
    }

    fn next(&self, place: usize) -> usize {
        if place + 1 == self.slots.len() {
            0
        } else {
            place + 1
        }
    }

    fn list(&self, value: u32) -> &[u32] {
        &self.lists[(value & !LIST) as usize]
    }

    /// The place of a fingerprint.
    fn search(&self, spot: &Spot) -> Option<usize> {
        if self.used == 0 {
            return None;
        }
        let mut place = self.home(spot);
        loop {
            let found = &self.slots[place];
            if found.value == 0 {
                return None;
            }
            if found.fingerprint == spot.fingerprint {
                return Some(place);
            }
            place = self.next(place);
        }
    }

    /// Adds a number; how many bytes lists have grown by.
    fn add(&mut self, spot: &Spot, number: u32) -> usize {
        let Some(place) = self.search(spot) else {
            self.insert(Slot {
                fingerprint: spot.fingerprint,
                value: number,
            });
            return 0;
        };
        let value = self.slots[place].value;
        if value & LIST == 0 {
            if value == number {
                return 0;
            }
            let list = vec![value.min(number), value.max(number)];
            let at = if let Some(at) = self.free_lists.pop() {
                self.lists[at as usize] = list;
                at
            } else {
                self.lists.push(list);
                // Below `LIST`, for there are more slots than lists, and more bytes than slots.
                u32::try_from(self.lists.len() - 1).unwrap_or(LIST - 1)
            };
            self.slots[place].value = LIST | at;
            return LIST_BYTES + 8;
        }
        // A popular digest is in very many records, and their numbers mostly come in order.
        let list = &mut self.lists[(value & !LIST) as usize];
        match list.binary_search(&number) {
            Ok(_) => 0,
            Err(at) => {
                list.insert(at, number);
                4
            }
        }
    }

    /// Takes a number out; how many bytes are free again.
    fn remove(&mut self, spot: &Spot, number: u32) -> usize {
        let Some(place) = self.search(spot) else {
            return 0;
        };
        let value = self.slots[place].value;
        if value & LIST == 0 {
            if value == number {
                self.close_gap(place);
            }
            return 0;
        }
        let at = value & !LIST;
        let list = &mut self.lists[at as usize];
        let Ok(found) = list.binary_search(&number) else {
            return 0;
        };
        list.remove(found);
        let [only] = list[..] else {
            return 4;
        };
        self.lists[at as usize] = Vec::new();
        self.free_lists.push(at);
        self.slots[place].value = only;
        LIST_BYTES + 8
    }

    fn insert(&mut self, slot: Slot) {
        if (self.used + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let mut place = home(slot.fingerprint[0], self.slots.len());
        while self.slots[place].value != 0 {
            place = self.next(place);
        }
        self.slots[place] = slot;
        self.used += 1;
    }

    fn grow(&mut self) {
        let larger = self.slots.len() * 5 / 4 + 8;
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); larger]);
        self.used = 0;
        for slot in old {
            if slot.value != 0 {
                self.insert(slot);
            }
        }
    }

    /// Frees a place, and moves up what was put behind it because it was taken.
    fn close_gap(&mut self, mut gap: usize) {
        let length = self.slots.len();
        let mut place = self.next(gap);
        while self.slots[place].value != 0 {
            let home = home(self.slots[place].fingerprint[0], length);
            // Whether the gap is on the way from the home to the place.
            let from_home = (place + length - home) % length;
            let from_gap = (place + length - gap) % length;
            if from_home >= from_gap {
                self.slots[gap] = self.slots[place];
                gap = place;
            }
            place = self.next(place);
        }
        self.slots[gap] = Slot::default();
        self.used -= 1;
    }
}

/// Scales 32 bits to a place below `length`.
fn home(bits: u32, length: usize) -> usize {
    ((u64::from(bits) * length as u64) >> 32) as usize
}

#[cfg(test)]
mod tests;
