//! Requests that no honest client sends: each gets a clear error, and the server goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hashget_api::{ErrorBody, ErrorCode};
use hashget_words::digest::Digest;
use reqwest::blocking::Body;
use serde_json::json;

use crate::support::{TestServer, digest, error, pool_path};

/// Sends bytes as they are; the status line and body of the answer.
fn raw(server: &TestServer, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(server.server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // The server may answer and close before all is sent.
    let _sent = stream.write_all(bytes);
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.unwrap_or_default(), body.unwrap_or_default())
}

fn code(body: &str) -> ErrorCode {
    serde_json::from_str::<ErrorBody>(body).unwrap().error
}

#[test]
fn json_of_the_wrong_shape() {
    let server = TestServer::start();
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_attribute =
        format!(r#"{{"project": "p", "packages": [{{"url": "x", "attrs": {{"a": {nested}}}}}]}}"#);
    for path in [
        "api/v1/lookup",
        "api/v1/packages/fetch",
        "api/v1/packages",
        "api/v1/pool/have",
    ] {
        for body in [
            "",
            "{",
            "null",
            "7",
            "\"x\"",
            "{\"digests\": 7, \"ids\": 7}",
            "\u{0}",
            "[]]",
            "{\"digests\": [\"zz\"], \"ids\": [-1]}",
            &nested,
        ] {
            let request = server.request("POST", path).bearer_auth(&server.admin);
            let answer = request.body(body.to_owned()).send().unwrap();
            error(answer, 400, ErrorCode::BadRequest);
        }
    }
    let request = server
        .request("POST", "api/v1/packages")
        .bearer_auth(&server.admin);
    error(
        request.body(deep_attribute).send().unwrap(),
        400,
        ErrorCode::BadRequest,
    );
    let request = server
        .request("POST", "api/v1/lookup")
        .body(vec![0xff, 0xfe]);
    error(request.send().unwrap(), 400, ErrorCode::BadRequest);
    server.assert_alive();
}

#[test]
fn batches_beyond_the_limit() {
    let server = TestServer::start();
    let digests = vec![digest("x"); 50_001];
    for path in ["api/v1/lookup", "api/v1/pool/have"] {
        let answer = server.post(path, &json!({ "digests": digests }));
        error(answer, 413, ErrorCode::TooLarge);
    }
    let ids: Vec<u64> = (0..1001).collect();
    let answer = server.post("api/v1/packages/fetch", &json!({ "ids": ids }));
    error(answer, 413, ErrorCode::TooLarge);
    let packages = vec![json!({"url": "x"}); 1001];
    let answer = server.post(
        "api/v1/packages",
        &json!({"project": "p", "packages": packages}),
    );
    error(answer, 413, ErrorCode::TooLarge);
    let million: Vec<Digest> = vec![digest("x"); 1_000_000];
    let answer = server.post("api/v1/lookup", &json!({ "digests": million }));
    error(answer, 413, ErrorCode::TooLarge);
    server.assert_alive();
}

#[test]
fn one_digest_asked_for_very_often_is_looked_up_once() {
    let server = TestServer::start();
    server.publish("p", &[crate::support::package("x")]);
    let digests = vec![digest("x"); 50_000];
    let began = Instant::now();
    assert_eq!(
        server
            .post("api/v1/lookup", &json!({ "digests": digests }))
            .status(),
        200
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn bodies_beyond_the_limit_announced_or_not() {
    let server = TestServer::with("max_query_bytes = 100000\nmax_publish_bytes = 100000");
    let data = vec![b' '; 3_000_000];
    for path in ["api/v1/lookup", "api/v1/packages"] {
        let request = || server.request("POST", path).bearer_auth(&server.admin);
        let announced = request().body(data.clone()).send().unwrap();
        error(announced, 413, ErrorCode::TooLarge);
        let body = Body::new(std::io::Cursor::new(data.clone()));
        error(
            request().body(body).send().unwrap(),
            413,
            ErrorCode::TooLarge,
        );
    }
    let head =
        "POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n";
    let (status, _) = raw(&server, head.as_bytes());
    assert!((400..=413).contains(&status), "{status}");
    server.assert_alive();
}

#[test]
fn a_body_that_hardly_comes_is_given_up() {
    let server = TestServer::with("body_deadline_seconds = 1");
    for target in [
        "POST /api/v1/lookup",
        &format!("PUT /{}", pool_path(&digest("x"))),
    ] {
        let mut stream = TcpStream::connect(server.server.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "{target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n",
            server.admin
        );
        stream.write_all(head.as_bytes()).unwrap();
        let began = Instant::now();
        for _ in 0..30 {
            if stream.write_all(b" ").is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let (status, body) = read_answer(&mut stream);
        assert_eq!((status, code(&body)), (408, ErrorCode::Timeout));
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    let uploads = server.data.path().join("pool/tmp");
    assert_eq!(std::fs::read_dir(uploads).unwrap().count(), 0);
    server.assert_alive();
}

#[test]
fn many_stalled_bodies_do_not_stop_others() {
    let server = TestServer::with("body_deadline_seconds = 5");
    let head = b"POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    let stalled: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(server.server.address()).unwrap();
            stream.write_all(head).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    for _ in 0..20 {
        server.assert_alive();
        assert_eq!(server.get("api/v1/status").status(), 200);
    }
    assert!(began.elapsed() < Duration::from_secs(4));
    drop(stalled);
}

#[test]
fn wrong_methods_and_addresses() {
    let server = TestServer::start();
    for (method, path) in [
        ("GET", "api/v1/lookup"),
        ("PUT", "api/v1/packages"),
        ("POST", "api/v1/status"),
        ("POST", "config.json"),
        ("DELETE", "a/00/00/00/00"),
        ("POST", "sig/deb/a/a/a_1_all"),
        ("POST", "pool/sha256/00/00/00/00"),
        ("GET", "api/v1/projects/p"),
        ("BREW", "motd.txt"),
        ("OPTIONS", "api/v1/lookup"),
    ] {
        let answer = server.request(method, path).send().unwrap();
        assert!(answer.headers().contains_key("allow"), "{method} {path}");
        error(answer, 405, ErrorCode::MethodNotAllowed);
    }
    for path in [
        "api",
        "api/v1",
        "api/v2/lookup",
        "api/v1/lookup/",
        "pool/md5/x",
        "favicon.ico",
        ".git/config",
    ] {
        error(server.get(path), 404, ErrorCode::NotFound);
    }
}

#[test]
fn paths_that_lead_elsewhere() {
    let server = TestServer::start();
    std::fs::write(server.data.path().join("secret"), "x").unwrap();
    for path in [
        "/pool/sha256/../../tokens.json",
        "/pool/sha256/..%2f..%2ftokens.json",
        "/pool/sha256/%2e%2e/%2e%2e/tokens.json",
        "/pool/sha256/../../../../../../../etc/passwd",
        "/pool/sha256//etc/passwd",
        "/pool/sha256/%00/%00/%00/x",
        "/a/%zz/%/%",
        "/a/%ff%fe/x",
        "/sig/%ff",
        "/sig/deb/../../x",
        "/hashdb/a/../../tokens.json",
        "/%2e%2e/tokens.json",
        "/api/v1/projects/%ff",
        "/api/v1/packages?spec=%ff&limit=%zz",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            server.admin
        );
        let (status, body) = raw(&server, request.as_bytes());
        assert!(matches!(status, 400 | 404 | 405), "{path}: {status}");
        assert!(!body.is_empty(), "{path}");
        code(&body);
    }
    server.assert_alive();
}

#[test]
fn requests_that_are_no_http() {
    let server = TestServer::start();
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "a".repeat(200_000)
    );
    assert_eq!(raw(&server, huge.as_bytes()).0, 431);
    let many = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X: y\r\n".repeat(500)
    );
    assert_eq!(raw(&server, many.as_bytes()).0, 431);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let (status, _) = raw(&server, bytes);
        assert_eq!(status, 400, "{:?}", String::from_utf8_lossy(bytes));
    }
    server.assert_alive();
}

#[test]
fn encoded_bodies_are_refused() {
    let server = TestServer::start();
    let request = server
        .request("POST", "api/v1/lookup")
        .header("Content-Encoding", "identity")
        .header("Content-Encoding", "gzip");
    error(
        request.body("{}").send().unwrap(),
        400,
        ErrorCode::BadRequest,
    );
}
