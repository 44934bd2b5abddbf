use std::collections::BTreeSet;

use hashget_words::project::ProjectName;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn wanted(number: u8, saved_bytes: u64) -> Wanted {
    Wanted {
        sha256: digest(number),
        saved_bytes,
    }
}

fn record(number: u8, url: &str, size: Option<u64>) -> FoundPackage {
    FoundPackage {
        sha256: digest(number),
        url: url.to_owned(),
        size,
        expires: Expiry::Never,
        project: "_cached".parse::<ProjectName>().unwrap(),
        vouched: hashget_sources::hash_db::Vouched::Named,
    }
}

#[test]
fn urls_of_one_package_are_merged_the_durable_one_first() {
    let found = Found {
        packages: vec![
            record(100, "cold-7", Some(10)),
            record(100, "http://example.org/p.deb", None),
            record(100, "http://example.org/20171002T041924Z/p.deb", Some(10)),
            record(100, "http://example.org/p.deb", Some(10)),
        ],
        matches: vec![vec![0], vec![1, 2]].into(),
    };
    let plan = PackPlan::new(&[wanted(1, 5), wanted(2, 6)], &found, Expiry::Never);
    assert_eq!(plan.packages.len(), 1);
    let package = &plan.packages[0];
    assert_eq!(package.url, "http://example.org/20171002T041924Z/p.deb");
    assert_eq!(package.urls, ["http://example.org/p.deb", "cold-7"]);
    assert_eq!(package.holds, [digest(1), digest(2)]);
    assert_eq!((plan.saved_bytes, plan.download_bytes), (11, 10));
    assert!(plan.download_exact);
}

#[test]
fn archives_of_a_series_are_not_relied_on() {
    // Rotation removes them, whoever else may want them.
    let url = "hashget-series:Home/Docs/(Home)Docs_001.tar.gz";
    let found = Found {
        packages: vec![record(1, url, Some(1))],
        matches: vec![vec![0]].into(),
    };
    let plan = PackPlan::new(&[wanted(1, 5)], &found, Expiry::Never);
    assert!(plan.packages.is_empty() && plan.left_out.is_empty());
}

#[test]
fn packages_that_expire_too_early_are_not_relied_on() {
    let on = |month| Expiry::On(date(2030, month, 1));
    let mut early = record(100, "http://example.org/early", Some(1));
    early.expires = on(5);
    let mut late = record(101, "http://example.org/late", Some(1000));
    late.expires = on(7);
    let found = Found {
        packages: vec![early, late],
        matches: vec![vec![0, 1]].into(),
    };
    let plan_until = |needed| PackPlan::new(&[wanted(1, 5)], &found, needed);
    assert_eq!(plan_until(on(6)).packages[0].sha256, digest(101));
    assert_eq!(plan_until(on(5)).packages[0].sha256, digest(100));
    assert_eq!(
        plan_until(Expiry::Never),
        PackPlan {
            download_exact: true,
            ..PackPlan::default()
        }
    );
}

#[test]
fn a_package_holds_itself() {
    let found = Found {
        packages: vec![record(1, "http://example.org/p", Some(5))],
        matches: vec![vec![], vec![0]].into(),
    };
    let plan = PackPlan::new(&[wanted(1, 5), wanted(2, 9)], &found, Expiry::Never);
    assert!(plan.leaves_out(&digest(1)) && plan.leaves_out(&digest(2)));
}

#[test]
fn places_that_do_not_exist_are_passed_over() {
    let found = Found {
        packages: vec![],
        matches: vec![vec![7]].into(),
    };
    assert!(
        PackPlan::new(&[wanted(1, 5), wanted(2, 5)], &found, Expiry::Never)
            .left_out
            .is_empty()
    );
}

#[test]
fn packages_are_dropped_with_what_they_were_for() {
    let found = Found {
        packages: vec![
            record(100, "http://example.org/a", Some(5)),
            record(101, "http://example.org/b", None),
        ],
        matches: vec![vec![0], vec![1]].into(),
    };
    let plan = PackPlan::new(&[wanted(1, 5), wanted(2, 9)], &found, Expiry::Never);
    assert!(!plan.download_exact);
    let rest = plan.without(&HashSet::from([digest(2)]));
    assert_eq!(rest.packages.len(), 1);
    assert_eq!(
        (rest.saved_bytes, rest.download_bytes, rest.download_exact),
        (5, 5, true)
    );
}

