//! The keys of a question, each once.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use hashget_words::digest::Digest;

use super::Found;

/// How many bits a [`Bits`] has; they fit the processor's cache.
const BITS: usize = 1 << 19;

/// A bit for some of the bits of a digest.
struct Bits(Vec<u64>);

impl Bits {
    fn new() -> Self {
        Self(vec![0; BITS / 64])
    }

    fn place(digest: &Digest) -> usize {
        let [a, b, c, ..] = digest.as_bytes();
        u32::from_be_bytes([0, *a, *b, *c]) as usize % BITS
    }

    fn has(&self, digest: &Digest) -> bool {
        let place = Self::place(digest);
        self.0[place / 64] & 1 << (place % 64) != 0
    }

    fn set(&mut self, digest: &Digest) {
        let place = Self::place(digest);
        self.0[place / 64] |= 1 << (place % 64);
    }
}

/// Whether a digest comes twice. Only the few that share bits with another are compared.
pub(super) fn have_repeats(digests: &[Digest]) -> bool {
    let (mut seen, mut shared) = (Bits::new(), Bits::new());
    for digest in digests {
        if seen.has(digest) {
            shared.set(digest);
        }
        seen.set(digest);
    }
    let mut compared = HashSet::new();
    let mut suspects = digests.iter().filter(|digest| shared.has(digest));
    suspects.any(|digest| !compared.insert(digest))
}

/// The keys of a question, each once, so that repeating one costs nothing.
pub(super) struct Distinct<'a, K: Clone> {
    pub(super) distinct: Cow<'a, [K]>,
    /// Where each key of the question is among them; empty if none is repeated.
    places: Vec<u32>,
}

impl<'a, K: Clone + Eq + Hash> Distinct<'a, K> {
    pub(super) fn of(keys: &'a [K]) -> Self {
        let mut firsts: HashMap<&K, u32> = HashMap::with_capacity(keys.len());
        let mut places = Vec::with_capacity(keys.len());
        let mut distinct = Vec::new();
        for key in keys {
            let next = u32::try_from(firsts.len()).unwrap_or(u32::MAX);
            let place = *firsts.entry(key).or_insert(next);
            // Until the first repeated key nothing has to be copied.
            if place != next && distinct.is_empty() {
                distinct.extend_from_slice(&keys[..firsts.len()]);
            } else if place == next && !distinct.is_empty() {
                distinct.push(key.clone());
            }
            places.push(place);
        }
        if distinct.is_empty() {
            return Self::all(keys);
        }
        Self {
            distinct: Cow::Owned(distinct),
            places,
        }
    }

    /// Of keys that are not repeated.
    pub(super) fn all(keys: &'a [K]) -> Self {
        Self {
            distinct: Cow::Borrowed(keys),
            places: Vec::new(),
        }
    }

    /// Gives every key of the question what was found for it.
    pub(super) fn spread(&self, found: Found) -> Found {
        if self.places.is_empty() {
            return found;
        }
        let of: HashMap<u32, Vec<u32>> = found.into_iter().collect();
        let keys = (0..).zip(&self.places);
        keys.filter_map(|(key, place)| Some((key, of.get(place)?.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn repeats_are_noticed(numbers in vec(0_u16..2000, 0..80)) {
            let digests: Vec<Digest> = numbers.iter().map(|n| Digest::of(&n.to_le_bytes())).collect();
            let distinct: HashSet<&u16> = numbers.iter().collect();
            prop_assert_eq!(have_repeats(&digests), distinct.len() < numbers.len());
        }

        #[test]
        fn repeated_keys_get_the_same_answer(keys in vec(0_u32..12, 0..30)) {
            let distinct = Distinct::of(&keys);
            let mut sorted = distinct.distinct.to_vec();
            sorted.sort_unstable();
            prop_assert!(sorted.is_sorted_by(|a, b| a < b));
            let is_known = |key: u32| !key.is_multiple_of(3);
            let known = (0..).zip(&*distinct.distinct).filter(|(_, key)| is_known(**key));
            let found = distinct.spread(known.map(|(place, key)| (place, vec![*key])).collect());
            let expected: Found = (0..).zip(&keys).filter(|(_, key)| is_known(**key))
                .map(|(place, key)| (place, vec![*key])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
