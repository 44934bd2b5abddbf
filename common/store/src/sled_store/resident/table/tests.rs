use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Few shards are met by few digests: all go to one.
fn digest(number: u16) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn found(table: &Table, digest: &Digest) -> BTreeSet<u32> {
    let spot = table.spot(digest);
    let numbers = table.find(&spot);
    let set: BTreeSet<u32> = numbers.as_slice().iter().copied().collect();
    assert_eq!(set.len(), numbers.as_slice().len(), "twice the same");
    set
}

proptest! {
    #[test]
    fn a_table_is_a_map_of_sets(steps in vec((any::<bool>(), 0_u16..40, 1_u32..5), 0..400)) {
        let mut table = Table::new();
        let empty = table.bytes();
        let mut map: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
        for (adds, key, number) in steps {
            if adds {
                table.add(&digest(key), number);
                map.entry(key).or_default().insert(number);
            } else {
                table.remove(&digest(key), number);
                map.entry(key).or_default().remove(&number);
            }
            for key in 0..40 {
                let expected = map.get(&key).cloned().unwrap_or_default();
                prop_assert_eq!(found(&table, &digest(key)), expected);
            }
        }
        for (key, numbers) in map {
            for number in numbers {
                table.remove(&digest(key), number);
            }
        }
        let slots: usize = table.shards.iter().map(Shard::bytes).sum();
        prop_assert_eq!(table.bytes(), empty + slots);
    }

    #[test]
    fn one_shard_is_a_map_of_sets(steps in vec((any::<bool>(), any::<[u8; 2]>(), 1_u32..3), 0..300)) {
        let mut shard = Shard::default();
        let mut map: BTreeMap<[u8; 2], BTreeSet<u32>> = BTreeMap::new();
        // Homes at the ends and in the middle, so that runs meet and go around the end.
        let spot = |key: [u8; 2]| Spot {
            shard: 0,
            fingerprint: [u32::from(key[0] % 3) * 0x7fff_ffff, u32::from(key[1] % 16), 0],
        };
        for (adds, key, number) in steps {
            let key = [key[0] % 3, key[1] % 16];
            let set = map.entry(key).or_default();
            if adds {
                shard.add(&spot(key), number);
                set.insert(number);
            } else {
                shard.remove(&spot(key), number);
                set.remove(&number);
            }
            for (key, set) in &map {
                let found: BTreeSet<u32> = match shard.search(&spot(*key)) {
                    None => BTreeSet::new(),
                    Some(place) => match shard.slots[place].value {
                        value if value & LIST != 0 => shard.list(value).iter().copied().collect(),
                        value => [value].into(),
                    },
                };
                prop_assert_eq!(&found, set);
            }
            let slots = shard.slots.iter().filter(|slot| slot.value != 0).count();
            prop_assert_eq!(slots, shard.used);
        }
    }
}

#[test]
fn a_hundred_thousand_digests_are_told_apart() {
    let mut table = Table::new();
    let all: Vec<Digest> = (0..200_000_u32)
        .map(|n| Digest::of(&n.to_le_bytes()))
        .collect();
    for (number, digest) in (1..).zip(&all[..100_000]) {
        table.add(digest, number);
    }
    for (number, digest) in (1..).zip(&all[..100_000]) {
        assert_eq!(found(&table, digest), [number].into());
    }
    for digest in &all[100_000..] {
        assert!(found(&table, digest).is_empty());
    }
    let per_entry = table.bytes() / 100_000;
    assert!((16..30).contains(&per_entry), "{per_entry}");
}
