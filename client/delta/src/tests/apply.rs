//! Applying, and refusing to.

use std::fs;
use std::path::Path;

use hashget_tests::{assert_same_tree, tree_listing};

use super::*;

/// What is said to differ.
fn refused(directory: &Path, delta: &Path) -> Vec<String> {
    let before = tree_listing(directory);
    let error = apply_diff(directory, delta, &UNSYNCED, &Silent).unwrap_err();
    assert_eq!(tree_listing(directory), before);
    let differences = error.differences().unwrap_or_else(|| panic!("{error:?}"));
    differences.0.iter().map(ToString::to_string).collect()
}

#[test]
fn a_directory_in_another_state_is_refused_with_a_list() {
    let lab = Lab::new();
    let (old, new) = (lab.tree("old", 4), lab.edited("new", 4, 12));
    let delta = lab.delta(&old, &new, false);
    let diff = DiffIndex::from_archive(&delta).unwrap();
    let copy = lab.tree("copy", 4);
    let gone = diff
        .changes
        .iter()
        .find(|c| c.old.is_some() && !c.path().is_root())
        .unwrap();
    let target = gone.path().under(&copy);
    let trash = lab.path("trash");
    fs::rename(&target, &trash).unwrap();
    let said = refused(&copy, &delta);
    assert!(
        said.contains(&format!("{}: is missing", gone.path())),
        "{said:?}"
    );
    fs::rename(&trash, &target).unwrap();
    fs::write(copy.join("surplus"), "").unwrap();
    let said = refused(&copy, &delta);
    assert!(!said.is_empty());
}

#[test]
fn what_is_ignored_but_in_the_way_is_told() {
    let lab = Lab::new();
    let (old, new, copy) = (
        lab.directory("old"),
        lab.directory("new"),
        lab.directory("copy"),
    );
    for directory in [&old, &copy] {
        fs::create_dir(directory.join("goes")).unwrap();
        fs::write(directory.join(".hashgetignore"), "*.o\n").unwrap();
    }
    fs::write(copy.join("goes/x.o"), "").unwrap();
    for directory in [&old, &new, &copy] {
        for name in ["goes", ".hashgetignore", "."] {
            if let Ok(file) = fs::File::open(directory.join(name)) {
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            }
        }
    }
    let delta = lab.delta(&old, &new, false);
    let said = refused(&copy, &delta);
    assert_eq!(
        said,
        ["goes/x.o: its directory is to go, and the index leaves this out"]
    );
}

#[test]
fn damage_anywhere_changes_nothing() {
    let lab = Lab::new();
    let (old, new) = (lab.tree("old", 8), lab.edited("new", 8, 9));
    let delta = lab.delta(&old, &new, false);
    let copy = lab.tree("copy", 8);
    let before = tree_listing(&copy);
    let good = fs::read(&delta).unwrap();
    let mut random = Random::new(3);
    let damaged = lab.path("damaged");
    for _ in 0..40 {
        let mut bytes = good.clone();
        let at = usize::try_from(random.below(good.len() as u64)).unwrap();
        if random.one_in(2) {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(&damaged, bytes).unwrap();
        // Some bits of gzip mean nothing.
        if apply_diff(&copy, &damaged, &UNSYNCED, &Silent).is_ok() {
            assert_same_tree(&copy, &new);
            return;
        }
        assert_eq!(tree_listing(&copy), before, "byte {at}");
        assert_eq!(fs::read_dir(lab.temp.path()).unwrap().count(), 5);
    }
}

#[test]
fn a_failure_halfway_is_undone() {
    let lab = Lab::new();
    let (old, new) = (lab.tree("old", 11), lab.edited("new", 11, 15));
    let delta = lab.delta(&old, &new, true);
    let copy = lab.tree("copy", 11);
    let before = tree_listing(&copy);
    let steps = std::cell::Cell::new(0);
    let count = |_: &Path| steps.set(steps.get() + 1);
    super::super::apply::apply_with(&lab.tree("other", 11), &delta, UNSYNCED, &Silent, &|| {
        count(&old);
    })
    .unwrap();
    // Somebody interferes at every point: something is suddenly in the way of everything.
    for point in 0..steps.get() {
        let at = std::cell::Cell::new(0);
        let intruder = copy.join("intruder");
        let hook = || {
            if at.get() == point {
                fs::write(&intruder, "").unwrap();
            }
            at.set(at.get() + 1);
        };
        let done = super::super::apply::apply_with(&copy, &delta, UNSYNCED, &Silent, &hook);
        let Err(error) = done else {
            // Too late to be noticed.
            fs::remove_file(&intruder).unwrap_or_default();
            break;
        };
        fs::remove_file(&intruder).unwrap();
        let mtime = fs::metadata(&old).unwrap().modified().unwrap();
        fs::File::open(&copy).unwrap().set_modified(mtime).unwrap();
        assert_eq!(tree_listing(&copy), before, "point {point}: {error:?}");
    }
}

#[test]
fn an_unfinished_directory_is_neither_indexed_nor_locked_for_ever() {
    let lab = Lab::new();
    let directory = lab.tree("d", 1);
    let held = hashget_files::place::Target::open(&directory).unwrap();
    assert!(held.lock().unwrap());
    let error = apply_diff(&directory, Path::new("none"), &UNSYNCED, &Silent).unwrap_err();
    assert!(matches!(error, DeltaError::Locked(_)));
    drop(held);
    assert!(!recover(&directory, &Silent).unwrap());
}
