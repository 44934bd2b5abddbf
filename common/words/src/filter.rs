//! A set of digests in nine bits each: a binary fuse filter, which may say yes to one in 256 that
//! is not in it, and never no to one that is.
//!
//! # Format
//! All numbers are big-endian: `HGF1`, the number of digests (u32), the seed (u64), the length of
//! a segment (u32, a power of two), then the fingerprints, one byte each, a whole number of
//! segments and three at least. An empty set has no fingerprints.
//!
//! The key of a digest is its bytes 8 to 15. `h = mix(key + seed)`, with the finalizer of
//! `MurmurHash3`. With `L` for the length of a segment and `S` for the number of segments less
//! two, the digest's three places are `p = (h * S * L) >> 64`, `(p + L) ^ ((h >> 18) & (L - 1))`
//! and `(p + 2 L) ^ (h & (L - 1))`; it is in the set if the exclusive or of their fingerprints
//! is the lowest byte of `h ^ (h >> 32)`. The construction is that of Graf and Lemire, "Binary
//! Fuse Filters" (2022).

use thiserror::Error;

use crate::digest::Digest;

const MAGIC: &[u8; 4] = b"HGF1";
const HEAD_BYTES: usize = 20;
const MAX_SEGMENT: u32 = 1 << 18;
/// Each attempt fails with a small chance; so many never do.
const MAX_ATTEMPTS: u32 = 100;
/// The most digests of one filter.
pub const MAX_FILTER_DIGESTS: usize = 1 << 26;

/// A set of digests that may say yes wrongly, and never no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    digests: u32,
    seed: u64,
    segment: u32,
    fingerprints: Vec<u8>,
}

/// Why bytes are no filter, or digests make none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FilterError {
    /// The bytes are not in the format.
    #[error("this is no filter")]
    Format,
    /// There are too many digests for one filter.
    #[error("there are too many digests for one filter")]
    TooMany,
}

/// What a filter keeps of a digest.
pub fn filter_key(digest: &Digest) -> u64 {
    let mut key = [0; 8];
    key.copy_from_slice(&digest.as_bytes()[8..16]);
    u64::from_be_bytes(key)
}

impl Filter {
    /// The filter of these keys. Equal sets make equal filters.
    pub fn build(mut keys: Vec<u64>) -> Result<Self, FilterError> {
        keys.sort_unstable();
        keys.dedup();
        if keys.len() > MAX_FILTER_DIGESTS {
            return Err(FilterError::TooMany);
        }
        let mut filter = Self {
            digests: u32::try_from(keys.len()).map_err(|_| FilterError::TooMany)?,
            seed: 0,
            segment: 1,
            fingerprints: Vec::new(),
        };
        if keys.is_empty() {
            return Ok(filter);
        }
        filter.lay_out(keys.len());
        for attempt in 0..MAX_ATTEMPTS {
            filter.seed = mix(u64::from(attempt) + 1);
            if filter.fill(&keys) {
                return Ok(filter);
            }
        }
        Err(FilterError::TooMany)
    }

    /// Whether the digest may be in the set.
    pub fn contains(&self, digest: &Digest) -> bool {
        if self.fingerprints.is_empty() {
            return false;
        }
        let hash = mix(filter_key(digest).wrapping_add(self.seed));
        let [a, b, c] = self.places(hash);
        let [a, b, c] = [a, b, c].map(|place| self.fingerprints.get(place).copied());
        let found = a.zip(b).zip(c).map(|((a, b), c)| a ^ b ^ c);
        found == Some(fingerprint(hash))
    }

    /// How many digests are in the set.
    pub fn digests(&self) -> u32 {
        self.digests
    }

