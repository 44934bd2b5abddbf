//! Random pairs of trees.

use hashget_tests::{assert_same_tree, tree_listing};

use super::*;

/// How many pairs are tried; more with `HASHGET_DELTA_PAIRS`.
fn pairs() -> u64 {
    std::env::var("HASHGET_DELTA_PAIRS").map_or(25, |count| count.parse().unwrap())
}

#[test]
fn applying_gives_exactly_the_new_tree() {
    for seed in 0..pairs() {
        let lab = Lab::new();
        let old = lab.tree("old", seed);
        // Another tree, or the same one edited.
        let new = if seed % 3 == 0 {
            lab.tree("new", seed + 1_000_000)
        } else {
            lab.edited("new", seed, 1 + seed % 20)
        };
        let copy = lab.tree("copy", seed);
        let delta = lab.delta(&old, &new, seed % 2 == 0);
        let stats = apply_diff(&copy, &delta, &UNSYNCED, &Silent)
            .unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        assert!(!stats.recovered, "seed {seed}");
        assert_same_tree(&copy, &new);
        // Once more changes nothing.
        let before = tree_listing(&copy);
        let stats = apply_diff(&copy, &delta, &UNSYNCED, &Silent).unwrap();
        assert!(stats.already_there, "seed {seed}");
        assert_eq!(tree_listing(&copy), before);
        assert_eq!(std::fs::read_dir(lab.temp.path()).unwrap().count(), 4);
    }
}

#[test]
fn the_way_back_leads_back() {
    for seed in 0..pairs() / 3 {
        let lab = Lab::new();
        let (old, new) = (lab.tree("old", seed), lab.edited("new", seed, 8));
        let delta = lab.delta(&old, &new, false);
        let back = lab.path("back.tgz");
        let directories = DirectoryPair {
            old: &old,
            new: &new,
        };
        invert(&delta, directories, &back, &DataOptions::default(), &Silent).unwrap();
        apply_diff(&new, &back, &UNSYNCED, &Silent).unwrap();
        assert_same_tree(&new, &old);
    }
}

#[test]
fn indexes_and_manifests_round_trip() {
    for seed in 0..pairs() {
        let lab = Lab::new();
        let (old, new) = (lab.tree("old", seed), lab.edited("new", seed, 9));
        let made = index(&old);
        let file = lab.path("index");
        made.to_file(&file).unwrap();
        assert_eq!(DirIndex::from_file(&file).unwrap(), made, "seed {seed}");
        let diff = DiffIndex::compute(&made, &index(&new)).unwrap();
        assert_eq!(diff.new_entries(&made.entries), index(&new).entries);
        let delta = lab.delta(&old, &new, false);
        let read = DiffIndex::from_archive(&delta).unwrap();
        assert_eq!(
            (read.old_state, read.new_state),
            (diff.old_state, diff.new_state)
        );
        assert_eq!(read.kinds(), diff.kinds());
    }
}
