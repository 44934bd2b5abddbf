//! Hashservers that follow the original's wire, and hostile ones.

use std::fs::File;

use hashget_api::{ListQuery, LookupRequest};
use hashget_tests::fault_server::{FaultServer, Reply, Request, dead_url};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::signature::Signature;
use serde_json::json;

use super::{HashServer, HashServerError, ServerKind, SubmitOutcome};
use crate::http::tests::hasty;

fn client(server: &FaultServer, path: &str) -> HashServer {
    HashServer::new(&server.url(path), Some("secret".to_owned()), hasty()).unwrap()
}

fn record() -> HashPackage {
    HashPackage {
        url: "http://example.org/vim.deb".to_owned(),
        anchors: vec![Digest::of(b"anchor")],
        signatures: [("deb".to_owned(), "vim_1+x_all".to_owned())].into(),
        hashes: vec![Digest::of(b"vim").into()],
        ..HashPackage::default()
    }
}

/// A tree of static files: each path with its content. Directories are not listed.
fn tree(files: Vec<(String, Vec<u8>)>) -> FaultServer {
    FaultServer::start(move |request| {
        let found = files.iter().find(|(path, _)| *path == request.path);
        let is_directory = || {
            let mut paths = files.iter().map(|(path, _)| path);
            request.path.ends_with('/') && paths.any(|path| path.starts_with(&request.path))
        };
        match found {
            Some((_, content)) => Reply::new(200, content.clone()),
            None if is_directory() => Reply::new(403, ""),
            None => Reply::not_found(),
        }
    })
}

#[test]
fn only_http_urls_are_servers() {
    for url in ["", "x", "ftp://example.org/", "file:///etc", "http://"] {
        let server = HashServer::new(url, None, hasty());
        assert!(
            matches!(server, Err(HashServerError::BadUrl { .. })),
            "{url}"
        );
    }
    for url in [
        "http://u:secret@example.org/",
        "ftp://u:secret@example.org/",
        "http://u:secret@example.org:99999/",
    ] {
        let error = HashServer::new(url, None, hasty()).unwrap_err().to_string();
        assert!(
            !error.contains("secret") && error.contains("example.org"),
            "{error}"
        );
    }
    let server = HashServer::new("http://example.org/x?y#z", None, hasty()).unwrap();
    assert_eq!(server.url(), "http://example.org/x/");
}

#[test]
fn records_of_a_static_tree_are_found() {
    let json = serde_json::to_vec(&record()).unwrap();
    let anchor = Digest::of(b"anchor");
    let server = tree(vec![
        (format!("/h/a/{}", anchor.sharded_path()), json.clone()),
        ("/h/sig/deb/v/vim/vim_1+x_all".to_owned(), json),
    ]);
    let client = client(&server, "/h");
    assert_eq!(client.kind().unwrap(), ServerKind::Static);
    assert_eq!(client.package_by_anchor(&anchor).unwrap(), Some(record()));
    assert_eq!(client.package_by_anchor(&Digest::of(b"x")).unwrap(), None);
    let signature = |text: &str| text.parse::<Signature>().unwrap();
    let by = |text| client.package_by_signature(&signature(text)).unwrap();
    assert_eq!(by("deb:vim_1+x_all"), Some(record()));
    assert_eq!(by("deb:vim_2_all"), None);
    assert_eq!(by("url:http://example.org/vim.deb"), None);
    assert_eq!(client.motd().unwrap(), None);
    let status = client.status().unwrap_err();
    assert!(matches!(status, HashServerError::Static { .. }), "{status}");
}

#[test]
fn the_hashdb_setting_is_joined_as_the_original_does() {
    for (setting, path) in [
        (json!({}), "/h/sig/deb/v/vim/vim_1+x_all"),
        (json!({"hashdb": "SERVER/db"}), "/sig/deb/v/vim/vim_1+x_all"),
        (
            json!({"hashdb": "SERVER/db/"}),
            "/db/sig/deb/v/vim/vim_1+x_all",
        ),
        (json!({"hashdb": "db/"}), "/h/db/sig/deb/v/vim/vim_1+x_all"),
    ] {
        let text = setting.to_string();
        let server = FaultServer::start(move |request| match request.path.as_str() {
            "/h/config.json" => {
                let host = request.header("host").unwrap();
                Reply::new(200, text.replace("SERVER", &format!("http://{host}")))
            }
            _ => Reply::not_found(),
        });
        let signature = "deb:vim_1+x_all".parse().unwrap();
        let found = client(&server, "/h/").package_by_signature(&signature);
        assert_eq!(found.unwrap(), None);
        assert_eq!(server.log().last().unwrap(), &format!("GET {path}"));
    }
}

