//! Tests of the sled store as a whole.

mod copy;
mod crash;
mod in_memory;
mod model;

use std::time::Duration;

use jiff::civil::date;
use tempfile::{TempDir, tempdir};

use super::{SledStore, StoreOptions, keys};
use crate::conformance::{conformance, package};
use crate::{PackageStore, StoreError};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;

fn project(name: &str) -> ProjectName {
    name.parse().unwrap()
}

fn open(directory: &TempDir) -> SledStore {
    SledStore::open(&directory.path().join("store"), StoreOptions::default()).unwrap()
}

/// The same store, answering from memory.
fn open_resident(directory: &TempDir) -> SledStore {
    let options = StoreOptions {
        resident_bytes: 1 << 30,
        ..StoreOptions::default()
    };
    let store = SledStore::open(&directory.path().join("store"), options).unwrap();
    assert!(store.load(&|| false).unwrap());
    store
}

/// Fails unless the store is sound and holds nothing that belongs to no record.
fn assert_clean(store: &SledStore) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(
        (report.stray_entries, report.stray_chunks),
        (0, 0),
        "{report:?}"
    );
}

#[test]
fn sled_conforms() {
    let directory = tempdir().unwrap();
    conformance(|| open(&directory));
    assert_clean(&open(&directory));
}

#[test]
fn sled_in_memory_conforms() {
    let directory = tempdir().unwrap();
    conformance(|| open_resident(&directory));
    assert_clean(&open(&directory));
}

#[test]
fn a_store_is_open_once() {
    let directory = tempdir().unwrap();
    let first = open(&directory);
    let path = directory.path().join("store");
    let second = SledStore::open(&path, StoreOptions::default());
    assert!(
        matches!(second, Err(StoreError::Locked { .. })),
        "{second:?}"
    );
    let mut waits = 0;
    let timeout = Duration::from_millis(400);
    let options = StoreOptions::default();
    let second = SledStore::open_waiting(&path, options, timeout, &mut || waits += 1);
    assert!(
        matches!(second, Err(StoreError::Locked { .. })),
        "{second:?}"
    );
    assert_eq!(waits, 1);
    let mut first = Some(first);
    let timeout = Duration::from_secs(30);
    SledStore::open_waiting(&path, options, timeout, &mut || first = None).unwrap();
}

#[test]
fn many_openers_take_turns() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("store");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let wait = Duration::from_secs(60);
                let options = StoreOptions::default();
                let store = SledStore::open_waiting(path, options, wait, &mut || ()).unwrap();
                let one = package(&format!("{n}"), 0..5);
                store.publish(&project("p"), &[one]).unwrap();
            });
        }
    });
    assert_eq!(open(&directory).stats().unwrap().packages, 8);
}

#[test]
fn a_newer_format_is_refused() {
    let directory = tempdir().unwrap();
    let store = open(&directory);
    store
        .catalog
        .insert(keys::FORMAT, &7_u64.to_be_bytes())
        .unwrap();
    drop(store);
    let path = directory.path().join("store");
    let error = SledStore::open(&path, StoreOptions::default()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 7,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_damaged_index_is_rebuilt() {
    let directory = tempdir().unwrap();
    let store = open(&directory);
    let mut packages: Vec<HashPackage> = (0..50)
        .map(|n| package(&format!("{n}"), n..n + 40))
        .collect();
    packages[3].expires = Expiry::On(date(2020, 1, 1));
    let ids = store.publish(&project("p"), &packages).unwrap();
    assert_clean(&store);
    let index = store.read_index().clone();
    for key in index.iter().keys().step_by(2) {
        index.remove(key.unwrap()).unwrap();
    }
    drop(index);
    store
        .catalog
        .insert(keys::project(&project("p")), &[0; 5])
        .unwrap();
    store
        .catalog
        .remove(keys::member(&project("p"), ids[1]))
        .unwrap();
    store
        .write_part(hashget_words::package_summary::PackageId(9999), 0, b"stray")
        .unwrap();
    let report = store.check().unwrap();
    assert!(
        report.missing_entries > 100 && report.stray_chunks == 1,
        "{report:?}"
    );
    assert_eq!(report.wrong_counts, [project("p")]);
    let stats = store.rebuild_index().unwrap();
    assert_eq!((stats.packages, stats.removed_chunks), (50, 1));
    assert_clean(&store);
    drop(store);
    let store = open(&directory);
    assert_clean(&store);
    let last = Digest::of(&88_u64.to_be_bytes());
    assert_eq!(store.find_digests(&[last]).unwrap(), [[ids[49]]]);
    assert_eq!(store.expired(date(2021, 1, 1), 9).unwrap(), [ids[3]]);
    assert!(store.remove_project(&project("p")).unwrap());
    assert_clean(&store);
}

#[test]
fn a_damaged_record_is_reported_and_can_be_replaced() {
    let directory = tempdir().unwrap();
    let store = open(&directory);
    let packages = [package("a", 0..5), package("b", 0..5)];
    let ids = store.publish(&project("p"), &packages).unwrap();
    store
        .remove_chunks(&keys::part(ids[0], keys::DIGESTS_PART))
        .unwrap();
    store
        .write_part(ids[0], keys::DIGESTS_PART, b"nonsense")
        .unwrap();
    assert_eq!(store.check().unwrap().damaged, [ids[0]]);
    assert!(matches!(store.get(&ids), Err(StoreError::Damaged { .. })));
    assert_eq!(store.rebuild_index().unwrap().damaged, [ids[0]]);
    let again = store.publish(&project("p"), &packages).unwrap();
    assert_eq!(again[1], ids[1]);
    assert_clean(&store);
}

#[test]
fn a_popular_digest_keeps_all_its_packages() {
    let directory = tempdir().unwrap();
    let store = open(&directory);
    let all: Vec<HashPackage> = (0..5000)
        .map(|n| package(&format!("{n}"), [1, n + 10]))
        .collect();
    for some in all.chunks(100) {
        store.publish(&project("p"), some).unwrap();
    }
    let popular = Digest::of(&1_u64.to_be_bytes());
    assert_eq!(store.find_digests(&[popular]).unwrap()[0].len(), 5000);
}

#[test]
fn what_the_system_says_is_told_as_such() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = super::engine_error::engine_error(
        "write",
        std::path::Path::new("s"),
        sled::Error::Io(full),
    );
    assert!(
        matches!(&error, StoreError::Io { source, .. }
            if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    let bug = sled::Error::ReportableBug("x".to_owned());
    let error = super::engine_error::engine_error("write", std::path::Path::new("s"), bug);
    assert!(matches!(error, StoreError::Damaged { .. }));
}
