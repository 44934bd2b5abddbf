use std::fs;

use hashget_tests::zip_builder::ZipBuilder;
use hashget_words::digest::Digest;

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
        sha256: None,
        project: None,
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
    assert_eq!(files_below(&bench.directory.path().join("pool")), 1);

    // A new submission of the URL replaces the record.
    assert_eq!(run(&bench, &[submission(&url)]).new_packages, 1);
    assert_eq!(bench.saved().len(), 1);
}

#[test]
fn a_file_is_taken_instead_of_a_download() {
    let bench = Bench::new().with_pool();
    let path = bench.directory.path().join("given");
    fs::write(&path, deb("a", "1")).unwrap();
    for url in ["http://example.org/a.deb", "glacier-17"] {
        let package = Submission {
            sha256: None,
            project: None,
            file: Some(path.clone()),
            ..submission(url)
        };
        let stats = run(&bench, &[package]);
        assert_eq!(stats.records[0].url, url);
        assert_eq!(stats.records[0].digest(), Some(Digest::of(&deb("a", "1"))));
    }
    assert_eq!(bench.saved().len(), 2);
    assert!(bench.site.requests().is_empty());
    assert_eq!(files_below(&bench.directory.path().join("pool")), 1);
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

/// A server's page about an error is no package, though its status says that all is well.
#[test]
fn a_page_in_the_place_of_an_archive_is_a_failure() {
    let bench = Bench::new();
    let page = "<!doctype html><title>Sign in</title>";
    for (name, body) in [("/a.tar.gz", page), ("/a.zip", "{}"), ("/a.deb?x", "")] {
        let url = bench.site.put(name, body);
        let stats = run(&bench, &[submission(&url)]);
        assert_eq!(
            (stats.new_packages, stats.failed_packages),
            (0, 1),
            "{name}"
        );
    }
    let told = format!("{:?}", bench.problems());
    assert!(
        told.contains("an HTML page and no archive, as its name says"),
        "{told}"
    );
    assert!(bench.saved().is_empty());
    // Elsewhere a page is a file like others.
    let url = bench.site.put("/a.html", page);
    assert_eq!(run(&bench, &[submission(&url)]).new_packages, 1);
}

#[test]
fn only_regular_files_are_taken() {
    let bench = Bench::new();
    let endless = Path::new("/dev/zero");
    let package = Submission {
        sha256: None,
        project: None,
        file: Some(endless.to_owned()),
        ..submission("http://example.org/a.tar")
    };
    assert_eq!(run(&bench, &[package]).failed_packages, 1);
    let told = format!("{:?}", bench.problems());
    assert!(told.contains("it is no regular file"), "{told}");
    let error = bench.run(|services| debsubmit(endless, &options(), services));
    assert!(matches!(error, Err(SubmitError::Snapshot { .. })));
}

#[test]
fn what_a_record_lacks_is_a_warning() {
    let bench = Bench::new();
    let zip = ZipBuilder::new()
        .file("open", "x")
        .marked_encrypted()
        .file("secret", "y");
    let url = bench.site.put("/a.zip", zip.build());
    let stats = run(&bench, &[submission(&url)]);
    assert_eq!(stats.records[0].files, [Digest::of(b"x")]);
    let messages = bench.heard.messages.lock().unwrap().join("\n");
    assert!(
        messages.contains("left out: `secret` is encrypted"),
        "{messages}"
    );
    assert!(bench.problems().is_empty());
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
        sha256: None,
        project: None,
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
    let path = bench.directory.path().join("renamed");
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
    assert!(error.to_string().contains("does not have"));
    let missing = bench.directory.path().join("missing");
    let error = bench.run(|services| debsubmit(&missing, &options(), services));
    assert!(matches!(error, Err(SubmitError::Snapshot { .. })));
}