#[test]
fn a_signature_cannot_leave_its_directory() {
    let server = tree(Vec::new());
    let signature = "deb:../../x?y#z%2e_1_all".parse().unwrap();
    assert_eq!(
        client(&server, "/")
            .package_by_signature(&signature)
            .unwrap(),
        None
    );
    let path = server.log().pop().unwrap();
    assert!(
        path.starts_with("GET /sig/deb/") && !path.contains("..") && !path.contains('?'),
        "{path}"
    );
}

#[test]
fn the_message_of_the_day_is_shown_but_no_error_page() {
    let motd = |content: &'static [u8], kind: &'static str| {
        let server = FaultServer::start(move |request| match request.path.as_str() {
            "/motd.txt" => Reply::new(200, content).with("Content-Type", kind),
            _ => Reply::not_found(),
        });
        client(&server, "/").motd().unwrap()
    };
    assert_eq!(
        motd(b"hello\nworld\n\n", "text/plain").as_deref(),
        Some("hello\nworld")
    );
    assert_eq!(
        motd(b"a\x1b[31mb\xff", "").as_deref(),
        Some("a\\u{1b}[31mb\\xff")
    );
    assert_eq!(motd(b"<html>", "text/html; charset=utf-8"), None);
    assert_eq!(motd(b" \n", "text/plain"), None);
    assert_eq!(motd(b"x\n".repeat(40_000).leak(), "text/plain"), None);
}

#[test]
fn records_that_do_not_fit_the_question_are_refused() {
    let anchor = Digest::of(b"other anchor");
    let path = format!("/a/{}", anchor.sharded_path());
    for json in [
        serde_json::to_string(&record()).unwrap(),
        "{}".to_owned(),
        "<html>".to_owned(),
    ] {
        let server = tree(vec![(path.clone(), json.into_bytes())]);
        assert!(client(&server, "/").package_by_anchor(&anchor).is_err());
    }
}

/// A server with our API that answers `endpoint` with `answer`.
fn api(endpoint: &'static str, answer: Reply) -> FaultServer {
    FaultServer::start(move |request: &Request| {
        let path = request.path.split('?').next().unwrap();
        if path == "/api/v1/status" {
            let status = json!({"name": "x", "version": "1", "packages": 0, "digests": 0,
                "store_bytes": 0, "uptime_seconds": 0, "projects": []});
            return Reply::new(200, status.to_string());
        }
        if path == format!("/api/v1/{endpoint}") {
            return answer.clone();
        }
        Reply::not_found()
    })
}

fn summary(id: u64) -> serde_json::Value {
    json!({"id": id, "project": "p", "url": "http://example.org/x", "files": 1, "anchors": 1})
}

#[test]
fn hostile_answers_are_refused() {
    let question = LookupRequest {
        digests: vec![Digest::of(b"x")],
        ..LookupRequest::default()
    };
    for answer in [
        json!({"packages": [], "digests": [[0, [0]]], "signatures": []}),
        json!({"packages": [summary(1)], "digests": [[1, [0]]], "signatures": []}),
        json!({"packages": [summary(1)], "digests": [[0, [4_294_967_295_u32]]], "signatures": []}),
        json!({"packages": [summary(1)], "digests": [[0, [-1]]], "signatures": []}),
        json!([]),
    ] {
        let server = api("lookup", Reply::new(200, answer.to_string()));
        assert!(client(&server, "/").lookup(&question).is_err(), "{answer}");
    }
    let line = json!({"id": 2, "project": "p", "package": record()}).to_string();
    let bomb = zstd::encode_all(std::io::repeat(b' ').take_bytes(300 << 20), 1).unwrap();
    for reply in [
        Reply::new(200, line.clone()),
        Reply::new(200, "nonsense"),
        Reply::new(200, "nonsense").with("Content-Encoding", "zstd"),
        Reply::new(200, line.clone()).with("Content-Encoding", "br"),
        Reply::new(200, bomb).with("Content-Encoding", "zstd"),
    ] {
        let server = api("packages/fetch", reply);
        let got = client(&server, "/").fetch_packages(&[PackageId(1)], &mut |_| ());
        assert!(got.is_err());
    }
    let twice = format!("{line}\n{line}\n");
    let server = api("packages/fetch", Reply::new(200, twice));
    let got = client(&server, "/").fetch_packages(&[PackageId(2)], &mut |_| ());
    assert!(matches!(got, Err(HashServerError::Nonsense { .. })));
    let circle = json!({"packages": [summary(1)], "next": 1}).to_string();
    let server = api("packages", Reply::new(200, circle));
    let listed: Vec<_> = client(&server, "/")
        .list(ListQuery::default())
        .take(9)
        .collect();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[1].is_err());
    let server = api("pool/have", Reply::new(200, "{\"files\": [[1, 5]]}"));
    assert!(client(&server, "/").pool_have(&[Digest::of(b"x")]).is_err());
}

