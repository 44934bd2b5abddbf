//! What every store must do, whatever its engine.

mod listing;
mod scale;

use jiff::civil::{Date, date};

use super::{PackageStore, StorePage, StoreQuery};
use crate::StoreError;
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

/// What is tested, and the test.
type Case<S> = (&'static str, fn(&S));

/// Runs the suite. `open` opens the same store whenever it is called, empty at first; before
/// it is called again, the store it returned is dropped. The store is left without projects.
pub(crate) fn conformance<S: PackageStore>(open: impl Fn() -> S) {
    let cases: [Case<S>; 13] = [
        ("records come back whole", records_come_back_whole),
        ("digests find every record", digests_find_every_record),
        ("signatures find every record", signatures_find_every_record),
        ("a second publish replaces", a_second_publish_replaces),
        ("updates keep the number", updates_keep_the_number),
        ("removal leaves nothing", removal_leaves_nothing),
        ("projects come and go", listing::projects_come_and_go),
        (
            "expired records come by date",
            listing::expired_records_come_by_date,
        ),
        ("lists come in pages", listing::lists_come_in_pages),
        (
            "digests are visited in order",
            listing::digests_are_visited_in_order,
        ),
        ("bad records are refused", bad_records_are_refused),
        (
            "a popular digest has all its records",
            scale::a_popular_digest,
        ),
        (
            "readers never miss a replaced record",
            scale::readers_never_miss,
        ),
    ];
    for (name, case) in cases {
        let store = open();
        case(&store);
        for project in store.projects().unwrap() {
            assert!(store.remove_project(&project).unwrap(), "{name}");
        }
        let stats = store.stats().unwrap();
        assert_eq!((stats.packages, stats.digests), (0, 0), "{name}");
    }
    scale::everything_is_there_after_reopening(&open);
    scale::many_digests_are_all_found(&open);
}

fn project(name: &str) -> ProjectName {
    name.parse().unwrap()
}

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes())
}

/// A record with the digests of these numbers; every second one is an anchor.
pub(crate) fn package(url: &str, numbers: impl IntoIterator<Item = u64>) -> HashPackage {
    let files: Vec<Digest> = numbers.into_iter().map(digest).collect();
    HashPackage {
        url: url.to_owned(),
        anchors: files.iter().copied().step_by(2).collect(),
        files,
        signatures: [("url".to_owned(), url.to_owned())].into(),
        hashes: vec![Digest::of(url.as_bytes()).into()],
        attrs: Attributes {
            size: Some(1000),
            ..Attributes::default()
        },
        expires: Expiry::Never,
    }
}

fn query(spec: PackageSpec) -> StoreQuery {
    StoreQuery {
        spec,
        project: None,
        after: None,
        limit: 1000,
        today: date(2026, 1, 1),
    }
}

fn ids(page: &StorePage) -> Vec<PackageId> {
    page.packages.iter().map(|package| package.id).collect()
}

fn publish_one(store: &impl PackageStore, name: &str, package: &HashPackage) -> PackageId {
    store
        .publish(&project(name), std::slice::from_ref(package))
        .unwrap()[0]
}

fn found(store: &impl PackageStore, number: u64) -> Vec<PackageId> {
    store.find_digests(&[digest(number)]).unwrap().remove(0)
}

fn records_come_back_whole<S: PackageStore>(store: &S) {
    let mut other = package("b", []);
    other.anchors = vec![digest(9), digest(8)];
    other.set_attribute("mood", &"good".into()).unwrap();
    other.expires = Expiry::On(date(2030, 2, 3));
    let bare = HashPackage {
        url: "c".to_owned(),
        ..HashPackage::default()
    };
    let packages = [package("a", 0..10), other, bare];
    let numbers = store.publish(&project("p"), &packages).unwrap();
    let got = store.get(&numbers).unwrap();
    let summaries = store.summaries(&numbers).unwrap();
    for (((id, package), got), summary) in numbers.iter().zip(&packages).zip(got).zip(summaries) {
        let got = got.unwrap();
        assert_eq!((got.id, got.project), (*id, project("p")));
        assert_eq!(got.package, *package);
        let summary = summary.unwrap();
        assert_eq!((summary.id, &summary.url), (*id, &package.url));
        assert_eq!(summary.sha256, package.digest());
        assert_eq!(summary.size, package.attrs.size);
        assert_eq!(summary.expires, package.expires);
        assert_eq!(summary.files, package.files.len() as u64);
        assert_eq!(summary.anchors, package.anchors.len() as u64);
    }
    let gone = PackageId(u64::MAX);
    assert_eq!(store.get(&[gone]).unwrap(), [None]);
    assert_eq!(store.summaries(&[gone]).unwrap(), [None]);
}

