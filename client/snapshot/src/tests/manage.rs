//! Listing, comparing, removing and restoring.

use hashget_words::rel_path::RelPath;

use super::*;

fn path(text: &str) -> RelPath {
    RelPath::new(text.as_bytes()).unwrap()
}

#[test]
fn snapshots_are_found_by_path() {
    let bench = Bench::new();
    bench.write("a/2016-01-07-085247/file", "content");
    let created = bench.snapshot();
    let find = |below: &str| Destination::find(&created.path.join(below));
    let (destination, id, below) = find("a/2016-01-07-085247/file").unwrap();
    assert_eq!(id, created.id);
    assert_eq!(below, path("a/2016-01-07-085247/file"));
    assert_eq!(
        fs::canonicalize(destination.path()).unwrap(),
        fs::canonicalize(bench.place()).unwrap()
    );
    assert!(find("").unwrap().2.is_root());
    for wrong in [bench.source(), bench.place(), bench.place().join("docs")] {
        let error = Destination::find(&wrong).unwrap_err();
        assert!(matches!(error, SnapshotError::NoSnapshot { .. }), "{error}");
    }
}

#[test]
fn a_list_tells_what_deleting_frees() {
    let bench = Bench::new();
    bench.write("shared", vec![1; 10_000]);
    bench.write("changing", vec![2; 20_000]);
    bench.snapshot();
    bench.write("changing", vec![3; 20_000]);
    bench.snapshot();
    let listed = list(&bench.destination(), None, true, &bench.notes).unwrap();
    assert_eq!(listed.len(), 2);
    for snapshot in &listed {
        let sizes = snapshot.sizes.unwrap();
        assert_eq!((sizes.files, sizes.bytes, sizes.own_files), (2, 30_000, 1));
        assert_eq!(sizes.own_bytes, 20_480);
    }
    let other = "other".parse().unwrap();
    let none = list(&bench.destination(), Some(&other), false, &bench.notes).unwrap();
    assert_eq!(none, []);
}

#[test]
fn differences_are_told_by_kind() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    for name in [
        "same",
        "edited",
        "gone",
        "moved",
        "mode",
        "becomes a directory",
    ] {
        bench.write(name, format!("content of {name}"));
    }
    let first = bench.snapshot();
    let source = bench.source();
    bench.write("edited", "new content");
    bench.write("new", "new");
    fs::remove_file(source.join("gone")).unwrap();
    fs::rename(source.join("moved"), source.join("elsewhere")).unwrap();
    fs::set_permissions(source.join("mode"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(source.join("becomes a directory")).unwrap();
    fs::create_dir(source.join("becomes a directory")).unwrap();
    let second = bench.snapshot();
    for new in [&second.path, &source] {
        let changes = diff(&first.path, new, &bench.notes).unwrap();
        let told: Vec<(String, Change)> = changes
            .into_iter()
            .filter(|change| !change.path.is_root())
            .map(|change| (change.path.to_string(), change.change))
            .collect();
        let from = path("moved");
        let expected = [
            ("becomes a directory", Change::Updated),
            ("edited", Change::Updated),
            ("elsewhere", Change::Renamed { from }),
            ("gone", Change::Deleted),
            ("mode", Change::Metadata),
            ("new", Change::New),
        ];
        let expected = expected.map(|(name, change)| (name.to_owned(), change));
        assert_eq!(told, expected);
    }
    assert_eq!(diff(&second.path, &source, &bench.notes).unwrap(), []);
}

#[test]
fn pruning_keeps_what_rules_keep() {
    let bench = Bench::new();
    bench.write("file", "content");
    let made: Vec<Created> = (0..4).map(|_| bench.snapshot()).collect();
    let destination = bench.destination();
    let rules = KeepRules {
        last: 1,
        daily: 1,
        ..KeepRules::default()
    };
    let would = prune(&destination, None, &rules, true, &bench.notes).unwrap();
    assert_eq!(destination.snapshots(None).unwrap().len(), 4);
    let did = prune(&destination, None, &rules, false, &bench.notes).unwrap();
    assert_eq!(would, did);
    assert_eq!(destination.snapshots(None).unwrap(), [made[3].id.clone()]);
    assert_same_tree(&bench.source(), &made[3].path);
    assert_eq!(bench.snapshot().stats.read_files, 0);
    let nothing = KeepRules::default();
    let error = prune(&destination, None, &nothing, false, &bench.notes).unwrap_err();
    assert!(matches!(error, SnapshotError::KeepsNothing));
}

#[test]
fn parts_of_a_snapshot_are_restored_without_overwriting() {
    let bench = Bench::new();
    bench.write("a/b/one", "one");
    bench.write("a/b/two", "two");
    let created = bench.snapshot();
    let target = bench.temp.path().join("target");
    let run = |below: &str, overwrite| {
        let options = RestoreSnapshotOptions {
            overwrite,
            ..RestoreSnapshotOptions::default()
        };
        let destination = bench.destination();
        let below = path(below);
        restore_snapshot(
            &destination,
            &created.id,
            &below,
            &target,
            &options,
            &bench.notes,
        )
    };
    assert_eq!(run("a/b/one", false).unwrap().placed_files, 1);
    assert_eq!(fs::read(target.join("one")).unwrap(), b"one");
    fs::write(target.join("one"), "mine").unwrap();
    let stats = run("a/b", false).unwrap();
    assert_eq!((stats.placed_files, stats.kept_files), (1, 1));
    assert_eq!(fs::read(target.join("one")).unwrap(), b"mine");
    run("a/b", true).unwrap();
    assert_same_tree(&bench.source().join("a/b"), &target);
    // Nothing is shared with the snapshot.
    assert_eq!(fs::metadata(target.join("one")).unwrap().nlink(), 1);
    assert!(run("none", false).is_err());
}
