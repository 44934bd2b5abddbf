//! The index in memory: filled beside changes, bounded, given up when it must be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::tempdir;

use super::{SledStore, StoreOptions, open, open_resident, project};
use crate::PackageStore;
use crate::conformance::package;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;

fn digests(numbers: std::ops::Range<u64>) -> Vec<Digest> {
    numbers.map(|n| Digest::of(&n.to_be_bytes())).collect()
}

/// What memory says is what the trees say.
fn assert_equal(store: &SledStore, digests: &[Digest]) {
    assert!(store.resident_bytes().is_some());
    let in_memory = store.find_digests(digests).unwrap();
    store.resident.give_up();
    assert_eq!(in_memory, store.find_digests(digests).unwrap());
    assert!(store.load(&|| false).unwrap());
    assert_eq!(in_memory, store.find_digests(digests).unwrap());
}

#[test]
fn filling_misses_no_change_that_happens_meanwhile() {
    let directory = tempdir().unwrap();
    let store = open_resident(&directory);
    let records = |version: u64| -> Vec<HashPackage> {
        let one = |n: u64| package(&format!("{n}"), n * 10 + version..n * 10 + 20 + version);
        (0..60).map(one).collect()
    };
    store.publish(&project("p"), &records(0)).unwrap();
    for round in 0..3 {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    store.resident.give_up();
                    assert!(store.load(&|| false).unwrap());
                }
            });
            for version in 0..4 {
                let ids = store
                    .publish(&project("p"), &records(round * 4 + version))
                    .unwrap();
                let gone: Vec<PackageId> = ids.into_iter().step_by(7).collect();
                store.remove(&gone).unwrap();
                store
                    .update(PackageId(gone[0].0 + 1), &package("x", []))
                    .unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        assert!(store.load(&|| false).unwrap());
        assert_equal(&store, &digests(0..700));
    }
}

#[test]
fn what_would_not_fit_is_answered_by_the_trees() {
    let directory = tempdir().unwrap();
    let options = StoreOptions {
        resident_bytes: 200_000,
        ..StoreOptions::default()
    };
    let store = SledStore::open(&directory.path().join("store"), options).unwrap();
    let first = store
        .publish(&project("p"), &[package("a", 0..100)])
        .unwrap();
    assert!(store.load(&|| false).unwrap());
    let many = digests(0..20_000);
    assert_eq!(store.find_digests(&many[..1]).unwrap()[0], first);
    let second = store
        .publish(&project("p"), &[package("b", 0..20_000)])
        .unwrap();
    assert_eq!(store.resident_bytes(), None, "it grew beyond its bound");
    let found = store.find_digests(&many).unwrap();
    assert_eq!(found[0], [first[0], second[0]]);
    assert!(found[100..].iter().all(|ids| *ids == second));
    assert!(!store.load(&|| false).unwrap());
    store.remove(&second).unwrap();
    assert!(store.load(&|| false).unwrap(), "now it fits again");
    assert_equal(&store, &many);
}

#[test]
fn filling_stops_when_told_to() {
    let directory = tempdir().unwrap();
    let store = open_resident(&directory);
    store
        .publish(&project("p"), &[package("a", 0..100)])
        .unwrap();
    store.resident.give_up();
    assert!(!store.load(&|| true).unwrap());
    assert_eq!(store.resident_bytes(), None);
    drop(store);
    assert!(!open(&directory).load(&|| false).unwrap(), "not wanted");
}
