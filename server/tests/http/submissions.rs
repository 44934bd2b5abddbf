//! Submitting packages: both forms, the queue, and what is refused.

use std::sync::Arc;

use hashget_api::{
    DeadSourcesResponse, ErrorCode, ListResponse, LookupResponse, StatusResponse, Submission,
    SubmissionState,
};
use hashget_server::auth::Scope;
use hashget_store::{PackageStore, SledStore, StoreOptions};
use hashget_tests::deb_builder::DebBuilder;
use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_words::digest::Digest;
use hashget_words::hash_package::{Attributes, HashPackage};
use reqwest::blocking::Response;
use serde_json::json;

use crate::support::{TODAY, TestServer, error, ok, package};

fn deb() -> Vec<u8> {
    DebBuilder::new()
        .control("Package: vim\nVersion: 2:8.0-1\nArchitecture: amd64\n")
        .file("usr/bin/vim", vec![7; 200_000])
        .build()
}

/// A server that may fetch from a web server on loopback.
fn server_for(web: &FaultServer) -> TestServer {
    let port = url::Url::parse(&web.url("/")).unwrap().port().unwrap();
    TestServer::with(&format!(
        "accept_url = ['^http://127\\.0\\.0\\.1:{port}/.*\\.deb$']\n\
         fetch_ports = [{port}]\nfetch_networks = ['127.0.0.1']\nfetch_pause_seconds = 0\nopen_submitting = true\n"
    ))
}

fn submit(server: &TestServer, url: &str) -> Response {
    let request = server.request("POST", "api/v1/submissions");
    request
        .body(json!({ "url": url }).to_string())
        .send()
        .unwrap()
}

fn accepted(answer: Response) -> Submission {
    assert_eq!(answer.status(), 202);
    serde_json::from_str(&answer.text().unwrap()).unwrap()
}

