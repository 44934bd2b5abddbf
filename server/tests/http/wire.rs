//! What the original's client asks for.

use std::sync::Arc;

use hashget_api::ErrorCode;
use hashget_server::auth::Scope;
use hashget_store::{SledStore, StoreOptions};
use hashget_words::hash_package::HashPackage;
use serde_json::{Value, json};

use crate::support::{TestServer, digest, error, expiring, header, ok, package};

#[test]
fn config_leaves_addresses_to_the_client_unless_the_base_url_is_set() {
    let server =
        TestServer::with("name = 'n'\nmotd = 'hello'\naccept_url = ['^http://example.org/']");
    let config: Value = ok(server.get("config.json"));
    assert_eq!(config["name"], "n");
    assert_eq!(config["accept_url"][0], "^http://example.org/");
    assert!(config.get("hashdb").is_none());
    assert_eq!(server.get("motd.txt").text().unwrap(), "hello");
    let server = TestServer::with("base_url = 'https://example.org/h'");
    let config: Value = ok(server.get("config.json"));
    assert_eq!(config["hashdb"], "https://example.org/h/hashdb/");
    assert_eq!(config["submit"], "https://example.org/h/submit");
}

#[test]
fn anchors_and_packages_are_found_by_path_but_not_plain_files() {
    let server = TestServer::start();
    server.publish("p", &[package("a")]);
    for base in ["a", "hashdb/a"] {
        for key in ["a", "a anchor"] {
            let path = format!("{base}/{}", digest(key).sharded_path());
            assert_eq!(ok::<HashPackage>(server.get(&path)), package("a"));
            let head = server.request("HEAD", &path).send().unwrap();
            assert_eq!(head.status(), 200);
            assert!(header(&head, "content-length").parse::<u64>().unwrap() > 100);
        }
        for missing in ["a file", "nowhere"] {
            let path = format!("{base}/{}", digest(missing).sharded_path());
            error(server.get(&path), 404, ErrorCode::NotFound);
            assert_eq!(server.request("HEAD", &path).send().unwrap().status(), 404);
        }
    }
    for wrong in ["a/", "a/00/11", "a/zz/zz/zz/zz", "a/0/0/0/0"] {
        error(server.get(wrong), 400, ErrorCode::BadRequest);
    }
}

#[test]
fn the_record_that_lives_longest_is_answered() {
    let server = TestServer::start();
    let with = |name: &str, day: &str, size: u64| {
        let mut package = expiring(name, day);
        package.anchors.push(digest("shared"));
        package.attrs.size = Some(size);
        package
    };
    let path = format!("a/{}", digest("shared").sharded_path());
    let best = |server: &TestServer| ok::<HashPackage>(server.get(&path)).url;
    server.publish("p", &[with("dead", "2030-01-01", 1)]);
    error(server.get(&path), 404, ErrorCode::NotFound);
    server.publish("p", &[with("short", "2031-01-01", 1)]);
    assert_eq!(best(&server), "http://example.org/short");
    server.publish(
        "p",
        &[with("long", "never", 90), with("small", "never", 80)],
    );
    assert_eq!(best(&server), "http://example.org/small");
}

#[test]
fn debian_signatures_are_found_by_path() {
    let server = TestServer::start();
    server.publish("p", &[package("libc6"), package("vim")]);
    for path in [
        "sig/deb/v/vim/vim_1.0+b~1_amd64",
        "hashdb/sig/deb/libc/libc6/libc6_1.0+b~1_amd64",
        "sig/deb/v/vim/vim_1.0%2Bb%7E1_amd64",
    ] {
        assert_eq!(server.get(path).status(), 200, "{path}");
    }
    for path in [
        "sig/deb/x/vim/vim_1.0+b~1_amd64",
        "sig/deb/v/vim/vim_2_all",
        "sig/rpm/v/vim/vim_1",
        "sig/",
    ] {
        error(server.get(path), 404, ErrorCode::NotFound);
    }
}

#[test]
fn a_record_that_the_client_has_is_not_sent_again() {
    let server = TestServer::start();
    server.publish("p", &[package("a")]);
    let path = format!("a/{}", digest("a").sharded_path());
    let tag = header(&server.get(&path), "etag");
    assert_eq!(
        header(&server.get(&path), "cache-control"),
        "public, max-age=60"
    );
    let conditional = |tag: &str| {
        let request = server.request("GET", &path).header("If-None-Match", tag);
        request.send().unwrap().status().as_u16()
    };
    assert_eq!(conditional(&tag), 304);
    assert_eq!(conditional(&format!("\"x\", W/{tag}")), 304);
    assert_eq!(conditional("\"x\""), 200);
    let changed = HashPackage {
        files: Vec::new(),
        ..package("a")
    };
    server.publish("p", &[changed]);
    assert_eq!(conditional(&tag), 200);
}

