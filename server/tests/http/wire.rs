//! What the original's client asks for.

use hashget_common::api::ErrorCode;
use hashget_common::hash_package::HashPackage;
use serde_json::Value;

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
