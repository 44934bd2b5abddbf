//! Cases about projects, dates and pages.

use jiff::civil::date;

use super::{digest, found, ids, package, project, publish_one, query};
use crate::{PackageStore, StoreQuery};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;

pub(super) fn projects_come_and_go<S: PackageStore>(store: &S) {
    assert!(store.add_project(&project("empty")).unwrap());
    assert!(!store.add_project(&project("empty")).unwrap());
    store.publish(&project("also-empty"), &[]).unwrap();
    let many: Vec<HashPackage> = (0..120)
        .map(|n| package(&format!("u{n}"), n..n + 3))
        .collect();
    store.publish(&project("full"), &many).unwrap();
    let other = publish_one(store, "full2", &many[0]);
    let names = ["also-empty", "empty", "full", "full2"].map(project);
    assert_eq!(store.projects().unwrap(), names);
    let held = store.stats().unwrap();
    assert_eq!(held.packages, 121);
    assert_eq!(held.digests, 121 * 4);
    let full = &held.projects[2];
    assert_eq!((full.packages, full.files, full.anchors), (120, 360, 240));
    assert_eq!(full.packages_bytes, 120_000);
    assert!(store.remove_project(&project("full")).unwrap());
    assert!(!store.remove_project(&project("full")).unwrap());
    assert!(!store.add_project(&project("full2")).unwrap());
    assert_eq!(found(store, 2), [other]);
}

pub(super) fn expired_records_come_by_date<S: PackageStore>(store: &S) {
    let mut made = Vec::new();
    for day in [5, 3, 9, 1, 3] {
        let mut expiring = package(&format!("{}", made.len()), []);
        expiring.expires = Expiry::On(date(2026, 1, day));
        made.push(publish_one(store, "p", &expiring));
    }
    publish_one(store, "p", &package("never", []));
    let expected = [made[3], made[1], made[4], made[0]];
    assert_eq!(store.expired(date(2026, 1, 5), 100).unwrap(), expected);
    assert_eq!(store.expired(date(2026, 1, 5), 2).unwrap(), expected[..2]);
    assert!(store.expired(date(2025, 12, 31), 100).unwrap().is_empty());
    let mut query = query(PackageSpec::Expired(None));
    query.today = date(2026, 1, 5);
    assert_eq!(
        ids(&store.list(&query).unwrap()),
        [made[0], made[1], made[3], made[4]]
    );
    query.spec = PackageSpec::Expired(Some(date(2026, 1, 4)));
    query.limit = 2;
    let page = store.list(&query).unwrap();
    assert_eq!(ids(&page), [made[1], made[3]]);
    query.after = page.next;
    let page = store.list(&query).unwrap();
    assert_eq!((ids(&page), page.next), (vec![made[4]], None));
}

/// Every page of a listing, checked for order and size.
pub(super) fn all_pages(store: &impl PackageStore, mut query: StoreQuery) -> Vec<PackageId> {
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).unwrap();
        assert!(page.packages.len() <= query.limit);
        all.extend(ids(&page));
        assert!(page.next.is_none_or(|next| Some(next) > query.after));
        query.after = page.next;
        if page.next.is_none() {
            assert!(all.is_sorted_by(|a, b| a < b));
            return all;
        }
    }
}

pub(super) fn lists_come_in_pages<S: PackageStore>(store: &S) {
    let names = |n: u64| {
        format!(
            "http://example.org/{n}/{}",
            ["x.deb", "y.deb"][usize::from(n % 2 == 1)]
        )
    };
    let mut packages: Vec<HashPackage> = (0..50).map(|n| package(&names(n), [])).collect();
    for package in &mut packages {
        package
            .signatures
            .insert("deb".to_owned(), "x_1".to_owned());
    }
    let p = store.publish(&project("p"), &packages).unwrap();
    let q = store.publish(&project("q"), &packages[..10]).unwrap();
    let both = || p.iter().chain(&q).copied();
    let even = |ids: &[PackageId]| ids.iter().copied().step_by(2).collect::<Vec<_>>();
    let deb: PackageSpec = "sig:deb:x_1".parse().unwrap();
    let cases = [
        (PackageSpec::All, None, both().collect()),
        (PackageSpec::All, Some("q"), q.clone()),
        (
            PackageSpec::Name("x.deb".to_owned()),
            None,
            [even(&p), even(&q)].concat(),
        ),
        (PackageSpec::Name("x.deb".to_owned()), Some("p"), even(&p)),
        (PackageSpec::Name("z".to_owned()), None, vec![]),
        (PackageSpec::Url(names(3)), None, vec![p[3], q[3]]),
        (PackageSpec::Url(names(3)), Some("q"), vec![q[3]]),
        (PackageSpec::Url(names(30)), Some("q"), vec![]),
        (PackageSpec::Url(names(3)), Some("no-such"), vec![]),
        (deb.clone(), None, both().collect()),
        (deb, Some("q"), q.clone()),
        (PackageSpec::All, Some("no-such"), vec![]),
    ];
    for (spec, name, expected) in cases {
        for limit in [1, 7, 60, usize::MAX] {
            let asked = StoreQuery {
                project: name.map(project),
                limit,
                ..query(spec.clone())
            };
            assert_eq!(all_pages(store, asked), expected, "{spec} {name:?} {limit}");
        }
    }
}

pub(super) fn digests_are_visited_in_order(store: &impl PackageStore) {
    let before = store.changes();
    let ids = store
        .publish(
            &project("p"),
            &[package("a", 0..3000), package("b", 2000..5000)],
        )
        .unwrap();
    assert_ne!(store.changes(), before);
    let mut expected: Vec<(Digest, PackageId)> = Vec::new();
    for (id, (url, numbers)) in ids.iter().zip([("a", 0..3000), ("b", 2000..5000)]) {
        expected.extend(numbers.map(|number| (digest(number), *id)));
        expected.push((Digest::of(url.as_bytes()), *id));
    }
    expected.sort_unstable();
    let visit = |first: Digest, last: Digest, limit: usize| {
        let mut found = Vec::new();
        store
            .visit_digests(&first, &last, &mut |digest, id| {
                found.push((*digest, id));
                found.len() < limit
            })
            .unwrap();
        found
    };
    let all = (Digest::from_bytes([0; 32]), Digest::from_bytes([0xff; 32]));
    assert_eq!(visit(all.0, all.1, usize::MAX), expected);
    assert_eq!(visit(all.0, all.1, 10), expected[..10]);
    let (first, last) = (expected[100].0, expected[4000].0);
    let within = |pair: &&(Digest, PackageId)| first <= pair.0 && pair.0 <= last;
    let some: Vec<(Digest, PackageId)> = expected.iter().filter(within).copied().collect();
    assert_eq!(visit(first, last, usize::MAX), some);
    assert_eq!(visit(last, first, usize::MAX), []);
}
