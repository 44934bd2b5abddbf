//! Which scope may do what.

use hashget_api::ErrorCode;
use hashget_server::auth::{Scope, TokenFile};
use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::support::{TestServer, digest, error, header, ok, package, pool_path};

/// What a request needs.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    Nothing,
    Read,
    ReadAll,
    PublishToP,
    PublishAny,
    Admin,
}

fn every_request() -> Vec<(&'static str, String, Value, Need)> {
    let a = digest("a").sharded_path();
    let publish = json!({"project": "p", "packages": [package("a")]});
    let change = json!({"spec": "name:none", "set": {}});
    let empty = json!({});
    vec![
        ("GET", "config.json".to_owned(), Value::Null, Need::Nothing),
        ("GET", "motd.txt".to_owned(), Value::Null, Need::Nothing),
        ("GET", format!("a/{a}"), Value::Null, Need::Read),
        (
            "GET",
            "sig/deb/a/a/a_1_all".to_owned(),
            Value::Null,
            Need::Read,
        ),
        ("GET", format!("pool/sha256/{a}"), Value::Null, Need::Read),
        ("POST", "api/v1/lookup".to_owned(), empty, Need::Read),
        (
            "POST",
            "api/v1/packages/fetch".to_owned(),
            json!({"ids": []}),
            Need::Read,
        ),
        (
            "POST",
            "api/v1/pool/have".to_owned(),
            json!({"digests": []}),
            Need::Read,
        ),
        ("GET", "api/v1/packages".to_owned(), Value::Null, Need::Read),
        ("GET", "api/v1/status".to_owned(), Value::Null, Need::Read),
        ("GET", "metrics".to_owned(), Value::Null, Need::ReadAll),
        ("GET", "healthz".to_owned(), Value::Null, Need::Nothing),
        ("GET", "readyz".to_owned(), Value::Null, Need::Nothing),
        ("GET", "api/v1/export".to_owned(), Value::Null, Need::Admin),
        (
            "POST",
            "api/v1/packages".to_owned(),
            publish,
            Need::PublishToP,
        ),
        (
            "PUT",
            pool_path(&digest("null")),
            Value::Null,
            Need::PublishAny,
        ),
        ("PATCH", "api/v1/packages".to_owned(), change, Need::Admin),
        (
            "DELETE",
            "api/v1/packages?spec=name:none".to_owned(),
            Value::Null,
            Need::Admin,
        ),
        (
            "DELETE",
            "api/v1/packages?spec=name:none&project=p".to_owned(),
            Value::Null,
            Need::PublishToP,
        ),
        (
            "DELETE",
            pool_path(&digest("nowhere")),
            Value::Null,
            Need::Admin,
        ),
        (
            "PUT",
            "api/v1/projects/p".to_owned(),
            Value::Null,
            Need::Admin,
        ),
        (
            "DELETE",
            "api/v1/projects/none".to_owned(),
            Value::Null,
            Need::Admin,
        ),
    ]
}

fn may(scope: &Scope, need: Need) -> bool {
    match need {
        Need::Nothing | Need::Read => true,
        Need::ReadAll => scope.read_project().is_none(),
        Need::PublishToP => scope.may_publish_to(&"p".parse().unwrap()),
        Need::PublishAny => scope.may_publish(),
        Need::Admin => *scope == Scope::Admin,
    }
}

fn send(
    server: &TestServer,
    method: &str,
    path: &str,
    body: &Value,
    token: Option<&str>,
) -> Response {
    let mut request = server.request(method, path).body(body.to_string());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().unwrap()
}

fn is_allowed(answer: &Response) -> bool {
    !matches!(answer.status().as_u16(), 401 | 403)
}

#[test]
fn every_scope_against_every_request() {
    let server = TestServer::with("open_reading = false");
    for scope in [
        "read",
        "read:p",
        "publish:p",
        "publish:q",
        "publish:*",
        "admin",
    ] {
        let scope: Scope = scope.parse().unwrap();
        let token = server.token(scope.clone());
        for (method, path, body, need) in every_request() {
            let answer = send(&server, method, &path, &body, Some(&token));
            assert_eq!(
                is_allowed(&answer),
                may(&scope, need),
                "{scope} {method} {path}"
            );
            if !is_allowed(&answer) {
                error(answer, 403, ErrorCode::Forbidden);
            }
        }
    }
}

#[test]
fn without_a_token_only_what_is_open() {
    for open in [true, false] {
        let server = TestServer::with(&format!("open_reading = {open}"));
        for (method, path, body, need) in every_request() {
            let answer = send(&server, method, &path, &body, None);
            let allowed =
                need == Need::Nothing || (open && matches!(need, Need::Read | Need::ReadAll));
            assert_eq!(is_allowed(&answer), allowed, "{method} {path}");
            if !allowed {
                assert_eq!(header(&answer, "www-authenticate"), "Bearer");
                error(answer, 401, ErrorCode::Unauthorized);
            }
        }
    }
}

