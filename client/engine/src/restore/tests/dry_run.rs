//! What `--dry-run` prints is what runs.

use std::fs;

use hashget_words::restore_file::RestoreFile;

use super::doubles::{Log, TestSources};
use super::fixture::{list_of, path};
use crate::restore::{PlannedFetch, RestoreOptions, plan, restore};
use hashget_files::monitor::Silent;

#[test]
fn what_the_tree_holds_under_another_name_is_copied_and_not_fetched() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    for (name, content) in [("here", "one"), ("twin", "one"), ("gone", "two")] {
        fs::write(root.join(name), content).unwrap();
    }
    let mut sources = TestSources::default();
    let packages = vec![sources.add(&[b"one"]), sources.add(&[b"two"])];
    sources.record(&packages[0], &[b"one"]);
    sources.record(&packages[1], &[b"two"]);
    let list = list_of(root, &["gone", "here", "twin"].map(path), packages);
    for name in ["gone", "twin"] {
        fs::remove_file(root.join(name)).unwrap();
    }
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();

    let options = RestoreOptions::default();
    let planned = plan(root, &options, &sources, &Silent).unwrap();
    let copies: Vec<_> = planned.files.iter().map(|file| &file.copy_of).collect();
    assert_eq!(copies, [&None, &Some(path("here"))]);
    let fetches: Vec<_> = planned.packages.iter().map(|p| &p.fetch).collect();
    assert_eq!(fetches, [&PlannedFetch::NotNeeded, &PlannedFetch::Download]);

    let stats = restore(root, &options, &sources, &Log::default()).unwrap();
    assert_eq!((stats.placed_files, stats.read_packages), (2, 1));
    assert_eq!(stats.downloaded_bytes, planned.download_bytes);
    assert_eq!(sources.fetched().len(), 1);
    assert_eq!(fs::read(root.join("twin")).unwrap(), b"one");
}

#[test]
fn what_cannot_be_placed_is_in_the_plan() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    fs::write(root.join("file"), "one").unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"one"]);
    let list = list_of(root, &[path("file")], vec![package]);
    fs::remove_file(root.join("file")).unwrap();
    fs::create_dir(root.join("file")).unwrap();
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    let planned = plan(root, &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!(planned.blocked.len(), 1);
    assert_eq!(planned.blocked[0].file, path("file"));
    assert!(planned.is_empty());
    let stats = restore(root, &RestoreOptions::default(), &sources, &Log::default()).unwrap();
    assert_eq!(stats.missing[0].why, planned.blocked[0].why);
}
