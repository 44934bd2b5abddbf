use std::fs;

use super::*;
use crate::info::info;
use crate::restore::tests::doubles::{Log, TestSources};
use crate::restore::tests::fixture::{archive_of, list_of, path};
use hashget_files::monitor::Silent;

/// A directory with its restore file, an archive of it, and a lie in the records.
fn prepare(root: &Path) -> TestSources {
    let mut sources = TestSources::default();
    let (one, two) = (sources.add(&[b"one"]), sources.add(&[b"two", b"three"]));
    let files = ["one", "two", "three", "lie"];
    for name in files {
        fs::write(root.join(name), name).unwrap();
    }
    sources.record(&one, &[b"one", b"lie"]);
    sources.record(&two, &[b"two", b"three"]);
    let names = files.map(path);
    let list = list_of(root, &names, vec![one, two]);
    fs::write(root.join("a.tar"), archive_of(root, &names, Some(&list))).unwrap();
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    sources
}

fn deep() -> VerifyOptions {
    VerifyOptions {
        deep: true,
        ..VerifyOptions::default()
    }
}

#[test]
fn packages_that_are_alive_are_good_until_one_looks_inside() {
    let work = tempfile::tempdir().unwrap();
    let sources = prepare(work.path());
    for target in [work.path().to_owned(), work.path().join("a.tar")] {
        let report = verify(&target, &VerifyOptions::default(), &sources, &Silent).unwrap();
        assert!(report.is_good());
        assert_eq!((report.packages, report.checked_packages), (2, 2));
        assert_eq!(sources.fetched(), Vec::<String>::new());

        let log = Log::default();
        let report = verify(&target, &deep(), &sources, &log).unwrap();
        assert!(!report.is_good());
        assert_eq!((report.dead_packages, report.found_files), (0, 3));
        let lost: Vec<_> = report
            .lost
            .iter()
            .map(|lost| lost.file.to_string())
            .collect();
        assert_eq!(lost, ["lie"]);
        assert_eq!(report.details[0].lies, [Digest::of(b"lie")]);
        assert_eq!(report.details[1].found_files, Some(2));
        assert!(
            log.problems()[0].starts_with("lie: "),
            "{:?}",
            log.problems()
        );
        assert_eq!(sources.fetched().len(), 2);
        serde_json::to_string(&report).unwrap();
    }
}

#[test]
fn dead_packages_are_named() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = prepare(work.path());
    let digest = Digest::of(&sources.packages[&first(work.path())]);
    sources.packages.remove(&digest);
    for options in [VerifyOptions::default(), deep()] {
        let log = Log::default();
        let report = verify(work.path(), &options, &sources, &log).unwrap();
        assert_eq!(report.dead_packages, 1);
        assert!(!report.details[0].alive);
        assert_eq!(log.problems().len(), 1);
    }
}

fn first(root: &Path) -> Digest {
    let list = list::load(root, None).unwrap();
    list.packages[0].hash.sha256().unwrap()
}

#[test]
fn a_sample_is_at_least_one_and_repeats_itself() {
    let work = tempfile::tempdir().unwrap();
    let sources = prepare(work.path());
    let options = VerifyOptions {
        sample_percent: 1,
        sample_seed: 5,
        ..deep()
    };
    let report = verify(work.path(), &options, &sources, &Silent).unwrap();
    let again = verify(work.path(), &options, &sources, &Silent).unwrap();
    assert_eq!(report, again);
    assert_eq!((report.packages, report.checked_packages), (2, 1));
    assert_eq!(report.lost, []);
}

#[test]
fn a_damaged_package_is_dead() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = prepare(work.path());
    let digest = first(work.path());
    let bytes = sources.packages.get_mut(&digest).unwrap();
    // In the middle of its only file.
    bytes.truncate(514);
    let report = verify(work.path(), &deep(), &sources, &Silent).unwrap();
    assert_eq!(report.dead_packages, 1);
    assert!(report.details[0].why.is_some());
}

#[test]
fn info_adds_up_what_a_restore_needs() {
    let work = tempfile::tempdir().unwrap();
    let sources = prepare(work.path());
    let list = list::load(work.path(), None).unwrap();
    let found = info(&work.path().join("a.tar"), &sources, &Silent).unwrap();
    assert_eq!((found.files, found.packages), (4, 2));
    assert_eq!(found.packages_bytes, list.packagesize);
    assert!(found.packages_bytes_exact);
    assert_eq!((found.at_hand_packages, found.to_download.len()), (0, 2));
    assert_eq!(found.to_download[0], list.packages[0].url);
    assert_eq!(sources.fetched(), Vec::<String>::new());
}

#[test]
fn files_that_no_package_is_named_for_are_lost_at_a_glance() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("alone"), "alone").unwrap();
    let list = list_of(work.path(), &[path("alone")], Vec::new());
    fs::write(work.path().join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    for options in [VerifyOptions::default(), deep()] {
        let sources = TestSources::default();
        let report = verify(work.path(), &options, &sources, &Silent).unwrap();
        assert!(!report.is_good());
        let names = report.lost.iter().map(|lost| lost.file.to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["alone"]);
        assert_eq!(report.lost[0].why, "the restore file names no package");
    }
}
