//! Files of the pool belong to the projects that put them.

use hashget_api::{ErrorCode, PoolHaveResponse};
use reqwest::blocking::Response;
use serde_json::json;

use crate::support::{TestServer, digest, error, ok, package, pool_path};

fn put(server: &TestServer, token: &str, name: &str, query: &str) -> Response {
    let path = format!("{}{query}", pool_path(&digest(name)));
    let request = server.request("PUT", &path).bearer_auth(token);
    request.body(name.to_owned()).send().unwrap()
}

fn remove(server: &TestServer, token: &str, name: &str, project: &str) -> Response {
    let path = format!("{}?project={project}", pool_path(&digest(name)));
    let request = server.request("DELETE", &path).bearer_auth(token);
    request.send().unwrap()
}

fn is_there(server: &TestServer, name: &str) -> bool {
    server.get(&pool_path(&digest(name))).status() == 200
}

/// A record of somebody else that named a file kept its owner from removing it, and let others do it.
#[test]
fn records_that_name_the_file_of_another_change_nothing() {
    let server = TestServer::start();
    let (a, b) = (
        server.token("publish:a".parse().unwrap()),
        server.token("publish:b".parse().unwrap()),
    );
    assert_eq!(put(&server, &a, "file", "").status(), 201);
    let mut record = package("liar");
    record.hashes = vec![digest("file").into()];
    server.publish("b", &[record]);
    error(remove(&server, &b, "file", "b"), 403, ErrorCode::Forbidden);
    assert!(is_there(&server, "file"));
    assert_eq!(remove(&server, &a, "file", "a").status(), 204);
    assert!(!is_there(&server, "file"));
    error(remove(&server, &a, "file", "a"), 404, ErrorCode::NotFound);
}

#[test]
fn a_file_that_two_put_stays_until_both_let_it_go() {
    let server = TestServer::start();
    let (a, b) = (
        server.token("publish:a".parse().unwrap()),
        server.token("publish:b".parse().unwrap()),
    );
    assert_eq!(put(&server, &a, "file", "").status(), 201);
    // What one has put, another is not said to have.
    let have = |project: &str| {
        let body = json!({"digests": [digest("file")], "project": project});
        let have: PoolHaveResponse = ok(server.post("api/v1/pool/have", &body));
        have.files.len()
    };
    assert_eq!((have("a"), have("b")), (1, 0));
    assert_eq!(put(&server, &b, "file", "?project=b").status(), 200);
    assert_eq!((have("a"), have("b")), (1, 1));
    let server = server.restarted();
    assert_eq!(remove(&server, &a, "file", "a").status(), 204);
    assert!(is_there(&server, "file"));
    error(remove(&server, &a, "file", "a"), 403, ErrorCode::Forbidden);
    assert_eq!(remove(&server, &b, "file", "b").status(), 204);
    assert!(!is_there(&server, "file"));
}

#[test]
fn a_file_is_put_for_a_project_of_the_token() {
    let server = TestServer::start();
    let a = server.token("publish:a".parse().unwrap());
    let foreign = put(&server, &a, "file", "?project=b");
    error(foreign, 403, ErrorCode::Forbidden);
    let all = server.token("publish:*".parse().unwrap());
    assert_eq!(put(&server, &all, "file", "?project=b").status(), 201);
    let b = server.token("publish:b".parse().unwrap());
    assert_eq!(remove(&server, &b, "file", "b").status(), 204);
    // An administrator removes it for all.
    assert_eq!(put(&server, &a, "file", "").status(), 201);
    let request = server.request("DELETE", &pool_path(&digest("file")));
    let removed = request.bearer_auth(&server.admin).send().unwrap();
    assert_eq!(removed.status(), 204);
}

#[test]
fn a_project_and_a_token_have_quotas() {
    let server = TestServer::with("max_pool_bytes_per_project = 10\nmax_pool_bytes_per_token = 15");
    let a = server.token("publish:a".parse().unwrap());
    assert_eq!(put(&server, &a, "12345678", "").status(), 201);
    let message = error(put(&server, &a, "123", ""), 413, ErrorCode::TooLarge);
    assert!(message.contains("max_pool_bytes_per_project"), "{message}");
    assert!(!is_there(&server, "123"));
    // Without an announced size it is found out at the end.
    let path = pool_path(&digest("abc"));
    let body = reqwest::blocking::Body::new(std::io::Cursor::new("abc"));
    let request = server.request("PUT", &path).bearer_auth(&a).body(body);
    error(request.send().unwrap(), 413, ErrorCode::TooLarge);
    assert!(!is_there(&server, "abc"));
    // Others have theirs.
    let b = server.token("publish:b".parse().unwrap());
    assert_eq!(put(&server, &b, "123", "").status(), 201);
    assert_eq!(remove(&server, &a, "12345678", "a").status(), 204);
    assert_eq!(put(&server, &a, "abc", "").status(), 201);
    let all = server.token("publish:*".parse().unwrap());
    assert_eq!(put(&server, &all, "12345678", "?project=c").status(), 201);
    let message = error(
        put(&server, &all, "87654321", "?project=d"),
        413,
        ErrorCode::TooLarge,
    );
    assert!(message.contains("max_pool_bytes_per_token"), "{message}");
}
