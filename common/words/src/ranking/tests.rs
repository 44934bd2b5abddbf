use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const TODAY: Date = date(2030, 1, 1);

fn package(id: u64, expires: &str, size: Option<u64>, url: &str) -> PackageSummary {
    PackageSummary {
        id: PackageId(id),
        project: "p".parse().unwrap(),
        url: url.to_owned(),
        sha256: (id > 0).then(|| Digest::from_bytes([7; 32])),
        size,
        expires: expires.parse::<Expiry>().unwrap(),
        files: 0,
        anchors: 0,
    }
}

fn ids<'a>(packages: impl IntoIterator<Item = &'a PackageSummary>) -> Vec<u64> {
    packages.into_iter().map(|package| package.id.0).collect()
}

#[test]
fn longest_life_then_size_then_hash_then_url() {
    let mut packages = [
        package(1, "2030-01-01", Some(1), "a"),
        package(2, "never", None, "a"),
        package(0, "never", Some(5), "a"),
        package(4, "never", Some(5), "c"),
        package(5, "never", Some(5), "b"),
        package(6, "never", Some(4), "z"),
    ];
    packages.sort_by(|a, b| Rank::from(a).cmp(&Rank::from(b)));
    assert_eq!(ids(&packages), [6, 5, 4, 0, 2, 1]);
}

#[test]
fn the_urls_of_one_package_are_in_the_same_order_everywhere() {
    let snapshot = "http://example.org/archive/20171002T041924Z/a.deb";
    let plain = "https://example.org/a.deb";
    let ordered = [
        ("never", snapshot),
        ("never", plain),
        ("never", "vault-17"),
        ("2030-07-01", plain),
        ("2030-06-01", snapshot),
    ];
    let mut urls = ordered.map(|(expires, url)| UrlRank::new(url, expires.parse().unwrap()));
    assert!(urls.is_sorted());
    urls.reverse();
    urls.sort();
    assert!(urls.map(|rank| rank.url) == ordered.map(|(_, url)| url));
    let packages = (1..).zip(ordered);
    let packages: Vec<_> = packages
        .map(|(id, (expires, url))| package(id, expires, Some(5), url))
        .collect();
    assert!(packages.is_sorted_by(|a, b| Rank::from(a) < Rank::from(b)));
}

#[test]
fn a_need_admits_what_lives_long_enough() {
    let on = |day| Expiry::On(date(2030, 1, day));
    let need = Need::today(TODAY);
    assert!(!need.admits(on(1)) && need.admits(on(2)) && need.admits(Expiry::Never));
    let longer = need.until(on(3));
    assert!(!longer.admits(on(2)) && longer.admits(on(3)) && longer.admits(Expiry::Never));
    let for_ever = need.until(Expiry::Never);
    assert!(!for_ever.admits(on(3)) && for_ever.admits(Expiry::Never));
    // What has expired is of no use, however short the need.
    assert!(!need.until(on(1)).admits(on(1)));
    assert_eq!(need.until(None), need);
}

#[test]
fn the_usable_come_best_first_and_the_dead_last() {
    let packages = [
        package(1, "2029-01-01", Some(1), "a"),
        package(2, "never", Some(1), "dead"),
        package(3, "2031-01-01", Some(1), "a"),
        package(4, "never", Some(2), "a"),
    ];
    let best = best_first(packages.iter().collect(), Need::today(TODAY), |url| {
        url == "dead"
    });
    assert_eq!(ids(best), [4, 3, 2]);
    let mut places = vec![0_u32, 1, 2, 3];
    keep_best(&mut places, 2, |place| {
        Rank::from(&packages[place as usize])
    });
    assert_eq!(places, [1, 3]);
}

/// The order that hashservers had when it was theirs alone.
fn old_order(a: &PackageSummary, b: &PackageSummary) -> Ordering {
    let size = |package: &PackageSummary| package.size.unwrap_or(u64::MAX);
    let digest = |package: &PackageSummary| (package.sha256.is_none(), package.sha256);
    b.expires
        .cmp(&a.expires)
        .then_with(|| size(a).cmp(&size(b)))
        .then_with(|| digest(a).cmp(&digest(b)))
        .then_with(|| a.url.cmp(&b.url))
        .then_with(|| a.id.cmp(&b.id))
}

fn any_package() -> impl Strategy<Value = PackageSummary> {
    let expires = prop::sample::select(vec!["never", "2029-01-01", "2030-01-02"]);
    let url = prop::sample::select(vec![
        "a",
        "http://example.org/20171002T041924Z/a",
        "http://example.org/a",
        "https://example.org/a",
    ]);
    let parts = (
        0_u64..3,
        expires,
        prop::option::of(0_u64..3),
        prop::option::of(0_u8..3),
        url,
    );
    parts.prop_map(|(id, expires, size, sha256, url)| PackageSummary {
        sha256: sha256.map(|byte| Digest::from_bytes([byte; 32])),
        ..package(id, expires, size, url)
    })
}

proptest! {
    #[test]
    fn ranks_are_a_total_order(a in any_package(), b in any_package(), c in any_package()) {
        let [x, y, z] = [&a, &b, &c].map(Rank::from);
        prop_assert_eq!(x.cmp(&y), y.cmp(&x).reverse());
        prop_assert_eq!(x == y, x.cmp(&y).is_eq());
        prop_assert_eq!(x == y, old_order(&a, &b).is_eq());
        if x <= y && y <= z {
            prop_assert!(x <= z);
        }
    }

    #[test]
    fn ranks_agree_with_the_old_order_but_for_urls_of_one_package(a in any_package(), b in any_package()) {
        let is_same = (a.expires, a.size, a.sha256) == (b.expires, b.size, b.sha256);
        if is_same && UrlKind::of(&a.url) != UrlKind::of(&b.url) {
            prop_assert_eq!(Rank::from(&a).cmp(&Rank::from(&b)), UrlKind::of(&a.url).cmp(&UrlKind::of(&b.url)));
        } else {
            prop_assert_eq!(Rank::from(&a).cmp(&Rank::from(&b)), old_order(&a, &b));
        }
    }

    #[test]
    fn any_order_of_records_gives_the_same_best(packages in prop::collection::vec(any_package(), 0..12), turn in 0_usize..12) {
        let best = |packages: &[PackageSummary]| -> Vec<PackageSummary> {
            let best = best_first(packages.iter().collect(), Need::today(TODAY), |url| url == "a");
            best.into_iter().cloned().collect()
        };
        let mut turned = packages.clone();
        turned.rotate_left(turn.min(packages.len()));
        let (first, second) = (best(&packages), best(&turned));
        prop_assert!(first.iter().all(|package| !package.expires.is_expired_at(TODAY)));
        prop_assert_eq!(first, second);
    }
}
