//! Cases about many records, digests and threads, and about opening a store again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{digest, found, package, project, publish_one};
use crate::PackageStore;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;

pub(super) fn a_popular_digest<S: PackageStore>(store: &S) {
    let mut expected = Vec::new();
    for round in 0..10 {
        let urls = (0..200).map(|n| format!("{round}/{n}"));
        let some: Vec<HashPackage> = urls.map(|url| package(&url, [1, 2])).collect();
        expected.extend(store.publish(&project("p"), &some).unwrap());
    }
    assert_eq!(found(store, 1), expected);
    let gone: Vec<PackageId> = expected.iter().copied().step_by(3).collect();
    assert_eq!(store.remove(&gone).unwrap(), gone.len() as u64);
    expected.retain(|id| !gone.contains(id));
    assert_eq!(found(store, 1), expected);
    assert_eq!(found(store, 2), expected);
}

pub(super) fn readers_never_miss<S: PackageStore>(store: &S) {
    publish_one(store, "p", &package("a", [1, 1000]));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(found(store, 1).len(), 1);
                }
            });
        }
        let others = scope.spawn(|| {
            for n in 0..30 {
                publish_one(store, "q", &package(&format!("{n}"), 2000 + n..2010 + n));
            }
        });
        for n in 0..60 {
            publish_one(store, "p", &package("a", [1, 1001 + n]));
        }
        others.join().unwrap();
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(store.stats().unwrap().packages, 31);
}

pub(super) fn everything_is_there_after_reopening<S: PackageStore>(open: &impl Fn() -> S) {
    let mut numbers = BTreeSet::new();
    for round in 0..4 {
        let store = open();
        let id = publish_one(&store, "p", &package(&format!("{round}"), 0..20));
        assert!(numbers.last() < Some(&id));
        numbers.insert(id);
        assert_eq!(
            found(&store, 19),
            numbers.iter().copied().collect::<Vec<_>>()
        );
        // The highest number is free now, and yet not given again.
        if round == 1 {
            store.remove(&[id]).unwrap();
            numbers.remove(&id);
            drop(store);
            let store = open();
            let new = publish_one(&store, "p", &package("new", 0..20));
            assert!(new > id);
            numbers.insert(new);
        }
    }
    let store = open();
    assert_eq!(store.stats().unwrap().packages, 4);
    store.remove_project(&project("p")).unwrap();
}

pub(super) fn many_digests_are_all_found<S: PackageStore>(open: &impl Fn() -> S) {
    const DIGESTS: u64 = 120_000;
    let store = open();
    let big = publish_one(&store, "p", &package("big", 0..DIGESTS / 2));
    let small: Vec<HashPackage> = (0..60)
        .map(|n| package(&format!("{n}"), (DIGESTS / 2 + n..DIGESTS).step_by(60)))
        .collect();
    let small: Vec<PackageId> = small
        .chunks(7)
        .flat_map(|some| store.publish(&project("p"), some).unwrap())
        .collect();
    assert_eq!(store.stats().unwrap().digests, DIGESTS + 61);
    drop(store);
    let store = open();
    let all: Vec<Digest> = (0..DIGESTS + 100).map(digest).collect();
    for (number, ids) in store.find_digests(&all).unwrap().into_iter().enumerate() {
        let expected = match number {
            0..60_000 => vec![big],
            60_000..120_000 => vec![small[(number - 60_000) % 60]],
            _ => vec![],
        };
        assert_eq!(ids, expected, "{number}");
    }
    assert_eq!(store.remove(&[big]).unwrap(), 1);
    assert!(found(&store, 7).is_empty());
    assert_eq!(found(&store, DIGESTS - 1), [small[59]]);
    store.remove_project(&project("p")).unwrap();
}