/// No address is forgotten: what the description lists is asked without a token, with one that only
/// reads, and with one that may do all.
#[test]
fn every_described_address_wants_what_it_says() {
    let server = TestServer::with("open_reading = false");
    let [reader, admin] = [Scope::Read, Scope::Admin].map(|scope| server.token(scope));
    let document: Value = ok(server.get("openapi.json"));
    let mut closed = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        // Something that can be read, wherever it is meant to be.
        let path = path
            .replace("{bits}", "8")
            .replace("{prefix}", "1")
            .replace("{id}", "1")
            .replace("{a}/{b}/{c}/{rest}", &digest("x").sharded_path())
            .replace("{sha256}", &digest("x").to_string())
            .replace("{name}", "n")
            .replace("{signature}", "n_1_all");
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("responses").is_none() {
                continue;
            }
            let method = method.to_uppercase();
            let scope = operation.get("x-scope").and_then(Value::as_str);
            let query = if path.ends_with("v1/packages") && method == "DELETE" {
                "?spec=name:none"
            } else {
                ""
            };
            let path = format!("{}{query}", &path[1..]);
            let status = |token: Option<&str>| {
                let answer = send(&server, &method, &path, &json!({}), token);
                answer.status().as_u16()
            };
            let place = format!("{method} {path}");
            let without = if scope.is_some() { 401 } else { 200 };
            assert_eq!(status(None), without, "{place}");
            assert!(!matches!(status(Some(&admin)), 401 | 403), "{place}");
            let may_read = matches!(scope, None | Some("read"));
            assert_eq!(status(Some(&reader)) != 403, may_read, "{place}");
            closed += usize::from(scope.is_some());
        }
    }
    assert!(closed > 40, "{closed}");
}

#[test]
fn a_wrong_token_learns_nothing() {
    let server = TestServer::start();
    server.publish("p", &[package("a")]);
    server.put(&digest("a"), b"a");
    let ask = |method: &str, path: &str| {
        let answer = send(&server, method, path, &Value::Null, Some("hgt_wrong"));
        error(answer, 401, ErrorCode::Unauthorized)
    };
    for (method, there, missing) in [
        (
            "GET",
            format!("a/{}", digest("a").sharded_path()),
            format!("a/{}", digest("b").sharded_path()),
        ),
        ("GET", pool_path(&digest("a")), pool_path(&digest("b"))),
        (
            "PUT",
            pool_path(&digest("a")),
            "pool/sha256/nonsense".to_owned(),
        ),
        (
            "DELETE",
            "api/v1/projects/p".to_owned(),
            "api/v1/projects/q".to_owned(),
        ),
        (
            "DELETE",
            "api/v1/packages?spec=all".to_owned(),
            "api/v1/packages?spec=name:q".to_owned(),
        ),
        (
            "GET",
            "api/v1/packages".to_owned(),
            "api/v1/packages?limit=0".to_owned(),
        ),
    ] {
        assert_eq!(
            ask(method, &there),
            ask(method, &missing),
            "{method} {there}"
        );
    }
}

#[test]
fn a_revoked_token_is_refused_at_once() {
    let server = TestServer::start();
    let token = server.token(Scope::PublishAll);
    let body = json!({"project": "p", "packages": []});
    let publish = || send(&server, "POST", "api/v1/packages", &body, Some(&token));
    assert_eq!(publish().status(), 200);
    let file = TokenFile::new(server.data.path().join("tokens.json"));
    let id = file.tokens().unwrap().last().unwrap().id.clone();
    file.revoke(&id).unwrap();
    error(publish(), 401, ErrorCode::Unauthorized);
}

#[test]
fn malformed_authorization_is_explained() {
    let server = TestServer::start();
    for value in ["", "Bearer", "Basic dXNlcjpwYXNz", "hgt_x", "Bearer  "] {
        let request = server
            .request("GET", "api/v1/status")
            .header("Authorization", value);
        error(request.send().unwrap(), 401, ErrorCode::Unauthorized);
    }
}

#[test]
fn a_damaged_token_file_lets_nobody_in_and_reading_goes_on() {
    let server = TestServer::start();
    std::fs::write(server.data.path().join("tokens.json"), "{}").unwrap();
    let answer = server.post("api/v1/packages", &json!({"project": "p", "packages": []}));
    error(answer, 503, ErrorCode::Unavailable);
    assert_eq!(server.get("api/v1/status").status(), 200);
}
