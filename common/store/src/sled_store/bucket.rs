//! The value of one bucket of an index: sorted entries, packed.
//!
//! An entry is a digest and the number of a record that has it. In a bucket the leading bytes
//! that all its digests share are kept once, and numbers take as many bytes as the greatest of
//! them needs: `prefix length, number width, prefix, (rest of digest, number)*`. All entries of a
//! bucket are equally long, so a lookup searches the packed bytes as they are.

use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageId;

/// The length of an entry in bytes: a digest and a big-endian number.
pub(super) const ENTRY_BYTES: usize = Digest::BYTES + 8;

/// A digest and the number of a record that has it, in the order of both.
pub(super) type Entry = [u8; ENTRY_BYTES];

/// The entry of a digest and a record.
pub(super) fn entry(digest: &Digest, id: PackageId) -> Entry {
    let mut entry = [0; ENTRY_BYTES];
    entry[..Digest::BYTES].copy_from_slice(digest.as_bytes());
    entry[Digest::BYTES..].copy_from_slice(&id.0.to_be_bytes());
    entry
}

/// The number of an entry.
pub(super) fn entry_id(entry: &Entry) -> PackageId {
    let mut id = [0; 8];
    id.copy_from_slice(&entry[Digest::BYTES..]);
    PackageId(u64::from_be_bytes(id))
}

/// The least entry above one, if there is any.
pub(super) fn successor(entry: &Entry) -> Option<Entry> {
    let mut next = *entry;
    for byte in next.iter_mut().rev() {
        match byte.checked_add(1) {
            Some(more) => {
                *byte = more;
                return Some(next);
            }
            None => *byte = 0,
        }
    }
    None
}

/// Packs sorted entries.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return vec![0, 1];
    };
    let prefix = shared_bytes(&first[..Digest::BYTES], &last[..Digest::BYTES]);
    let zeros = |entry: &Entry| entry_id(entry).0.leading_zeros() as usize / 8;
    let width = 8 - entries.iter().map(zeros).min().unwrap_or(0).min(7);
    let mut value = Vec::with_capacity(2 + prefix + entries.len() * (ENTRY_BYTES - prefix));
    value.extend([prefix, width].map(|length| length.to_le_bytes()[0]));
    value.extend_from_slice(&first[..prefix]);
    for entry in entries {
        value.extend_from_slice(&entry[prefix..Digest::BYTES]);
        value.extend_from_slice(&entry[ENTRY_BYTES - width..]);
    }
    value
}

/// How many bytes two texts share at the front.
pub(super) fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A packed bucket, checked once.
pub(super) struct Bucket<'a> {
    prefix: &'a [u8],
    width: usize,
    entries: &'a [u8],
}

impl<'a> Bucket<'a> {
    /// Looks into a bucket's value; `None` if it is none.
    pub(super) fn new(value: &'a [u8]) -> Option<Self> {
        let (&[prefix, width], rest) = value.split_first_chunk::<2>()?;
        let (prefix, width) = (usize::from(prefix), usize::from(width));
        if prefix > Digest::BYTES || !(1..=8).contains(&width) {
            return None;
        }
        let (prefix, entries) = rest.split_at_checked(prefix)?;
        let bucket = Self {
            prefix,
            width,
            entries,
        };
        entries
            .len()
            .is_multiple_of(bucket.stride())
            .then_some(bucket)
    }

    fn stride(&self) -> usize {
        Digest::BYTES - self.prefix.len() + self.width
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() / self.stride()
    }

    /// The entry at a place below [`Bucket::len`].
    pub(super) fn get(&self, place: usize) -> Entry {
        let packed = &self.entries[place * self.stride()..][..self.stride()];
        let (rest, id) = packed.split_at(Digest::BYTES - self.prefix.len());
        let mut entry = [0; ENTRY_BYTES];
        entry[..self.prefix.len()].copy_from_slice(self.prefix);
        entry[self.prefix.len()..Digest::BYTES].copy_from_slice(rest);
        entry[ENTRY_BYTES - self.width..].copy_from_slice(id);
        entry
    }

    /// The place of the first entry that is not less than `bound`.
    pub(super) fn lower_bound(&self, bound: &Entry) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.get(middle) < *bound {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The entries, from a place on.
    pub(super) fn entries_from(&self, place: usize) -> impl Iterator<Item = Entry> {
        (place..self.len()).map(|place| self.get(place))
    }
}

/// The entries of `old` with those of `change` put in, both sorted.
pub(super) fn union(old: &[Entry], change: &[Entry]) -> Vec<Entry> {
    let mut all = [old, change].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// The entries of `old` without those of `change`, both sorted.
pub(super) fn difference(old: &[Entry], change: &[Entry]) -> Vec<Entry> {
    let mut kept = old.to_vec();
    kept.retain(|entry| change.binary_search(entry).is_err());
    kept
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let digest = (any::<u8>(), any::<u8>(), 0_usize..4).prop_map(|(a, b, same)| {
            let mut bytes = [7; 32];
            bytes[same] = a;
            bytes[31] = b;
            Digest::from_bytes(bytes)
        });
        let id = prop_oneof![0_u64..3, any::<u64>()];
        btree_set((digest, id), 0..60)
            .prop_map(|set| set.iter().map(|(d, id)| entry(d, PackageId(*id))).collect())
    }

    proptest! {
        #[test]
        fn buckets_round_trip(entries in entries(), bound in entries()) {
            let value = encode(&entries);
            let bucket = Bucket::new(&value).unwrap();
            prop_assert_eq!(bucket.entries_from(0).collect::<Vec<_>>(), entries.clone());
            for bound in &bound {
                prop_assert_eq!(bucket.lower_bound(bound), entries.partition_point(|e| e < bound));
            }
        }

        #[test]
        fn sets_are_combined(a in entries(), b in entries()) {
            let both = union(&a, &b);
            prop_assert!(both.is_sorted_by(|x, y| x < y));
            prop_assert!(a.iter().chain(&b).all(|e| both.contains(e)));
            prop_assert_eq!(difference(&both, &b).len(), both.len() - b.len());
        }

        #[test]
        fn any_value_is_read_without_panic(value: Vec<u8>) {
            if let Some(bucket) = Bucket::new(&value) {
                prop_assert_eq!(bucket.entries_from(0).count(), bucket.len());
            }
        }
    }

    #[test]
    fn a_digest_that_fills_a_bucket_costs_its_numbers_only() {
        let digest = Digest::of(b"licence");
        let entries: Vec<Entry> = (1..=40).map(|id| entry(&digest, PackageId(id))).collect();
        assert_eq!(encode(&entries).len(), 2 + 32 + 40);
    }
}
