//! Restores of some of the files, and which packages they fetch.

use std::fs;

use hashget_words::restore_file::RestoreFile;

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, list_of, path};
use crate::restore::{PlannedFetch, RestoreOptions, Selection, extract, plan, restore};
use hashget_files::monitor::Silent;

fn select(globs: &[&str], paths: &[&str]) -> RestoreOptions {
    let globs: Vec<_> = globs.iter().map(|glob| (*glob).to_owned()).collect();
    let paths: Vec<_> = paths.iter().map(path).collect();
    RestoreOptions {
        selection: Selection::new(&globs, &paths).unwrap(),
        jobs: 1,
        ..RestoreOptions::default()
    }
}

#[test]
fn only_needed_packages_are_fetched_where_records_tell() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    fs::create_dir(root.join("d")).unwrap();
    for name in ["a", "b", "d/c"] {
        fs::write(root.join(name), name).unwrap();
    }
    let mut sources = TestSources::default();
    let packages = vec![
        sources.add(&[b"a"]),
        sources.add(&[b"b"]),
        sources.add(&[b"d/c"]),
    ];
    for (package, content) in packages.iter().zip(["a", "b", "d/c"]) {
        sources.record(package, &[content.as_bytes()]);
    }
    let names = ["a", "b", "d/c"].map(path);
    let list = list_of(root, &names, packages.clone());
    for name in ["a", "b", "d/c"] {
        fs::remove_file(root.join(name)).unwrap();
    }
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();

    let options = select(&["d/*"], &[]);
    let planned = plan(root, &options, &sources, &Silent).unwrap();
    assert_eq!((planned.wanted_files, planned.unselected_files), (1, 2));
    let fetches: Vec<_> = planned.packages.iter().map(|p| &p.fetch).collect();
    let none = &PlannedFetch::NotNeeded;
    assert_eq!(fetches, [none, none, &PlannedFetch::Download]);
    assert_eq!(planned.download_bytes, packages[2].size.unwrap());
    assert!(planned.download_bytes_exact);
    assert!(!root.join("d/c").exists());

    let stats = restore(root, &options, &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.unselected_files), (1, 2));
    assert_eq!(stats.unneeded_packages, 2);
    assert!(!stats.restore_file_removed);
    assert_eq!(sources.fetched().len(), 1);

    let stats = restore(root, &select(&[], &["a"]), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, sources.fetched().len()), (1, 1));
    let stats = restore(root, &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.in_place_files), (1, 2));
    assert_eq!(sources.fetched().len(), 1);
    assert!(stats.restore_file_removed);
}

#[test]
fn without_records_packages_are_read_until_nothing_is_wanted() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    for name in ["a", "b", "c"] {
        fs::write(root.join(name), name).unwrap();
    }
    let mut sources = TestSources::default();
    let packages = vec![
        sources.add(&[b"a"]),
        sources.add(&[b"b"]),
        sources.add(&[b"c"]),
    ];
    let list = list_of(root, &["a", "b", "c"].map(path), packages);
    for name in ["a", "b", "c"] {
        fs::remove_file(root.join(name)).unwrap();
    }
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    let stats = restore(root, &select(&["b"], &[]), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, sources.fetched().len()), (1, 2));
}

#[test]
fn part_of_an_archive_is_extracted_with_its_directories_and_links() {
    let work = tempfile::tempdir().unwrap();
    let tree = work.path().join("tree");
    fs::create_dir_all(tree.join("x/y")).unwrap();
    fs::create_dir_all(tree.join("z")).unwrap();
    fs::write(tree.join("a-first"), "shared").unwrap();
    fs::hard_link(tree.join("a-first"), tree.join("x/y/link")).unwrap();
    fs::hard_link(tree.join("a-first"), tree.join("x/y/link2")).unwrap();
    fs::write(tree.join("x/y/out"), "left out").unwrap();
    fs::write(tree.join("z/out"), "left out, too").unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"left out", b"left out, too"]);
    let left_out = ["x/y/out", "z/out"].map(path);
    let list = list_of(&tree, &left_out, vec![package]);
    let archive = work.path().join("a.tar");
    fs::write(&archive, archive_of(&tree, &left_out, Some(&list))).unwrap();
    let target = work.path().join("target");
    let log = Log::default();
    let stats = extract(&archive, &target, &select(&[], &["x/y"]), &sources, &log).unwrap();
    assert_eq!(log.problems(), Vec::<String>::new());
    assert!(stats.is_complete());
    let names: Vec<_> = super::fixture::walk(&target)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, [".", "x", "x/y", "x/y/link", "x/y/link2", "x/y/out"]);
    assert_eq!(fs::read(target.join("x/y/link2")).unwrap(), b"shared");
}
