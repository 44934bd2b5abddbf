use std::fs;

use hashget_common::digest::Digest;

use super::*;
use crate::index::bench::{Bench, content_of, deb, files_below, record_options};

fn options() -> SubmitOptions {
    SubmitOptions {
        project: "mine".parse().unwrap(),
        record: record_options(),
        jobs: 3,
    }
}

fn submission(url: &str) -> Submission {
    Submission {
        url: url.to_owned(),
        file: None,
        signatures: Vec::new(),
    }
}

fn run(bench: &Bench, packages: &[Submission]) -> SubmitStats {
    bench
        .run(|services| submit(packages, &options(), services))
        .unwrap()
}

#[test]
fn a_url_is_downloaded_indexed_and_saved() {
    let bench = Bench::new().with_pool();
    let url = bench.site.put("/a.deb", deb("a", "1"));
    let mut package = submission(&url);
    package.signatures = vec!["mine:x".parse().unwrap()];
    let stats = run(&bench, &[package]);
    assert_eq!((stats.new_packages, stats.failed_packages), (1, 0));
    assert_eq!(stats.records[0].files, [Digest::of(&content_of("a"))]);
    assert_eq!(stats.records[0].signatures["mine"], "x");
    assert_eq!(bench.saved(), [(url.clone(), "mine".parse().unwrap())]);
    assert_eq!(files_below(&bench.folder.path().join("pool")), 1);

    // A new submission of the URL replaces the record.
    assert_eq!(run(&bench, &[submission(&url)]).new_packages, 1);
    assert_eq!(bench.saved().len(), 1);
}

#[test]
fn a_file_is_taken_instead_of_a_download() {
    let bench = Bench::new().with_pool();
    let path = bench.folder.path().join("given");
    fs::write(&path, deb("a", "1")).unwrap();
    for url in ["http://example.org/a.deb", "glacier-17"] {
        let package = Submission {
            file: Some(path.clone()),
            ..submission(url)
        };
        let stats = run(&bench, &[package]);
        assert_eq!(stats.records[0].url, url);
        assert_eq!(stats.records[0].digest(), Some(Digest::of(&deb("a", "1"))));
    }
    assert_eq!(bench.saved().len(), 2);
    assert!(bench.site.requests().is_empty());
    assert_eq!(files_below(&bench.folder.path().join("pool")), 1);
    assert_eq!(fs::read(&path).unwrap(), deb("a", "1"));
}

#[test]
fn a_file_that_is_no_archive_can_be_submitted() {
    let bench = Bench::new();
    let url = bench.site.put("/data.bin", content_of("data"));
    let stats = run(&bench, &[submission(&url)]);
    assert!(stats.records[0].files.is_empty());
    let messages = bench.heard.messages.lock().unwrap();
    assert!(
        messages.iter().any(|text| text.contains("no archive")),
        "{messages:?}"
    );
}

#[test]
fn many_are_submitted_and_failures_are_told() {
    let bench = Bench::new();
    let mut packages: Vec<Submission> = (0..10)
        .map(|n| {
            submission(
                &bench
                    .site
                    .put(&format!("/{n}.deb"), deb(&format!("p{n}"), "1")),
            )
        })
        .collect();
    let urls: Vec<String> = packages.iter().map(|package| package.url.clone()).collect();
    packages.insert(3, submission(&bench.site.url("/missing.deb")));
    packages.push(submission("glacier-1"));
    packages.push(Submission {
        file: Some("/missing/file".into()),
        ..submission("http://example.org/x")
    });
    let stats = run(&bench, &packages);
    assert_eq!((stats.new_packages, stats.failed_packages), (10, 3));
    let recorded: Vec<String> = stats.records.into_iter().map(|record| record.url).collect();
    assert_eq!(recorded, urls);
    assert_eq!(bench.problems().len(), 3);
}

#[test]
fn packages_are_offered_to_hashservers_that_accept_them() {
    let bench = Bench::new().with_server();
    bench
        .site
        .put("/config.json", r#"{"accept_url": ["\\.deb$"]}"#);
    let url = bench.site.put("/a.deb", deb("a", "1"));
    let other = bench.site.put("/a.zip", deb("a", "2"));
    let stats = run(&bench, &[submission(&url), submission(&other)]);
    // The stand-in answers 404 to every POST, which is a refusal and told.
    assert_eq!((stats.new_packages, stats.accepted_uploads), (2, 0));
    assert_eq!(bench.site.posts().len(), 1);
    assert_eq!(bench.problems().len(), 1);

    bench.site.put("/submit", "thank you");
    let stats = run(&bench, &[submission(&url)]);
    assert_eq!(stats.accepted_uploads, 1);
    let post = &bench.site.posts()[1];
    let package = deb("a", "1");
    assert!(post.windows(package.len()).any(|part| part == package));

    // What the server has is not sent.
    let known = format!("/a/{}", Digest::of(&package).sharded_path());
    bench.site.put(&known, "{}");
    assert_eq!(run(&bench, &[submission(&url)]).accepted_uploads, 0);
    assert_eq!(bench.site.posts().len(), 2);
}

#[test]
fn a_deb_file_is_submitted_under_its_snapshot_url() {
    let bench = Bench::new();
    let url = bench.site.put_snapshot("a", "1:2", "all", &deb("a", "1:2"));
    let path = bench.folder.path().join("renamed");
    fs::write(&path, deb("a", "1:2")).unwrap();
    let stats = bench
        .run(|services| debsubmit(&path, &options(), services))
        .unwrap();
    assert_eq!(stats.records[0].url, url);
    assert_eq!(stats.records[0].signatures["deb"], "a_2_all");

    fs::write(&path, deb("b", "1")).unwrap();
    let error = bench
        .run(|services| debsubmit(&path, &options(), services))
        .unwrap_err();
    assert!(matches!(error, SubmitError::NotInSnapshot { .. }));
    assert!(error.to_string().contains("submit URL --file FILE"));
    let missing = bench.folder.path().join("missing");
    let error = bench.run(|services| debsubmit(&missing, &options(), services));
    assert!(matches!(error, Err(SubmitError::Snapshot { .. })));
}
