//! Files in and out of the pool.

use std::fs;

use hashget_api::{ErrorCode, PoolHaveResponse};
use hashget_words::hash_package::HashPackage;
use reqwest::blocking::Body;
use serde_json::json;

use crate::support::{TestServer, digest, error, header, ok, pool_path};

fn temp_files(server: &TestServer) -> usize {
    fs::read_dir(server.data.path().join("pool/tmp"))
        .unwrap()
        .count()
}

#[test]
fn a_file_comes_back_as_it_went_in() {
    let server = TestServer::start();
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = hashget_words::digest::Digest::of(&data);
    error(server.get(&pool_path(&digest)), 404, ErrorCode::NotFound);
    assert_eq!(server.put(&digest, &data).status(), 201);
    assert_eq!(server.put(&digest, &data).status(), 200);
    let answer = server.get(&pool_path(&digest));
    assert_eq!(header(&answer, "etag"), format!("\"{digest}\""));
    assert_eq!(
        header(&answer, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(header(&answer, "content-type"), "application/octet-stream");
    assert!(answer.bytes().unwrap() == data);
    let head = server.request("HEAD", &pool_path(&digest)).send().unwrap();
    assert_eq!(header(&head, "content-length"), "3000000");
    assert_eq!(temp_files(&server), 0);
}

#[test]
fn nothing_is_kept_of_a_body_with_another_hash() {
    let server = TestServer::start();
    let right = digest("right");
    error(server.put(&right, b"wrong"), 422, ErrorCode::HashMismatch);
    error(server.get(&pool_path(&right)), 404, ErrorCode::NotFound);
    assert_eq!(server.put(&right, b"right").status(), 201);
    error(server.put(&right, b"wrong"), 422, ErrorCode::HashMismatch);
    error(
        server.put(&right, b"longer than it"),
        422,
        ErrorCode::HashMismatch,
    );
    assert_eq!(server.get(&pool_path(&right)).text().unwrap(), "right");
    assert_eq!(temp_files(&server), 0);
}

#[test]
fn a_file_cut_short_on_disk_is_replaced() {
    let server = TestServer::start();
    let right = digest("right");
    server.put(&right, b"right");
    let path = server.data.path().join(pool_path(&right));
    fs::write(&path, "ri").unwrap();
    assert_eq!(server.put(&right, b"right").status(), 200);
    assert_eq!(fs::read(&path).unwrap(), b"right");
}

#[test]
fn parts_are_served() {
    let server = TestServer::start();
    let name = digest("0123456789");
    server.put(&name, b"0123456789");
    let get = |headers: &[(&str, &str)]| {
        let mut request = server.request("GET", &pool_path(&name));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().unwrap();
        let status = answer.status().as_u16();
        (
            status,
            header(&answer, "content-range"),
            answer.text().unwrap(),
        )
    };
    let part = |range: &str| get(&[("Range", range)]);
    assert_eq!(
        part("bytes=2-4"),
        (206, "bytes 2-4/10".to_owned(), "234".to_owned())
    );
    assert_eq!(
        part("bytes=8-99"),
        (206, "bytes 8-9/10".to_owned(), "89".to_owned())
    );
    assert_eq!(
        part("bytes=-2"),
        (206, "bytes 8-9/10".to_owned(), "89".to_owned())
    );
    let unsatisfiable = part("bytes=10-");
    assert_eq!(
        (unsatisfiable.0, unsatisfiable.1.as_str()),
        (416, "bytes */10")
    );
    let many = format!("bytes={}", vec!["0-0"; 2000].join(","));
    for whole in [
        "bytes=4-2",
        "bytes=0-1,3-4",
        "lines=1",
        "bytes=-",
        many.as_str(),
    ] {
        assert_eq!(part(whole), (200, String::new(), "0123456789".to_owned()));
    }
    let tag = format!("\"{name}\"");
    assert_eq!(get(&[("Range", "bytes=0-0"), ("If-Range", &tag)]).0, 206);
    assert_eq!(get(&[("Range", "bytes=0-0"), ("If-Range", "\"x\"")]).0, 200);
    assert_eq!(
        get(&[("Range", "bytes=0-0"), ("If-None-Match", &tag)]).0,
        304
    );
}

#[test]
fn the_empty_file_is_a_file() {
    let server = TestServer::start();
    let empty = digest("");
    assert_eq!(server.put(&empty, b"").status(), 201);
    assert_eq!(server.get(&pool_path(&empty)).bytes().unwrap().len(), 0);
    let have: PoolHaveResponse = ok(server.post(
        "api/v1/pool/have",
        &json!({"digests": [digest("missing"), empty]}),
    ));
    assert_eq!(have.files, [(1, 0)]);
}

#[test]
fn files_beyond_the_limit_are_refused_announced_or_not() {
    let server = TestServer::with("max_pool_file_bytes = 1000000");
    let data = vec![0; 1_000_001];
    let name = hashget_words::digest::Digest::of(&data);
    error(server.put(&name, &data), 413, ErrorCode::TooLarge);
    let request = server
        .request("PUT", &pool_path(&name))
        .bearer_auth(&server.admin);
    let unannounced = request
        .body(Body::new(std::io::Cursor::new(data)))
        .send()
        .unwrap();
    error(unannounced, 413, ErrorCode::TooLarge);
    assert_eq!(temp_files(&server), 0);
    server.assert_alive();
}

#[test]
fn two_uploads_of_one_file_both_succeed() {
    let server = TestServer::start();
    let data = vec![7; 2_000_000];
    let name = hashget_words::digest::Digest::of(&data);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(server.put(&name, &data).status().is_success()));
        }
    });
    assert!(server.get(&pool_path(&name)).bytes().unwrap() == data);
}

#[test]
fn a_publisher_removes_what_only_its_project_has() {
    let server = TestServer::start();
    let token = server.token("publish:p".parse().unwrap());
    let remove = |name: &str, project: &str| {
        let path = format!("{}?project={project}", pool_path(&digest(name)));
        let request = server.request("DELETE", &path).bearer_auth(&token);
        request.send().unwrap()
    };
    for name in ["mine", "shared", "inside", "unknown"] {
        assert_eq!(server.put(&digest(name), name.as_bytes()).status(), 201);
    }
    let record = |url: &str, hash: &str, file: &str| HashPackage {
        url: url.to_owned(),
        hashes: vec![digest(hash).into()],
        files: vec![digest(file)],
        ..HashPackage::default()
    };
    server.publish(
        "p",
        &[
            record("mine", "mine", "a"),
            record("shared", "shared", "b"),
            record("holder", "holder", "inside"),
        ],
    );
    server.publish("q", &[record("other", "other", "shared")]);
    assert_eq!(remove("mine", "p").status(), 204);
    error(remove("mine", "p"), 404, ErrorCode::NotFound);
    error(
        server.get(&pool_path(&digest("mine"))),
        404,
        ErrorCode::NotFound,
    );
    for (name, project) in [
        ("shared", "p"),
        ("inside", "p"),
        ("unknown", "p"),
        ("mine", "q"),
    ] {
        error(remove(name, project), 403, ErrorCode::Forbidden);
    }
    assert_eq!(
        server.get(&pool_path(&digest("shared"))).text().unwrap(),
        "shared"
    );
}