/// Asks until a worker is done with a submission.
fn finished(server: &TestServer, id: u64) -> Submission {
    loop {
        let now: Submission = ok(server.get(&format!("api/v1/submissions/{id}")));
        if matches!(now.state, SubmissionState::Done | SubmissionState::Failed) {
            return now;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_submitted_package_is_fetched_indexed_and_published() {
    let bytes = deb();
    let sent = bytes.clone();
    let web = FaultServer::start(move |_| Reply::new(200, sent.clone()));
    let server = server_for(&web);
    let submission = accepted(submit(&server, &web.url("/vim.deb")));
    let done = finished(&server, submission.id);
    assert_eq!(done.state, SubmissionState::Done, "{done:?}");
    let listed: ListResponse = ok(server.get("api/v1/packages?project=submitted"));
    assert_eq!(listed.packages[0].sha256, Some(Digest::of(&bytes)));
    assert_eq!(Some(listed.packages[0].id), done.package);
    // Strangers may submit, so what the package says of its name is nobody's word.
    let signature = server.get("sig/deb/v/vim/vim_8.0-1_amd64");
    assert_eq!(signature.status(), 404);
    let anchor = Digest::of(&vec![7; 200_000]).sharded_path();
    assert_eq!(server.get(&format!("a/{anchor}")).status(), 200);
}

#[test]
fn the_form_of_the_original_is_taken_and_its_bytes_are_not() {
    let bytes = deb();
    let sent = bytes.clone();
    let web = FaultServer::start(move |_| Reply::new(200, sent.clone()));
    let server = server_for(&web);
    let form = reqwest::blocking::multipart::Form::new()
        .text("url", web.url("/vim.deb"))
        .text("size", "5")
        .part(
            "package",
            reqwest::blocking::multipart::Part::bytes(b"wrong".to_vec()).file_name("vim.deb"),
        );
    let answer = server.request("POST", "submit").multipart(form).send();
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 202);
    let text = answer.text().unwrap();
    let id = text.trim().rsplit('/').next().unwrap().parse().unwrap();
    let done = finished(&server, id);
    assert_eq!(done.state, SubmissionState::Done, "{done:?}");
    let known = |digest: Digest| server.get(&format!("a/{}", digest.sharded_path())).status();
    assert_eq!(known(Digest::of(&bytes)), 200);
    assert_eq!(known(Digest::of(b"wrong")), 404);
}

#[test]
fn urls_that_are_not_accepted_are_refused_unasked() {
    let web = FaultServer::start(|_| Reply::new(200, "x"));
    let server = server_for(&web);
    for url in [
        web.url("/vim.zip"),
        "http://example.org/vim.deb".to_owned(),
        web.url("/vim.deb").replace("127.0.0.1", "2130706433"),
        web.url("/vim.deb").replace("127.0.0.1", "user@127.0.0.1"),
    ] {
        error(submit(&server, &url), 403, ErrorCode::Forbidden);
    }
    error(submit(&server, ""), 400, ErrorCode::BadRequest);
    assert!(web.requests().is_empty());
    // A pattern that lets through too much does not open the gates of the network.
    let open = TestServer::with("accept_url = ['.*']\nopen_submitting = true");
    for url in [
        web.url("/vim.deb").as_str(),
        "http://127.0.0.1/a.deb",
        "http://[::1]/a.deb",
        "http://169.254.169.254/latest",
        "ftp://example.org/a.deb",
        "http://user:pass@example.org/a.deb",
    ] {
        error(submit(&open, url), 403, ErrorCode::Forbidden);
    }
    assert!(web.requests().is_empty());
}

#[test]
fn what_cannot_be_indexed_fails_with_a_reason() {
    let web = FaultServer::start(|request| match request.path.as_str() {
        "/page.deb" => Reply::new(200, "<html>please log in</html>"),
        "/cut.deb" => Reply::new(200, deb()[..deb().len() - 100].to_vec()),
        _ => Reply::not_found(),
    });
    let server = server_for(&web);
    for (path, word) in [
        ("/page.deb", "no archive"),
        ("/cut.deb", "cannot be indexed"),
        ("/gone.deb", "404"),
    ] {
        let submission = accepted(submit(&server, &web.url(path)));
        let failed = finished(&server, submission.id);
        assert_eq!(failed.state, SubmissionState::Failed);
        let message = failed.message.unwrap_or_default();
        assert!(message.contains(word), "{path}: {message}");
    }
}

#[test]
fn dead_sources_are_found_and_named_last() {
    let web = FaultServer::start(|request| match request.path.as_str() {
        "/a-dead" => Reply::not_found(),
        "/b-other-size" => Reply::new(200, "too long"),
        _ => Reply::new(200, "alive"),
    });
    let port = url::Url::parse(&web.url("/")).unwrap().port().unwrap();
    let data = tempfile::tempdir().unwrap();
    let store = SledStore::open(&data.path().join("store"), StoreOptions::default()).unwrap();
    let record = |path: &str| HashPackage {
        url: web.url(path),
        attrs: Attributes {
            size: Some(5),
            ..Attributes::default()
        },
        ..package("x")
    };
    let records = [
        record("/a-dead"),
        record("/b-other-size"),
        record("/c-alive"),
    ];
    let ids = store.publish(&"p".parse().unwrap(), &records).unwrap();
    let settings = format!(
        "fetch_ports = [{port}]\nfetch_networks = ['127.0.0.1']\n\
         fetch_pause_seconds = 0\ncheck_interval_seconds = 1"
    );
    let server = TestServer::on(data, Arc::new(store), &settings);
    loop {
        let status: StatusResponse = ok(server.get("api/v1/status"));
        if status.dead_sources == 2 {
            break;
        }
        std::thread::yield_now();
    }
    let told: DeadSourcesResponse = ok(server.get("api/v1/sources/dead"));
    assert_eq!(told.dead[0].url, web.url("/a-dead"));
    assert!(told.dead[0].reason.contains("404"));
    assert!(told.dead[1].reason.contains("8 bytes"));
    let body = json!({"digests": [Digest::of(b"x file")]});
    let found: LookupResponse = ok(server.post("api/v1/lookup", &body));
    let best = found.digests[0].1[0] as usize;
    assert_eq!(found.packages[best].url, web.url("/c-alive"));
    let anchor = Digest::of(b"x anchor").sharded_path();
    let record: HashPackage = ok(server.get(&format!("a/{anchor}")));
    assert_eq!(record.url, web.url("/c-alive"));
    // Each of the mirrors with what was found; which are alive is known when the round is whole.
    let mirrors = loop {
        let path = format!("api/v1/packages/{}", ids[0].0);
        let package: serde_json::Value = ok(server.get(&path));
        let sources = package["sources"].as_array().unwrap().iter();
        let state = |source: &serde_json::Value| {
            ["url", "state", "checked"].map(|name| source[name].as_str().unwrap_or("").to_owned())
        };
        let states: Vec<_> = sources.map(state).collect();
        if states[0][1] != "unchecked" {
            break states;
        }
        std::thread::yield_now();
    };
    let day = TODAY.to_string();
    let mirror = |path: &str, state: &str| [web.url(path), state.to_owned(), day.clone()];
    assert_eq!(
        mirrors,
        [
            mirror("/c-alive", "alive"),
            mirror("/a-dead", "dead"),
            mirror("/b-other-size", "dead")
        ]
    );
    let metrics = server.get("metrics").text().unwrap();
    assert!(metrics.contains("\nhashserver_sources_dead 2\n"));
    let page = server.get("web/sources").text().unwrap();
    assert!(page.contains("2 sources are dead.") && page.contains(&web.url("/a-dead")));
}

/// A file of the same size is not noticed by HEAD.
#[test]
fn one_source_in_a_hundred_is_hashed_again() {
    let web = FaultServer::start(|_| Reply::new(200, "other"));
    let port = url::Url::parse(&web.url("/")).unwrap().port().unwrap();
    let data = tempfile::tempdir().unwrap();
    let store = SledStore::open(&data.path().join("store"), StoreOptions::default()).unwrap();
    let record = |n: u64| HashPackage {
        // Only those that can be asked for are.
        url: match n {
            0..99 => format!("name{n}"),
            _ => web.url(&format!("/n{n}")),
        },
        attrs: Attributes {
            size: Some(5),
            ..Attributes::default()
        },
        ..package("alive")
    };
    let records: Vec<_> = (0..102).map(record).collect();
    let ids = store.publish(&"p".parse().unwrap(), &records).unwrap();
    let hashed = ids.iter().position(|id| id.0 == 100).unwrap();
    let settings = format!(
        "fetch_ports = [{port}]\nfetch_networks = ['127.0.0.1']\n\
         fetch_pause_seconds = 0\ncheck_interval_seconds = 1"
    );
    let server = TestServer::on(data, Arc::new(store), &settings);
    loop {
        let page = server.get("web/sources").text().unwrap();
        if page.contains("A round of checks began") || page.contains("The last round of checks") {
            break;
        }
        std::thread::yield_now();
    }
    let told: DeadSourcesResponse = ok(server.get("api/v1/sources/dead"));
    let dead: Vec<_> = told.dead.iter().map(|dead| dead.url.as_str()).collect();
    assert_eq!(dead, [records[hashed].url.as_str()]);
    let other = Digest::of(b"other");
    assert_eq!(told.dead[0].reason, format!("it is now sha256:{other}"));
}

#[test]
fn a_bad_form_is_refused() {
    let web = FaultServer::start(|_| Reply::not_found());
    let server = server_for(&web);
    for (kind, body) in [
        ("text/plain", "url=x"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "--b\r\n\r\n"),
    ] {
        let request = server
            .request("POST", "submit")
            .header("Content-Type", kind);
        error(
            request.body(body).send().unwrap(),
            400,
            ErrorCode::BadRequest,
        );
    }
    error(server.get("submit"), 405, ErrorCode::MethodNotAllowed);
    error(server.get("api/v1/submissions/7"), 404, ErrorCode::NotFound);
    server.assert_alive();
}

#[test]
fn submitting_wants_a_token() {
    let server = TestServer::with("accept_url = ['^http://example.org/']");
    error(
        submit(&server, "http://example.org/a"),
        401,
        ErrorCode::Unauthorized,
    );
    let other = server.token(Scope::Publish("other".parse().unwrap()));
    let request = server
        .request("POST", "api/v1/submissions")
        .bearer_auth(other);
    let answer = request.body(r#"{"url": "http://example.org/a"}"#).send();
    error(answer.unwrap(), 403, ErrorCode::Forbidden);
}