/// Packages as (digest, url, size, what they hold).
type Records = Vec<(u8, u8, Option<u64>, BTreeSet<u8>)>;

fn answer(asked: &[Wanted], records: &Records) -> Found {
    let packages = records.iter().map(|(sha256, url, size, _)| {
        record(100 + sha256, &format!("http://example.org/{url}"), *size)
    });
    let holds = |content: &Wanted, record: &(u8, u8, Option<u64>, BTreeSet<u8>)| {
        record.3.contains(&content.sha256.as_bytes()[0])
    };
    let matches = asked.iter().map(|content| {
        let places = records.iter().enumerate();
        places
            .filter(|(_, r)| holds(content, r))
            .map(|(place, _)| place)
            .collect::<Vec<_>>()
    });
    Found {
        packages: packages.collect(),
        matches: matches.collect(),
    }
}

proptest! {
    #[test]
    fn plans_cover_all_that_was_found_with_nothing_superfluous_in_any_order(
        saved in prop::collection::vec(1_u64..10_000, 1..20),
        records in prop::collection::vec(
            (0_u8..12, 0_u8..4, prop::option::of(1_u64..9), prop::collection::btree_set(0_u8..20, 0..6)),
            0..15,
        ),
        turn in 0_usize..20,
    ) {
        let mut asked: Vec<Wanted> = saved.iter().enumerate().map(|(n, s)| wanted(u8::try_from(n).unwrap(), *s)).collect();
        let mut records: Records = records;
        let plan = PackPlan::new(&asked, &answer(&asked, &records), Expiry::Never);
        let json = serde_json::to_string(&plan).unwrap();

        for content in &asked {
            let number = content.sha256.as_bytes()[0];
            let found = records.iter().any(|(_, _, _, holds)| holds.contains(&number));
            let held = plan.packages.iter().any(|p| p.holds.contains(&content.sha256));
            prop_assert_eq!(found, held);
            prop_assert_eq!(found, plan.leaves_out(&content.sha256));
        }
        for package in &plan.packages {
            let others = plan.packages.iter().filter(|other| other.sha256 != package.sha256);
            let others: HashSet<Digest> = others.flat_map(|other| other.holds.clone()).collect();
            prop_assert!(package.holds.iter().any(|digest| !others.contains(digest)));
        }

        let by = turn % asked.len();
        asked.rotate_left(by);
        records.reverse();
        let again = PackPlan::new(&asked, &answer(&asked, &records), Expiry::Never);
        prop_assert_eq!(json, serde_json::to_string(&again).unwrap());
        prop_assert_eq!(plan.without(&HashSet::new()), plan);
    }
}

#[test]
fn small_content_comes_along_and_has_no_package_chosen_for_it() {
    let found = Found {
        packages: vec![
            record(100, "http://example.org/big", Some(10)),
            record(101, "http://example.org/other", Some(1)),
        ],
        // Of the large content, then of two small ones.
        matches: vec![vec![0], vec![1], vec![0, 1]].into(),
    };
    let large = [wanted(9, 5000)];
    let small = [wanted(1, 70), wanted(2, 80)];
    let mut plan = PackPlan::new(&large, &found, Expiry::Never);
    plan.take_along(&small, &found, large.len());
    assert_eq!(plan.packages.len(), 1);
    assert_eq!(plan.packages[0].holds, [digest(2), digest(9)]);
    assert_eq!(plan.left_out, [wanted(2, 80), wanted(9, 5000)]);
    assert_eq!(plan.saved_bytes, 5080);
    assert!(plan.leaves_out(&digest(2)) && !plan.leaves_out(&digest(1)));
    let changed = [digest(2)].into_iter().collect();
    assert_eq!(
        plan.without(&changed),
        PackPlan::new(&large, &found, Expiry::Never)
    );
}