    /// The bytes of the filter.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.fingerprints.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.digests.to_be_bytes());
        out.extend_from_slice(&self.seed.to_be_bytes());
        out.extend_from_slice(&self.segment.to_be_bytes());
        out.extend_from_slice(&self.fingerprints);
        out
    }

    /// Reads what [`Filter::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, FilterError> {
        let (head, fingerprints) = bytes
            .split_first_chunk::<HEAD_BYTES>()
            .ok_or(FilterError::Format)?;
        let (magic, head) = head.split_at(4);
        let (digests, head) = head.split_first_chunk().ok_or(FilterError::Format)?;
        let (seed, head) = head.split_first_chunk().ok_or(FilterError::Format)?;
        let segment = head.first_chunk().ok_or(FilterError::Format)?;
        let filter = Self {
            digests: u32::from_be_bytes(*digests),
            seed: u64::from_be_bytes(*seed),
            segment: u32::from_be_bytes(*segment),
            fingerprints: fingerprints.to_vec(),
        };
        let length = filter.segment as usize;
        let sound = filter.segment.is_power_of_two()
            && filter.segment <= MAX_SEGMENT
            && fingerprints.len().is_multiple_of(length)
            && (fingerprints.is_empty() || fingerprints.len() / length >= 3);
        if magic != MAGIC || !sound {
            return Err(FilterError::Format);
        }
        Ok(filter)
    }

    /// The sizes that the paper's authors found to work.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes below 2^27, and a few places more or less make no difference"
    )]
    fn lay_out(&mut self, keys: usize) {
        let count = keys.max(2) as f64;
        let exponent = (count.ln() / 3.33_f64.ln() + 2.25).floor();
        self.segment = (1_u32 << (exponent as u32).min(18)).min(MAX_SEGMENT);
        let factor = (0.875 + 0.25 * 1e6_f64.ln() / count.ln()).max(1.125);
        let places = (count * factor).round() as usize;
        let segments = places.div_ceil(self.segment as usize).max(3);
        self.fingerprints = vec![0; segments * self.segment as usize];
    }

    /// Finds an order in which each key has a place of its own, and fills the places in the
    /// opposite one; `false` if there is none with this seed.
    fn fill(&mut self, keys: &[u64]) -> bool {
        let mut counts = vec![0_u32; self.fingerprints.len()];
        let mut hashes = vec![0_u64; self.fingerprints.len()];
        for key in keys {
            let hash = mix(key.wrapping_add(self.seed));
            for place in self.places(hash) {
                counts[place] += 1;
                hashes[place] ^= hash;
            }
        }
        let mut alone: Vec<usize> = (0..counts.len())
            .filter(|place| counts[*place] == 1)
            .collect();
        let mut order = Vec::with_capacity(keys.len());
        while let Some(place) = alone.pop() {
            if counts[place] != 1 {
                continue;
            }
            let hash = hashes[place];
            order.push((hash, place));
            for other in self.places(hash) {
                counts[other] -= 1;
                hashes[other] ^= hash;
                if counts[other] == 1 {
                    alone.push(other);
                }
            }
        }
        if order.len() != keys.len() {
            return false;
        }
        self.fingerprints.fill(0);
        for (hash, place) in order.into_iter().rev() {
            let others = self.places(hash).map(|other| self.fingerprints[other]);
            // The place itself is still zero.
            self.fingerprints[place] = fingerprint(hash) ^ others[0] ^ others[1] ^ others[2];
        }
        true
    }

    /// The three places of a hash.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the numbers are below those of the places, and of a segment"
    )]
    fn places(&self, hash: u64) -> [usize; 3] {
        let length = self.segment as usize;
        let mask = u64::from(self.segment) - 1;
        let within = |bits: u64| (bits & mask) as usize;
        let span = self.fingerprints.len().saturating_sub(2 * length);
        let first = ((u128::from(hash) * span as u128) >> 64) as usize;
        [
            first,
            (first + length) ^ within(hash >> 18),
            (first + 2 * length) ^ within(hash),
        ]
    }
}

fn fingerprint(hash: u64) -> u8 {
    (hash ^ (hash >> 32)).to_le_bytes()[0]
}

/// The finalizer of `MurmurHash3`.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn digests(range: std::ops::Range<u32>) -> Vec<Digest> {
        range.map(|n| Digest::of(&n.to_be_bytes())).collect()
    }

    fn filter_of(digests: &[Digest]) -> Filter {
        Filter::build(digests.iter().map(filter_key).collect()).unwrap()
    }

    #[test]
    fn what_is_in_is_never_denied() {
        for count in [0, 1, 2, 3, 10, 100, 1000, 30_000] {
            let digests = digests(0..count);
            let filter = filter_of(&digests);
            assert_eq!(filter.digests(), count);
            assert!(
                digests.iter().all(|digest| filter.contains(digest)),
                "{count}"
            );
        }
    }

    #[test]
    fn few_others_are_let_through_and_it_is_small() {
        let filter = filter_of(&digests(0..100_000));
        let others = digests(1_000_000..1_100_000);
        let wrong = others
            .iter()
            .filter(|digest| filter.contains(digest))
            .count();
        // One in 256 of 100,000 is 391.
        assert!((250..550).contains(&wrong), "{wrong}");
        let bytes = filter.encode().len();
        assert!(bytes < 100_000 * 10 / 8, "{bytes}");
    }

    #[test]
    fn equal_sets_make_equal_filters() {
        let mut reversed = digests(0..1000);
        reversed.reverse();
        reversed.extend(digests(5..10));
        assert_eq!(filter_of(&reversed), filter_of(&digests(0..1000)));
    }

    #[test]
    fn filters_round_trip_and_damage_is_refused() {
        for count in [0, 1, 5000] {
            let filter = filter_of(&digests(0..count));
            let bytes = filter.encode();
            assert_eq!(Filter::decode(&bytes), Ok(filter));
            assert_eq!(Filter::decode(&bytes[1..]), Err(FilterError::Format));
        }
        let bytes = filter_of(&digests(0..5000)).encode();
        for end in [0, 4, 19, bytes.len() - 1] {
            assert_eq!(
                Filter::decode(&bytes[..end]),
                Err(FilterError::Format),
                "{end}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(head: [u8; 16], segment in 0_u32..32, rest in vec(any::<u8>(), 0..200)) {
            let bytes = [&b"HGF1"[..], &head[..12], &segment.to_be_bytes(), &rest].concat();
            if let Ok(filter) = Filter::decode(&bytes) {
                let _found = filter.contains(&Digest::of(&head));
            }
        }
    }
}
