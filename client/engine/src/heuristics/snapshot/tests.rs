use std::fs;
use std::time::Duration;

use proptest::prelude::*;

use super::stand_in::Site;
use super::*;
use hashget_sources::http::HttpOptions;

fn service(site: &Site, cache: Option<&Path>) -> SnapshotService {
    let options = HttpOptions {
        retries: 2,
        backoff: Duration::from_millis(1),
        ..HttpOptions::default()
    };
    let settings = SnapshotSettings {
        base: site.url("").parse().unwrap(),
        cache: cache.map(Path::to_owned),
        sleep: Duration::ZERO,
    };
    SnapshotService::new(Http::new(options).unwrap(), settings).unwrap()
}

#[test]
fn packages_are_found_by_name_version_and_architecture() {
    let site = Site::start();
    let url = site.put_snapshot("vim", "2:8.0+x~1", "amd64", b"deb");
    let service = service(&site, None);
    assert_eq!(
        service.binary_url("vim", "2:8.0+x~1", "amd64").unwrap(),
        Some(url)
    );
    assert_eq!(
        service.binary_url("vim", "2:8.0+x~1", "hppa").unwrap(),
        None
    );
    assert_eq!(service.binary_url("vim", "9", "amd64").unwrap(), None);
}

#[test]
fn files_are_found_by_content() {
    let site = Site::start();
    let url = site.put_snapshot("vim", "1", "all", b"deb");
    let service = service(&site, None);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("renamed.deb");
    fs::write(&path, "deb").unwrap();
    assert_eq!(service.file_url(&path).unwrap(), Some(url));
    fs::write(&path, "other").unwrap();
    assert_eq!(service.file_url(&path).unwrap(), None);
    let missing = service.file_url(&directory.path().join("none"));
    assert!(matches!(missing, Err(SnapshotError::Read(_))));
}

#[test]
fn answers_are_kept_over_runs_and_absence_is_not() {
    let site = Site::start();
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(
        service(&site, Some(cache.path()))
            .binary_url("a", "1", "all")
            .unwrap(),
        None
    );
    let url = Some(site.put_snapshot("a", "1", "all", b"deb"));
    assert_eq!(
        service(&site, Some(cache.path()))
            .binary_url("a", "1", "all")
            .unwrap(),
        url
    );
    let asked = site.requests().len();
    assert_eq!(asked, 3);
    assert_eq!(
        service(&site, Some(cache.path()))
            .binary_url("a", "1", "all")
            .unwrap(),
        url
    );
    assert_eq!(site.requests().len(), asked);
    for entry in fs::read_dir(cache.path()).unwrap() {
        fs::write(entry.unwrap().path(), "damaged").unwrap();
    }
    assert_eq!(
        service(&site, Some(cache.path()))
            .binary_url("a", "1", "all")
            .unwrap(),
        url
    );
    assert_eq!(site.requests().len(), asked + 2);
}

#[test]
fn passing_failures_are_tried_again_a_bounded_number_of_times() {
    let site = Site::start();
    let url = site.put_snapshot("a", "1", "all", b"deb");
    let service = service(&site, None);
    site.fail(&[503, 500]);
    assert_eq!(service.binary_url("a", "1", "all").unwrap(), Some(url));
    site.put_snapshot("b", "1", "all", b"deb b");
    site.fail(&[503, 503, 503]);
    let error = service.binary_url("b", "1", "all").unwrap_err();
    assert!(matches!(error, SnapshotError::Http(_)), "{error}");
}

#[test]
fn nonsense_is_an_error_with_the_question() {
    for (binfiles, info) in [
        ("{", ""),
        ("[]", ""),
        (r#"{"result": 7}"#, ""),
        (
            r#"{"result": [{"architecture": "all", "hash": "../../x"}]}"#,
            "",
        ),
        ("GOOD", "null"),
        ("GOOD", r#"{"result": [{}]}"#),
        (
            "GOOD",
            r#"{"result": [{"archive_name": "debian", "first_seen": "..", "path": "/p", "name": "a_1.deb"}]}"#,
        ),
        (
            "GOOD",
            r#"{"result": [{"archive_name": "debian", "first_seen": "x", "path": "/a/../b", "name": "a_1.deb"}]}"#,
        ),
        (
            "GOOD",
            r#"{"result": [{"archive_name": "debian", "first_seen": "x", "path": "/p", "name": "a_1/b"}]}"#,
        ),
    ] {
        let site = Site::start();
        let sha1 = "a".repeat(40);
        let good = format!(r#"{{"result": [{{"architecture": "all", "hash": "{sha1}"}}]}}"#);
        let binfiles = if binfiles == "GOOD" { &good } else { binfiles };
        site.put("/mr/binary/a/1/binfiles", binfiles);
        site.put(&format!("/mr/file/{sha1}/info"), info);
        let error = service(&site, None)
            .binary_url("a", "1", "all")
            .unwrap_err();
        assert!(
            matches!(error, SnapshotError::Answer { .. }),
            "{error} {binfiles} {info}"
        );
    }
}

#[test]
fn another_package_of_the_same_content_is_not_taken() {
    let site = Site::start();
    site.put_snapshot("a", "1", "all", b"same");
    let sha1 = sha1_hex(b"same");
    let place = |name: &str| {
        format!(
            r#"{{"archive_name": "debian", "first_seen": "x", "path": "/p", "name": "{name}"}}"#
        )
    };
    let info = format!(
        r#"{{"result": [{}, {}]}}"#,
        place("b_1_all.deb"),
        place("a_1_all.deb")
    );
    site.put(&format!("/mr/file/{sha1}/info"), info);
    let url = service(&site, None)
        .binary_url("a", "1", "all")
        .unwrap()
        .unwrap();
    assert!(url.ends_with("/archive/debian/x/p/a_1_all.deb"), "{url}");
}

#[test]
fn a_base_with_a_path_is_kept() {
    let site = Site::start();
    site.put("/mirror/mr/binary/a/1/binfiles", r#"{"result": []}"#);
    for base in ["/mirror", "/mirror/"] {
        let settings = SnapshotSettings {
            base: site.url(base).parse().unwrap(),
            cache: None,
            sleep: Duration::ZERO,
        };
        let http = Http::new(HttpOptions::default()).unwrap();
        let service = SnapshotService::new(http, settings).unwrap();
        assert_eq!(service.binary_url("a", "1", "all").unwrap(), None);
    }
    assert_eq!(site.requests(), ["GET /mirror/mr/binary/a/1/binfiles"; 2]);
}

fn sha1_hex(bytes: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("f"), bytes).unwrap();
    sha1_of(&directory.path().join("f")).unwrap()
}

#[test]
fn sha1_is_the_known_one() {
    assert_eq!(sha1_hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the service says: the URL is below its base.
    #[test]
    fn urls_stay_below_the_base(archive: String, seen: String, path: String, name: String) {
        let settings = SnapshotSettings {
            base: "http://example.org/base/".parse().unwrap(),
            cache: None,
            sleep: Duration::ZERO,
        };
        let service = SnapshotService::new(Http::new(HttpOptions::default()).unwrap(), settings).unwrap();
        let place = Place { archive_name: archive, first_seen: seen, path, name };
        if let Ok(url) = service.archive_url("question", &place) {
            let url: Url = url.parse().unwrap();
            prop_assert_eq!(url.host_str(), Some("example.org"));
            prop_assert!(url.path().starts_with("/base/archive/"));
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
    }
}
