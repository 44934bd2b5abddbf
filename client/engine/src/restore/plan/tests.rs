use hashget_words::digest::HashSpec;
use hashget_words::restore_file::RestoreEntry;

use super::*;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn entry(name: &str, content: &str) -> RestoreEntry {
    let text = format!(
        r#"{{"file": "{name}", "sha256": "{}", "size": {}}}"#,
        digest(content),
        content.len()
    );
    serde_json::from_str(&text).unwrap()
}

fn list(files: &[(&str, &str)], packages: &[(&str, Option<u64>)]) -> RestoreFile {
    RestoreFile {
        version: Some(1),
        expires: Expiry::Never,
        files: files.iter().map(|(name, text)| entry(name, text)).collect(),
        packages: packages
            .iter()
            .map(|(name, size)| RestorePackage {
                hash: HashSpec::Sha256(digest(name)),
                url: format!("http://example.org/{name}"),
                urls: Vec::new(),
                size: *size,
            })
            .collect(),
        packagesize: 0,
        packagesize_exact: true,
        members: Vec::new(),
        own_members: Vec::new(),
        directories: Vec::new(),
    }
}

fn plan(list: &RestoreFile, availability: &Availability) -> RestorePlan {
    let survey = Survey {
        wanted: (0..list.files.len()).collect(),
        ..Survey::default()
    };
    RestorePlan::new(list, survey, availability, jiff::civil::date(2020, 1, 1))
}

fn holds(texts: &[&str]) -> BTreeSet<Digest> {
    texts.iter().map(|text| digest(text)).collect()
}

#[test]
fn without_records_every_package_is_read() {
    let list = list(
        &[("a", "x"), ("b", "x"), ("c", "y")],
        &[("p", Some(10)), ("q", None)],
    );
    let plan = plan(&list, &Availability::default());
    assert_eq!(plan.files.len(), 2);
    assert_eq!(plan.files[0].paths.len(), 2);
    assert!(
        plan.packages
            .iter()
            .all(|p| p.fetch == PlannedFetch::Download)
    );
    assert_eq!(
        (plan.download_bytes, plan.download_bytes_exact),
        (10, false)
    );
}

#[test]
fn nothing_wanted_needs_no_package() {
    let list = list(&[], &[("p", Some(10))]);
    let plan = plan(&list, &Availability::default());
    assert!(plan.is_empty());
    assert_eq!(plan.packages[0].fetch, PlannedFetch::NotNeeded);
    assert_eq!((plan.download_bytes, plan.download_bytes_exact), (0, true));
}

#[test]
fn packages_that_others_can_stand_in_for_are_left_out() {
    let list = list(
        &[("a", "x"), ("b", "y")],
        &[("p", Some(10)), ("q", Some(20)), ("r", Some(30))],
    );
    let availability = Availability {
        at_hand: vec![None, None, Some("pool".to_owned())],
        contents: vec![
            Some(holds(&["x"])),
            Some(holds(&["x", "y"])),
            Some(holds(&["x"])),
        ],
        singles: BTreeMap::new(),
    };
    let plan = plan(&list, &availability);
    let fetches: Vec<_> = plan.packages.iter().map(|p| &p.fetch).collect();
    let none = &PlannedFetch::NotNeeded;
    assert_eq!(fetches, [none, &PlannedFetch::Download, none]);
    assert_eq!((plan.download_bytes, plan.download_bytes_exact), (20, true));
}

#[test]
fn what_no_record_knows_may_be_in_packages_without_one() {
    let list = list(
        &[("a", "x"), ("b", "y")],
        &[("p", Some(10)), ("q", Some(20))],
    );
    let availability = Availability {
        at_hand: Vec::new(),
        contents: vec![Some(holds(&["x"])), None],
        singles: BTreeMap::new(),
    };
    let plan = plan(&list, &availability);
    assert_eq!(plan.packages[0].fetch, PlannedFetch::Download);
    assert_eq!(plan.packages[1].fetch, PlannedFetch::IfNeeded);
    assert!(!plan.download_bytes_exact);
}

#[test]
fn single_files_are_taken_where_they_cost_less() {
    let list = list(
        &[("a", "x"), ("b", "y"), ("c", "z")],
        &[("p", Some(1_000_000)), ("q", Some(100)), ("r", None)],
    );
    let availability = Availability {
        at_hand: Vec::new(),
        contents: vec![
            Some(holds(&["x"])),
            Some(holds(&["y"])),
            Some(holds(&["z"])),
        ],
        singles: [("x", 200_000), ("y", 50), ("z", 1)]
            .map(|(text, size)| (digest(text), size))
            .into(),
    };
    let plan = plan(&list, &availability);
    let fetches: Vec<_> = plan.packages.iter().map(|p| &p.fetch).collect();
    let download = &PlannedFetch::Download;
    assert_eq!(fetches, [&PlannedFetch::NotNeeded, download, download]);
    let single: Vec<_> = plan.files.iter().map(|file| file.single).collect();
    assert_eq!(single, [true, false, false]);
    assert_eq!(plan.download_bytes, 200_100);
}

#[test]
fn the_day_of_expiry_is_said() {
    let mut list = list(&[], &[]);
    list.expires = "2020-01-01".parse().unwrap();
    assert!(plan(&list, &Availability::default()).expired);
    list.expires = "2020-01-02".parse().unwrap();
    assert!(!plan(&list, &Availability::default()).expired);
}
