//! Where bytes come from when the first place fails.

use std::fs;
use std::path::Path;

use hashget_words::digest::Digest;
use hashget_words::restore_file::{RestoreFile, RestorePackage};

use super::doubles::{Log, TestSources};
use super::fixture::{list_of, path};
use crate::restore::{RestoreOptions, restore};
use hashget_files::monitor::Silent;

fn prepare(root: &Path, contents: &[&[u8]], packages: Vec<RestorePackage>) {
    let mut names = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        fs::write(root.join(number.to_string()), content).unwrap();
        names.push(path(number.to_string()));
    }
    let list = list_of(root, &names, packages);
    for number in 0..contents.len() {
        fs::remove_file(root.join(number.to_string())).unwrap();
    }
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
}

#[test]
fn another_package_or_a_single_file_stands_in() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let dead = sources.add(&[b"one", b"two", b"three"]);
    sources.packages.remove(&dead.hash.sha256().unwrap());
    let liar = sources.add(&[b"unrelated"]);
    sources.record(&liar, &[b"one"]);
    let other = sources.add(&[b"one"]);
    sources.record(&other, &[b"one"]);
    sources.singles.insert(Digest::of(b"two"), b"two".to_vec());
    // A server that gives something else than it says.
    sources
        .singles
        .insert(Digest::of(b"three"), b"THREE".to_vec());
    prepare(work.path(), &[b"one", b"two", b"three"], vec![dead]);
    let log = Log::default();
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &log).unwrap();
    assert_eq!((stats.placed_files, stats.missing_files), (2, 1));
    assert_eq!(stats.failed_packages, 1);
    assert_eq!(stats.missing[0].file, path("2"));
    assert!(
        stats.missing[0].why.contains("no source has it"),
        "{:?}",
        stats.missing
    );
    assert!(!work.path().join("2").exists());
    assert_eq!(log.problems().len(), 1);
}

#[test]
fn single_files_are_fetched_where_that_is_less() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let filler = vec![1; 100_000];
    let large = sources.add(&[b"anchor", &filler]);
    prepare(work.path(), &[b"anchor"], vec![large]);
    sources
        .singles
        .insert(Digest::of(b"anchor"), b"anchor".to_vec());
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.single_files, stats.single_bytes), (1, 6));
    assert_eq!((stats.read_packages, stats.unneeded_packages), (0, 1));
    assert_eq!(
        sources.fetched(),
        [format!("single {}", Digest::of(b"anchor"))]
    );
}

#[test]
fn single_files_that_are_wrong_cost_the_package_after_all() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let filler = vec![1; 100_000];
    let large = sources.add(&[b"anchor", &filler]);
    prepare(work.path(), &[b"anchor"], vec![large]);
    sources
        .singles
        .insert(Digest::of(b"anchor"), b"ANCHOR".to_vec());
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.missing_files), (1, 0));
    assert_eq!(fs::read(work.path().join("0")).unwrap(), b"anchor");
}

#[test]
fn the_package_itself_counts_as_one_of_its_files() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"inside"]);
    let bytes = sources.packages.values().next().unwrap().clone();
    prepare(work.path(), &[&bytes, b"inside"], vec![package]);
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.read_packages), (2, 1));
    assert_eq!(fs::read(work.path().join("0")).unwrap(), bytes);
}

#[test]
fn what_is_in_place_elsewhere_is_copied_and_not_fetched() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"same"]);
    prepare(work.path(), &[b"same", b"same", b"same"], vec![package]);
    fs::write(work.path().join("1"), "same").unwrap();
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.in_place_files), (2, 1));
    assert_eq!(sources.fetched(), Vec::<String>::new());
}

#[test]
fn archives_in_packages_are_read_when_asked() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let inner = hashget_tests::tar_builder::TarBuilder::new()
        .file("deep", "deep inside")
        .build();
    let package = sources.add(&[&inner]);
    prepare(work.path(), &[b"deep inside"], vec![package]);
    let mut options = RestoreOptions::default();
    let stats = restore(work.path(), &options, &sources, &Silent).unwrap();
    assert_eq!(stats.missing_files, 1);
    options.recursive = true;
    let stats = restore(work.path(), &options, &sources, &Silent).unwrap();
    assert_eq!((stats.missing_files, stats.placed_files), (0, 1));
}

#[test]
fn expired_archives_are_restored_with_a_warning() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"x"]);
    prepare(work.path(), &[b"x"], vec![package]);
    let at = work.path().join(RestoreFile::NAME);
    let mut list = RestoreFile::parse(&fs::read(&at).unwrap()).unwrap();
    list.expires = "2001-02-03".parse().unwrap();
    fs::write(&at, list.to_json().unwrap()).unwrap();
    let log = Log::default();
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &log).unwrap();
    assert_eq!(stats.placed_files, 1);
    let warnings = log.warnings().clone();
    assert!(warnings[0].contains("2001-02-03"), "{warnings:?}");
}

#[test]
fn large_contents_of_the_same_size_find_their_places() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    let contents: Vec<Vec<u8>> = (0..4).map(|byte| vec![byte; 3 << 20]).collect();
    let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let packages = slices
        .iter()
        .rev()
        .map(|content| sources.add(&[content]))
        .collect();
    prepare(work.path(), &slices, packages);
    let stats = restore(work.path(), &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.missing_files), (4, 0));
    for (number, content) in contents.iter().enumerate() {
        assert!(fs::read(work.path().join(number.to_string())).unwrap() == *content);
    }
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 4);
}
