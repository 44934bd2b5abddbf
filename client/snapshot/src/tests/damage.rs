//! The index is a cache, and users have hands.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn snapshots_may_be_deleted_by_anybody() {
    let bench = Bench::new();
    bench.write("a", "aaa");
    bench.write("b", "bbbb");
    let first = bench.snapshot();
    let second = bench.snapshot();
    let third = bench.snapshot();
    // The index knows the files by their names in the newest.
    fs::remove_dir_all(&third.path).unwrap();
    let fourth = bench.snapshot();
    assert_eq!((fourth.stats.linked_files, fourth.stats.read_files), (2, 0));
    fs::remove_dir_all(&first.path).unwrap();
    fs::remove_dir_all(&fourth.path).unwrap();
    assert_same_tree(&bench.source(), &second.path);
    let fifth = bench.snapshot();
    assert_eq!(inode(&second.path.join("a")), inode(&fifth.path.join("a")));
    for id in [second, fifth] {
        fs::remove_dir_all(id.path).unwrap();
    }
    assert_eq!(bench.snapshot().stats.copied_files, 2);
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn an_index_that_is_damaged_or_missing_is_made_anew() {
    let bench = Bench::new();
    bench.write("a", "aaa");
    bench.write("b", "bbbb");
    let first = bench.snapshot();
    let index = bench.place().join(".hashget-snapshots/index");
    let state = bench.place().join(".hashget-snapshots/docs.state");
    let good = fs::read(&index).unwrap();
    let damages: [&dyn Fn(); 5] = [
        &|| fs::remove_file(&index).unwrap(),
        &|| fs::write(&index, "").unwrap(),
        &|| fs::write(&index, &good[..good.len() / 2]).unwrap(),
        &|| fs::write(&state, "nonsense").unwrap(),
        &|| fs::remove_dir_all(bench.place().join(".hashget-snapshots")).unwrap(),
    ];
    for damage in damages {
        damage();
        let next = bench.snapshot();
        assert_eq!(next.stats.copied_files, 0);
        assert_eq!(inode(&next.path.join("a")), inode(&first.path.join("a")));
    }
    let rebuilt = reindex(&bench.destination(), &bench.notes).unwrap();
    assert_eq!(
        (rebuilt.snapshots, rebuilt.added_files, rebuilt.added_bytes),
        (6, 2, 7)
    );
    let next = bench.snapshot();
    assert_eq!((next.stats.linked_files, next.stats.read_files), (2, 0));
}

#[test]
fn a_copied_destination_begins_a_new_index() {
    let bench = Bench::new();
    bench.write("a", "aaa");
    bench.snapshot();
    let copy = bench.temp.path().join("copy");
    let status = std::process::Command::new("cp")
        .arg("-a")
        .args([bench.place(), copy.clone()])
        .status()
        .unwrap();
    assert!(status.success());
    let now = start().saturating_add(9.hours());
    let options = CreateOptions::default();
    let made = create(
        &bench.source(),
        &copy,
        &options,
        &super::utc(now),
        &bench.notes,
    )
    .unwrap();
    assert_eq!((made.stats.linked_files, made.stats.copied_files), (1, 0));
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn an_edited_snapshot_does_not_spread() {
    let bench = Bench::new();
    bench.write("file", "good");
    bench.write("other", "other");
    let first = bench.snapshot();
    let edits: [&dyn Fn(&Path); 4] = [
        &|path| fs::write(path, "evil plus").unwrap(),
        &|path| fs::write(path, "evil").unwrap(),
        &|path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap(),
        // With the time set back only the ctime tells.
        &|path| {
            let modified = fs::metadata(path).unwrap().modified().unwrap();
            fs::write(path, "evil").unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(modified).unwrap();
        },
    ];
    let mut last = first;
    for edit in edits {
        edit(&last.path.join("file"));
        let next = bench.create(&CreateOptions::default());
        assert_same_tree(&bench.source(), &next.path);
        assert_eq!((next.stats.linked_files, next.stats.copied_files), (1, 1));
        let problems = bench.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("was changed in the destination"));
        last = next;
    }
}

#[test]
fn an_attribute_set_in_a_snapshot_does_not_spread() {
    let bench = Bench::new();
    bench.write("file", "good");
    let first = bench.snapshot();
    let path = first.path.join("file");
    rustix::fs::setxattr(&path, "user.note", b"x", rustix::fs::XattrFlags::empty()).unwrap();
    let second = bench.create(&CreateOptions::default());
    assert_same_tree(&bench.source(), &second.path);
    assert_eq!(bench.problems().len(), 1);
}

#[test]
fn only_one_run_has_a_destination() {
    let bench = Bench::new();
    bench.write("file", "content");
    bench.snapshot();
    let destination = bench.destination();
    let lock = destination.lock().unwrap();
    let error = bench.try_create(&CreateOptions::default()).unwrap_err();
    let text = error.to_string();
    let process = format!("another hashget (process {}) works on", std::process::id());
    assert!(text.contains(&process), "{text}");
    drop(lock);
    bench.snapshot();
}

#[test]
fn what_cannot_be_written_leaves_no_snapshot() {
    let bench = Bench::new();
    bench.write("file", "content");
    bench.snapshot();
    fs::remove_dir_all(bench.place().join("docs")).unwrap();
    fs::write(bench.place().join("docs"), "in the way").unwrap();
    bench.try_create(&CreateOptions::default()).unwrap_err();
    assert_eq!(fs::read(bench.place().join("docs")).unwrap(), b"in the way");
}

#[test]
fn verify_finds_what_was_changed() {
    let bench = Bench::new();
    bench.write("file", "good");
    bench.write("mode", "mode");
    bench.write("fine", "fine");
    let first = bench.snapshot();
    let second = bench.snapshot();
    let ids = [first.id.clone(), second.id.clone()];
    let destination = bench.destination();
    let stats = verify(&destination, &ids, &bench.notes).unwrap();
    assert!(stats.is_good());
    assert_eq!(
        (stats.snapshots, stats.tree_files, stats.read_files),
        (2, 6, 3)
    );
    fs::write(first.path.join("file"), "evil").unwrap();
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(second.path.join("mode"), mode).unwrap();
    fs::write(second.path.join("extra"), "extra").unwrap();
    let stats = verify(&destination, &ids, &bench.notes).unwrap();
    let found = (
        stats.damaged_files,
        stats.altered_files,
        stats.unknown_files,
    );
    assert_eq!(found, (1, 1, 1), "{stats:?}");
    fs::remove_file(bench.place().join(".hashget-snapshots/index")).unwrap();
    let error = verify(&destination, &ids, &bench.notes).unwrap_err();
    assert!(matches!(error, SnapshotError::NothingToVerify { .. }));
}
