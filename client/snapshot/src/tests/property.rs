//! Fifty snapshots of a tree that changes at random.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use hashget_tests::{Random, RandomTree, tree_listing};

use super::links::restore;
use super::*;

/// Everything below `root` that is no directory, and all directories but `root`.
fn contents(root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                open.push(path.clone());
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    (files, directories)
}

/// Removes a snapshot as a user does, with the right to write to its directories.
fn remove(path: &Path) {
    let opened = std::process::Command::new("find")
        .arg(path)
        .args([
            "-type", "d", "!", "-perm", "-700", "-exec", "chmod", "u+rwx", "{}", ";",
        ])
        .status();
    assert!(opened.unwrap().success());
    fs::remove_dir_all(path).unwrap();
}

/// One random change; without root's powers some fail, and then nothing changes.
fn change(root: &Path, number: u64, random: &mut Random) {
    let (files, directories) = contents(root);
    let fresh = root.join(format!("new{number}"));
    if files.is_empty() || directories.is_empty() {
        fs::write(fresh, random.bytes(100)).unwrap();
        return;
    }
    let file = random.pick(&files).clone();
    let directory = random.pick(&directories).clone();
    let is_file = fs::symlink_metadata(&file).unwrap().is_file();
    match random.below(10) {
        0 => drop(fs::remove_file(&file)),
        1 => drop(fs::rename(&file, directory.join(format!("moved{number}")))),
        2 => drop(fs::rename(&directory, fresh)),
        3 if is_file => {
            let length = usize::try_from(random.below(20_000)).unwrap();
            drop(fs::write(&file, random.bytes(length)));
        }
        4 if is_file => {
            let mode = *random.pick(&[0o644, 0o600, 0o4755, 0o400]);
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        5 if is_file => {
            let name = OsStr::from_bytes(b"user.edit");
            let value = random.bytes(20);
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&file, name, &value, flags).unwrap_or_default();
        }
        6 if is_file => drop(fs::hard_link(&file, fresh)),
        7 => drop(fs::create_dir(fresh)),
        8 => {
            let mode = *random.pick(&[0o755, 0o700, 0o555, 0o1777]);
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(&directory, mode).unwrap();
        }
        _ => drop(fs::write(fresh, random.bytes(3000))),
    }
}

fn run(seed: u64, rounds: u64) {
    let bench = Bench::new();
    let mut random = Random::new(seed);
    RandomTree::grow(&bench.source(), 60, &mut random).unwrap();
    let mut expected: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for round in 0..rounds {
        for step in 0..random.below(6) {
            change(&bench.source(), round * 10 + step, &mut random);
        }
        let options = CreateOptions {
            full_hash: random.one_in(5),
            ..CreateOptions::default()
        };
        let created = bench.create(&options);
        assert_eq!(
            bench.problems(),
            Vec::<String>::new(),
            "seed {seed}, round {round}"
        );
        assert_same_tree(&bench.source(), &created.path);
        expected.insert(created.path.clone(), tree_listing(&bench.source()));
        if random.one_in(6) {
            let path = expected
                .keys()
                .nth(usize::try_from(random.below(expected.len() as u64)).unwrap());
            let path = path.unwrap().clone();
            remove(&path);
            expected.remove(&path);
        }
        if random.one_in(12) {
            fs::remove_dir_all(bench.place().join(".hashget-snapshots")).unwrap();
        }
        if round + 1 == rounds && expected.contains_key(&created.path) {
            let back = bench.temp.path().join("back");
            restore(&bench, &created, &back);
            assert_same_tree(&bench.source(), &back);
        }
    }
    for (path, listing) in &expected {
        assert_eq!(
            &tree_listing(path),
            listing,
            "seed {seed}, {}",
            path.display()
        );
    }
    let ids = bench.destination().snapshots(None).unwrap();
    assert_eq!(ids.len(), expected.len());
    reindex(&bench.destination(), &bench.notes).unwrap();
    let stats = verify(&bench.destination(), &ids, &bench.notes).unwrap();
    assert!(stats.is_good(), "{stats:?}");
}

#[test]
fn fifty_snapshots_of_a_changing_tree_equal_their_source() {
    run(1, 50);
}

#[test]
fn other_trees_too() {
    for seed in 2..6 {
        run(seed, 10);
    }
}
