//! Copies of stores: the same records under the same numbers, and nothing else.

use jiff::civil::date;
use tempfile::tempdir;

use super::{SledStore, StoreOptions, assert_clean, open, project};
use crate::conformance::package;
use crate::{PackageStore, json_lines};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;

fn exported(store: &SledStore) -> Vec<u8> {
    let mut lines = Vec::new();
    json_lines::export(store, &mut lines).unwrap();
    lines
}

#[test]
fn a_copy_holds_the_same_records_under_the_same_numbers() {
    let directory = tempdir().unwrap();
    let store = open(&directory);
    // Enough entries for many turns of reading, some replaced, some removed, one expiring.
    let records = |version: u64| -> Vec<HashPackage> {
        let one = |n: u64| {
            package(
                &format!("{n}"),
                n * 1000 + version..n * 1000 + 900 + version,
            )
        };
        (0..150).map(one).collect()
    };
    store.publish(&project("p"), &records(0)).unwrap();
    let ids = store.publish(&project("p"), &records(50)).unwrap();
    store.remove(&ids[100..]).unwrap();
    let mut expiring = package("expiring", [5, 6]);
    expiring.expires = Expiry::On(date(2020, 1, 1));
    store.publish(&project("q"), &[expiring]).unwrap();
    store.update(ids[0], &package("x", [])).unwrap();
    store.add_project(&project("empty")).unwrap();
    let highest = *ids.last().unwrap();
    // What a crash may leave: chunks and index entries of no record.
    store.write_part(PackageId(9999), 0, b"stray").unwrap();
    let path = directory.path().join("copy");
    store.copy_to(&path, StoreOptions::default()).unwrap();
    let copy = SledStore::open(&path, StoreOptions::default()).unwrap();
    assert_clean(&copy);
    assert_eq!(exported(&copy), exported(&store));
    let (old, new) = (store.stats().unwrap(), copy.stats().unwrap());
    assert_eq!(new.projects, old.projects);
    assert!(new.store_bytes < old.store_bytes, "{new:?} {old:?}");
    let digests: Vec<Digest> = (0..150_000_u64)
        .step_by(31)
        .map(|n| Digest::of(&n.to_be_bytes()))
        .collect();
    let found = copy.find_digests(&digests).unwrap();
    assert!(found == store.find_digests(&digests).unwrap());
    let day = date(2021, 1, 1);
    assert_eq!(
        copy.expired(day, 9).unwrap(),
        store.expired(day, 9).unwrap()
    );
    let next = copy
        .publish(&project("p"), &[package("new", 0..5000)])
        .unwrap();
    assert!(next[0] > highest, "a number was given again");
    copy.remove(&ids).unwrap();
    assert_clean(&copy);
}

#[test]
fn what_an_index_lacks_is_noticed_in_its_copy() {
    let directory = tempdir().unwrap();
    let store = open(&directory);
    store
        .publish(&project("p"), &[package("a", 0..500)])
        .unwrap();
    let index = store.read_index().clone();
    let key = index.iter().keys().next().unwrap().unwrap();
    index.remove(key).unwrap();
    let path = directory.path().join("copy");
    store.copy_to(&path, StoreOptions::default()).unwrap();
    let copy = SledStore::open(&path, StoreOptions::default()).unwrap();
    assert!(!copy.check().unwrap().is_sound());
}