/// A server whose store answers from its trees.
fn without_memory() -> TestServer {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("store");
    let store = SledStore::open(&path, StoreOptions::default()).unwrap();
    TestServer::on(data, Arc::new(store), "index_memory_bytes = 0")
}

#[test]
fn an_answer_that_is_kept_follows_every_change() {
    for server in [TestServer::start(), without_memory()] {
        let path = format!("a/{}", digest("shared").sharded_path());
        let with = |name: &str, day: &str, size: u64| {
            let mut package = expiring(name, day);
            package.anchors.push(digest("shared"));
            package.attrs.size = Some(size);
            package
        };
        // Asked twice: the second answer is one that was kept, if any was.
        let expect = |name: &str, size: u64| {
            for _ in 0..2 {
                let record: HashPackage = ok(server.get(&path));
                assert_eq!((record.name(), record.attrs.size), (name, Some(size)));
                let head = server.request("HEAD", &path).send().unwrap();
                let length: usize = header(&head, "content-length").parse().unwrap();
                assert_eq!(length, server.get(&path).bytes().unwrap().len());
            }
        };
        let ids = server.publish("p", &[with("one", "2031-01-01", 50)]);
        expect("one", 50);
        server.publish("p", &[package("unrelated")]);
        expect("one", 50);
        server.publish("p", &[with("two", "2031-01-01", 40)]);
        expect("two", 40);
        server.publish("p", &[with("one", "2031-01-01", 30)]);
        expect("one", 30);
        let change = json!({"spec": "name:one", "set": {"expires": "2030-06-20", "size": 30}});
        assert_eq!(
            server
                .as_admin("PATCH", "api/v1/packages", &change)
                .status(),
            200
        );
        expect("two", 40);
        let removed = server.as_admin("DELETE", "api/v1/packages?spec=name:two", &json!(null));
        assert_eq!(removed.status(), 200);
        expect("one", 30);
        *server.today.lock().unwrap() = "2030-06-20".parse().unwrap();
        for _ in 0..2 {
            error(server.get(&path), 404, ErrorCode::NotFound);
        }
        *server.today.lock().unwrap() = "2030-06-15".parse().unwrap();
        expect("one", 30);
        server.as_admin("DELETE", "api/v1/packages?spec=all", &json!(null));
        error(server.get(&path), 404, ErrorCode::NotFound);
        assert!(!ids.is_empty());
    }
}

/// An answer without a body does not say how long it is (RFC 9110, 8.6).
#[test]
fn answers_without_a_body_have_no_length() {
    let server = TestServer::start();
    server.publish("p", &[package("a")]);
    let path = format!("a/{}", digest("a").sharded_path());
    let tag = header(&server.get(&path), "etag");
    let again = server.request("GET", &path).header("If-None-Match", tag);
    let again = again.send().unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(header(&again, "content-length"), "");
    assert_eq!(server.put(&digest("file"), b"file").status(), 201);
    let file = server.request("DELETE", &crate::support::pool_path(&digest("file")));
    let removed = file.bearer_auth(&server.admin).send().unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(header(&removed, "content-length"), "");
    let head = server.request("HEAD", &path).send().unwrap();
    let whole = server.get(&path);
    assert_eq!(
        header(&head, "content-length"),
        header(&whole, "content-length")
    );
    assert_ne!(header(&head, "content-length"), "0");
}

#[test]
fn an_answer_that_is_kept_needs_a_token_where_reading_does() {
    let server = TestServer::with("open_reading = false");
    server.publish("p", &[package("a")]);
    let path = format!("a/{}", digest("a").sharded_path());
    for _ in 0..2 {
        let reader = server.token(Scope::Read);
        let allowed = server.request("GET", &path).bearer_auth(reader);
        assert_eq!(allowed.send().unwrap().status(), 200);
        error(server.get(&path), 401, ErrorCode::Unauthorized);
        let wrong = server.request("GET", &path).bearer_auth("wrong");
        error(wrong.send().unwrap(), 401, ErrorCode::Unauthorized);
    }
    let server = TestServer::with("client_requests_per_second = 1");
    server.publish("p", &[package("a")]);
    let statuses: Vec<u16> = (0..12)
        .map(|_| server.get(&path).status().as_u16())
        .collect();
    assert_eq!((statuses[1], statuses[11]), (200, 429), "{statuses:?}");
    let wrong = TestServer::start();
    wrong.publish("p", &[package("a")]);
    assert_eq!(wrong.get(&path).status(), 200);
    let bad_token = wrong.request("GET", &path).bearer_auth("wrong");
    error(bad_token.send().unwrap(), 401, ErrorCode::Unauthorized);
}
