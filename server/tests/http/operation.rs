//! What operators ask: health, metrics, the access log, backups, the use of tokens.

use std::fs;

use hashget_api::{ErrorCode, ReadyResponse};
use hashget_server::auth::{Scope, TokenUses};
use hashget_store::{PackageStore, SledStore, StoreOptions, json_lines};
use serde_json::{Value, json};

use crate::support::{TestServer, digest, error, header, ok, package};

#[test]
fn supervisors_are_answered_without_a_token() {
    let server = TestServer::with("open_reading = false");
    assert_eq!(server.get("healthz").text().unwrap(), "ok\n");
    let ready: ReadyResponse = ok(server.get("readyz"));
    assert!(ready.ready && ready.writable);
    error(server.get("metrics"), 401, ErrorCode::Unauthorized);
}

#[test]
fn a_server_is_ready_without_space_and_not_without_tokens() {
    let server = TestServer::with(&format!("min_free_bytes = {}", 1_u64 << 60));
    let ready: ReadyResponse = ok(server.get("readyz"));
    assert!(ready.ready && !ready.writable);
    fs::write(server.data.path().join("tokens.json"), "{").unwrap();
    error(server.get("readyz"), 503, ErrorCode::Unavailable);
    assert_eq!(server.get("healthz").status(), 200);
}

#[test]
fn metrics_are_labelled_by_route_and_not_by_path() {
    let server = TestServer::start();
    server.publish("p", &[package("a"), package("b")]);
    let path = digest("a").sharded_path();
    assert_eq!(server.get(&format!("a/{path}")).status(), 200);
    assert_eq!(server.get("no/such/thing").status(), 404);
    let odd = server.request("BREW", "config.json").send().unwrap();
    assert_eq!(odd.status(), 405);
    let answer = server.get("metrics");
    assert!(header(&answer, "content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text().unwrap();
    for line in [
        "hashserver_request_duration_seconds_count{method=\"GET\",route=\"/a/{digest:.*}\",status=\"200\"} 1",
        "hashserver_request_duration_seconds_count{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "hashserver_request_duration_seconds_count{method=\"other\",route=\"/config.json\",status=\"405\"} 1",
        "hashserver_store_packages 2",
        "hashserver_project_packages{project=\"p\"} 2",
        "hashserver_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains(&path[..12]) && !text.contains("no/such") && !text.contains("BREW"));
}

#[test]
fn every_request_is_a_line_of_the_access_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let settings = format!("access_log = '{}'", log.display());
    let mut server = TestServer::with(&settings);
    let token = server.token(Scope::Read);
    let request = server
        .request("GET", "api/v1/status?x=secret")
        .bearer_auth(&token);
    let sent = request.header("User-Agent", "test/1").send().unwrap();
    let length = sent.bytes().unwrap().len();
    server.get("no/such/thing");
    let old = directory.path().join("access.log.1");
    // The first lines are there before the file is renamed.
    while fs::read_to_string(&log).unwrap().lines().count() < 2 {
        std::thread::yield_now();
    }
    fs::rename(&log, &old).unwrap();
    server.server.reload();
    server.get("config.json");
    server = server.restarted();
    let lines = |path| -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let first = &lines(&old)[0];
    assert_eq!(first["path"], "/api/v1/status");
    assert_eq!(first["route"], "/api/v1/status");
    assert_eq!(first["status"], 200);
    assert_eq!(first["sent_bytes"], length);
    assert_eq!(first["client"], "127.0.0.1");
    assert_eq!(first["agent"], "test/1");
    assert_eq!(first["token"].as_str().unwrap().len(), 12);
    assert!(!fs::read_to_string(&old).unwrap().contains(&token));
    assert_eq!(lines(&old)[1]["route"], "none");
    assert_eq!(lines(&log)[0]["path"], "/config.json");
    drop(server);
}

#[test]
fn an_export_is_whole_while_records_are_replaced() {
    let server = TestServer::start();
    let many: Vec<_> = (0..900).map(|n| package(&format!("n{n}"))).collect();
    server.publish("p", &many);
    let export = || {
        let request = server.request("GET", "api/v1/export");
        request.bearer_auth(&server.admin).send().unwrap()
    };
    let ((), exported) = both(
        || {
            for round in 0..5 {
                let mut changed = many.clone();
                for package in &mut changed {
                    package.attrs.size = Some(round);
                }
                server.publish("p", &changed);
            }
        },
        || export().text().unwrap(),
    );
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path(), StoreOptions::default()).unwrap();
    json_lines::import(&store, &mut exported.as_bytes()).unwrap();
    assert_eq!(store.stats().unwrap().packages, 900);
    let head = server.request("HEAD", "api/v1/export");
    assert_eq!(
        head.bearer_auth(&server.admin).send().unwrap().status(),
        200
    );
}

/// Runs both at once.
fn both<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        (one(), other.join().unwrap())
    })
}

#[test]
fn the_last_use_of_a_token_is_noted() {
    let server = TestServer::start();
    server.post("api/v1/packages", &json!({"project": "p", "packages": []}));
    let unused = server.token(Scope::Read);
    assert!(!unused.is_empty());
    let server = server.restarted();
    let path = server.data.path().join("token-uses.json");
    let tokens: Value =
        serde_json::from_slice(&fs::read(server.data.path().join("tokens.json")).unwrap()).unwrap();
    let uses = TokenUses::open(path);
    let last = |place: usize| uses.last_use(tokens["tokens"][place]["id"].as_str().unwrap());
    assert!(last(0).is_some());
    assert_eq!(last(1), None);
}
