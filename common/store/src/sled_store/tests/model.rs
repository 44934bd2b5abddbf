//! Random operations on a store and on a simple map must have the same effect.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::tempdir;

use super::{assert_clean, open, open_resident, project};
use crate::conformance::package;
use crate::{PackageStore, StoreQuery};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;

#[derive(Clone, Debug)]
enum Step {
    Publish {
        project: u8,
        packages: Vec<(u8, Vec<u8>, i8)>,
    },
    Update {
        place: usize,
        day: i8,
    },
    Remove {
        places: Vec<usize>,
    },
    RemoveProject {
        project: u8,
    },
    Reopen,
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    let packages = || vec((0_u8..6, vec(0_u8..60, 0..40), 0_i8..5), 0..4);
    prop_oneof![
        8 => (0_u8..3, packages()).prop_map(|(project, packages)| Step::Publish { project, packages }),
        2 => (any::<usize>(), 0_i8..5).prop_map(|(place, day)| Step::Update { place, day }),
        2 => vec(any::<usize>(), 0..4).prop_map(|places| Step::Remove { places }),
        1 => (0_u8..3).prop_map(|project| Step::RemoveProject { project }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Rebuild),
    ]
}

fn expiry(day: i8) -> Expiry {
    if day == 0 {
        Expiry::Never
    } else {
        Expiry::On(date(2026, 1, day))
    }
}

fn record(url: u8, digests: &[u8], day: i8) -> HashPackage {
    let mut record = package(&format!("u{url}"), digests.iter().map(|n| u64::from(*n)));
    record.expires = expiry(day);
    record
}

/// Records by number, with the project they are in.
type Model = BTreeMap<PackageId, (u8, HashPackage)>;

fn pick(model: &Model, place: usize) -> Option<PackageId> {
    model.keys().nth(place % model.len().max(1)).copied()
}

fn publish(model: &mut Model, name: u8, packages: Vec<HashPackage>, ids: &[PackageId]) {
    for (package, id) in packages.into_iter().zip(ids) {
        model.retain(|_, (project, old)| *project != name || old.url != package.url);
        model.insert(*id, (name, package));
    }
}

fn compare(store: &impl PackageStore, model: &Model) {
    let ids: Vec<PackageId> = model.keys().copied().collect();
    for (got, (id, (name, package))) in store.get(&ids).unwrap().into_iter().zip(model) {
        let got = got.unwrap();
        assert_eq!((got.id, got.project), (*id, project(&format!("p{name}"))));
        assert_eq!(got.package, *package);
    }
    let digests: Vec<Digest> = (0..60_u64).map(|n| Digest::of(&n.to_be_bytes())).collect();
    for (digest, found) in digests.iter().zip(store.find_digests(&digests).unwrap()) {
        let has = |(_, package): &&(u8, HashPackage)| package.files.contains(digest);
        let expected: Vec<PackageId> = model
            .iter()
            .filter(|(_, entry)| has(entry))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(found, expected);
    }
    let mut matched = vec![Vec::new(); digests.len()];
    store
        .match_digests(&digests, &mut |place, rows| {
            assert!(!rows.is_empty() && matched[place].is_empty());
            matched[place].extend(rows.iter().map(|row| row.id));
            for row in rows {
                let (_, package) = &model[&row.id];
                assert_eq!(row.expires, package.expires);
                assert_eq!(row.size, package.attrs.size);
            }
        })
        .unwrap();
    assert_eq!(matched, store.find_digests(&digests).unwrap());
    let today = date(2026, 1, 3);
    let mut expired: Vec<(Date, PackageId)> = model
        .iter()
        .filter_map(|(id, (_, package))| Some((package.expires.date()?, *id)))
        .filter(|(date, _)| *date <= today)
        .collect();
    expired.sort_unstable();
    let expected: Vec<PackageId> = expired.into_iter().map(|(_, id)| id).collect();
    assert_eq!(store.expired(today, usize::MAX).unwrap(), expected);
    for spec in [
        PackageSpec::All,
        PackageSpec::Url("u1".to_owned()),
        PackageSpec::Expired(None),
    ] {
        let query = StoreQuery {
            spec,
            project: None,
            after: None,
            limit: 1000,
            today,
        };
        let page = store.list(&query).unwrap();
        let expected: Vec<PackageId> = model
            .iter()
            .filter(|(_, (_, package))| query.spec.matches(package, today))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(
            page.packages.iter().map(|p| p.id).collect::<Vec<_>>(),
            expected
        );
    }
    let digests: usize = model.values().map(|(_, p)| p.all_digests().len()).sum();
    let stats = store.stats().unwrap();
    assert_eq!(
        (stats.packages, stats.digests),
        (model.len() as u64, digests as u64)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_do_what_a_map_does(steps in vec(step(), 1..30), in_memory: bool) {
        let directory = tempdir().unwrap();
        let open = if in_memory { open_resident } else { open };
        let mut store = open(&directory);
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Publish { project: name, packages } => {
                    let packages: Vec<HashPackage> = packages
                        .iter()
                        .map(|(url, digests, day)| record(*url, digests, *day))
                        .collect();
                    let ids = store.publish(&project(&format!("p{name}")), &packages).unwrap();
                    publish(&mut model, name, packages, &ids);
                }
                Step::Update { place, day } => {
                    let Some(id) = pick(&model, place) else { continue };
                    let (_, package) = model.get_mut(&id).unwrap();
                    package.expires = expiry(day);
                    package.attrs.size = Some(17);
                    prop_assert!(store.update(id, package).unwrap());
                }
                Step::Remove { places } => {
                    let ids: Vec<PackageId> =
                        places.iter().filter_map(|place| pick(&model, *place)).collect();
                    let before = model.len();
                    model.retain(|id, _| !ids.contains(id));
                    prop_assert_eq!(store.remove(&ids).unwrap(), (before - model.len()) as u64);
                }
                Step::RemoveProject { project: name } => {
                    store.remove_project(&project(&format!("p{name}"))).unwrap();
                    model.retain(|_, (in_project, _)| *in_project != name);
                }
                Step::Reopen => {
                    drop(store);
                    store = open(&directory);
                }
                Step::Rebuild => {
                    store.rebuild_index().unwrap();
                    prop_assert!(store.resident_bytes().is_none());
                    prop_assert_eq!(store.load(&|| false).unwrap(), in_memory);
                }
            }
            compare(&store, &model);
        }
        assert_clean(&store);
    }
}