#[test]
fn hostile_compact_answers_are_refused() {
    let question = LookupRequest {
        digests: vec![Digest::of(b"x")],
        ..LookupRequest::default()
    };
    for (answer, is_sound) in [
        (&b"HGL1\x00\x00"[..], true),
        (b"HGL1\x01\x01\x01p\x01u\x00\x01\x00\x01\x00\x01\x00", true),
        (b"HGL1\x01\x01\x01p\x01u\x00\x01\x00\x01\x00\x01\x01", false),
        (b"HGL1\x01\x01\x01p\x01u\x00\x01\x00\x01\x01\x01\x00", false),
        (b"HGL1\x00\x00\x00", false),
        (b"{}", false),
        (b"", false),
    ] {
        let server = FaultServer::start(move |request| match &*request.path {
            "/api/v1/status" => {
                let status = json!({"name": "s", "version": "1", "packages": 0, "digests": 0,
                    "store_bytes": 0, "uptime_seconds": 0, "projects": [],
                    "compact_lookup": true});
                Reply::new(200, status.to_string())
            }
            "/api/v1/lookup" => Reply::new(200, answer),
            _ => Reply::not_found(),
        });
        let found = client(&server, "/").lookup(&question);
        assert_eq!(found.is_ok(), is_sound, "{answer:?}: {found:?}");
    }
}

trait TakeBytes: std::io::Read + Sized {
    fn take_bytes(self, bytes: u64) -> std::io::Take<Self> {
        self.take(bytes)
    }
}

impl<R: std::io::Read> TakeBytes for R {}

#[test]
fn a_server_that_is_down_is_asked_once() {
    let server = HashServer::new(&dead_url("/"), None, hasty()).unwrap();
    let first = server.kind().unwrap_err();
    assert!(matches!(first, HashServerError::Http(_)) && first.is_unavailable());
    assert!(matches!(server.kind(), Err(HashServerError::Down { .. })));
    assert!(server.is_down());
}

#[test]
fn tokens_go_to_their_server() {
    let server = api(
        "lookup",
        Reply::new(200, "{\"packages\":[],\"digests\":[],\"signatures\":[]}"),
    );
    client(&server, "/")
        .lookup(&LookupRequest::default())
        .unwrap();
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
    }
}

#[test]
fn packages_are_submitted_where_they_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.zip");
    std::fs::write(&path, b"package").unwrap();
    let file = File::open(&path).unwrap();
    let known = Digest::of(b"known");
    let known_path = format!("/a/{}", known.sharded_path());
    let server = FaultServer::start(move |request| match request.path.as_str() {
        "/config.json" => Reply::new(200, "{\"accept_url\": [\"(\", \"[.]zip$\"]}"),
        "/submit" => Reply::new(202, "thank\x07 you\n"),
        path if path == known_path => Reply::new(200, ""),
        _ => Reply::not_found(),
    });
    let client = client(&server, "/");
    let submit = |url: &str, digest| client.submit(url, &digest, &file, 7).unwrap();
    let url = "http://example.org/p.zip";
    assert_eq!(
        submit("http://example.org/p.tar", known),
        SubmitOutcome::NotAccepted
    );
    assert_eq!(submit(url, known), SubmitOutcome::AlreadyKnown);
    let text = "thank\\u{7} you".to_owned();
    assert_eq!(
        submit(url, Digest::of(b"package")),
        SubmitOutcome::Sent { status: 202, text }
    );
    let request = server.requests().pop().unwrap();
    let body = String::from_utf8(request.body).unwrap();
    let place = |text: &str| {
        body.find(text)
            .unwrap_or_else(|| panic!("{text} in {body}"))
    };
    assert!(place("name=\"url\"") < place("name=\"size\""));
    assert!(
        place("name=\"size\"") < place("name=\"package\"; filename=\"p.zip\"\r\n\r\npackage\r\n")
    );
}