fn digests_find_every_record<S: PackageStore>(store: &S) {
    let packages = [package("a", 0..4), package("b", 2..6)];
    let one = store.publish(&project("p"), &packages).unwrap();
    let two = publish_one(store, "q", &package("a", 3..4));
    let digests: Vec<Digest> = (0..7).map(digest).chain([Digest::of(b"a")]).collect();
    let expected = [
        vec![one[0]],
        vec![one[0]],
        one.clone(),
        vec![one[0], one[1], two],
        vec![one[1]],
        vec![one[1]],
        vec![],
        vec![one[0], two],
    ];
    assert_eq!(store.find_digests(&digests).unwrap(), expected);
    assert!(store.find_digests(&[]).unwrap().is_empty());
}

fn signatures_find_every_record<S: PackageStore>(store: &S) {
    let one = publish_one(store, "p", &package("a", []));
    let two = publish_one(store, "q", &package("a", []));
    let signature = |value: &str| Signature::new("url", value).unwrap();
    let asked = [signature("a"), signature("b"), signature("a")];
    let expected = [vec![one, two], vec![], vec![one, two]];
    assert_eq!(store.find_signatures(&asked).unwrap(), expected);
}

fn a_second_publish_replaces<S: PackageStore>(store: &S) {
    let old = publish_one(store, "p", &package("a", 0..4));
    let elsewhere = publish_one(store, "q", &package("a", 0..4));
    let both = [package("a", 1..2), package("a", 2..6)];
    let new = store.publish(&project("p"), &both).unwrap();
    assert_eq!(new[0], new[1], "the later of two with the same URL counts");
    assert!(new[0] > elsewhere, "numbers are never used again");
    assert_eq!(store.summaries(&[old]).unwrap(), [None]);
    assert_eq!(store.get(&[old]).unwrap(), [None]);
    assert_eq!(found(store, 0), [elsewhere]);
    assert_eq!(found(store, 2), [elsewhere, new[0]]);
    assert_eq!(found(store, 5), [new[0]]);
    assert_eq!(
        store.get(&new).unwrap()[0].as_ref().unwrap().package,
        both[1]
    );
    let stats = store.stats().unwrap();
    assert_eq!((stats.packages, stats.projects[0].files), (2, 4));
    let again = store.publish(&project("p"), &both[1..]).unwrap();
    assert_eq!(
        found(store, 5),
        again,
        "publishing the same again changes nothing"
    );
}

fn updates_keep_the_number<S: PackageStore>(store: &S) {
    let id = publish_one(store, "p", &package("a", 0..4));
    for day in [2_i8, 3, 4] {
        let mut change = package("ignored", 7..9);
        change.attrs.size = Some(5000 + u64::from(day.unsigned_abs()));
        change.expires = Expiry::On(date(2030, 1, day));
        assert!(store.update(id, &change).unwrap());
        let expected = HashPackage {
            attrs: change.attrs.clone(),
            expires: change.expires,
            ..package("a", 0..4)
        };
        assert_eq!(
            store.get(&[id]).unwrap()[0].as_ref().unwrap().package,
            expected
        );
        assert!(
            store
                .expired(date(2030, 1, day - 1), 10)
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.expired(date(2030, 1, day), 10).unwrap(), [id]);
    }
    assert_eq!(store.stats().unwrap().projects[0].packages_bytes, 5004);
    assert!(store.update(id, &package("a", [])).unwrap());
    assert!(store.expired(Date::MAX, 10).unwrap().is_empty());
    assert!(found(store, 7).is_empty());
    assert_eq!(found(store, 3), [id]);
    store.remove(&[id]).unwrap();
    assert!(!store.update(id, &package("a", [])).unwrap());
}

fn removal_leaves_nothing<S: PackageStore>(store: &S) {
    let mut expiring = package("a", 0..100);
    expiring.expires = Expiry::On(date(2020, 1, 1));
    let id = publish_one(store, "p", &expiring);
    let stays = publish_one(store, "p", &package("b", 50..60));
    assert_eq!(store.remove(&[id, id, PackageId(u64::MAX)]).unwrap(), 1);
    assert_eq!(store.get(&[id]).unwrap(), [None]);
    for number in 0..100 {
        let expected = if (50..60).contains(&number) {
            vec![stays]
        } else {
            vec![]
        };
        assert_eq!(found(store, number), expected);
    }
    assert!(store.expired(date(2026, 1, 1), 10).unwrap().is_empty());
    let signature = Signature::new("url", "a").unwrap();
    assert!(store.find_signatures(&[signature]).unwrap()[0].is_empty());
    assert_eq!(ids(&store.list(&query(PackageSpec::All)).unwrap()), [stays]);
    let held = store.stats().unwrap();
    assert_eq!((held.packages, held.digests), (1, 11));
    assert!(publish_one(store, "p", &expiring) > stays);
}

fn bad_records_are_refused<S: PackageStore>(store: &S) {
    for url in [String::new(), "u".repeat((8 << 10) + 1)] {
        let batch = [package("good", []), package(&url, [])];
        let refused = store.publish(&project("p"), &batch);
        assert!(
            matches!(refused, Err(StoreError::BadRecord { .. })),
            "{refused:?}"
        );
    }
    assert!(store.projects().unwrap().is_empty());
    publish_one(store, "p", &package(&"u".repeat(8 << 10), []));
}
