//! Publish, look up, fetch, list, change, remove.

use hashget_api::{
    ChangeResponse, DIGESTS_TYPE, ErrorCode, FetchedPackage, ListResponse, LookupRequest,
    LookupResponse, MATCHES_TYPE, MAX_PACKAGES_PER_DIGEST, RemoveResponse, StatusResponse,
};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::{PackageId, PackageSummary};
use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::support::{TestServer, digest, error, expiring, header, ok, package};

fn lookup(server: &TestServer, body: &Value) -> LookupResponse {
    ok(server.post("api/v1/lookup", body))
}

fn fetch(server: &TestServer, ids: &[PackageId]) -> Vec<FetchedPackage> {
    let answer = server.post("api/v1/packages/fetch", &json!({ "ids": ids }));
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "application/x-ndjson");
    let text = answer.text().unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn urls(packages: &[FetchedPackage]) -> Vec<&str> {
    packages
        .iter()
        .map(|line| line.package.url.as_str())
        .collect()
}

#[test]
fn what_was_published_is_found_and_fetched() {
    let server = TestServer::start();
    let ids = server.publish("one", &[package("a"), package("b")]);
    let found = lookup(
        &server,
        &json!({
            "digests": [digest("b file"), digest("nowhere"), digest("a"), digest("b file")],
            "signatures": ["deb:b_1.0+b~1_amd64", "deb:c_1_all"],
        }),
    );
    let names: Vec<&str> = found.packages.iter().map(PackageSummary::name).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(found.digests, [(0, vec![0]), (2, vec![1]), (3, vec![0])]);
    assert_eq!(found.signatures, [(0, vec![0])]);
    let fetched = fetch(&server, &[ids[1], PackageId(999), ids[0]]);
    assert_eq!(fetched[0].package, package("b"));
    assert_eq!(fetched[1].package, package("a"));
    assert_eq!(fetched[0].project.as_str(), "one");
}

#[test]
fn the_compact_form_says_the_same_as_json() {
    let server = TestServer::start();
    let mut far = package("far");
    far.expires = "2031-06-01".parse().unwrap();
    server.publish(
        "one",
        &[package("a"), package("b"), far, expiring("c", "2030-07-01")],
    );
    let digests: Vec<Digest> = ["b file", "nowhere", "a", "c", "b file", "far", "c file"]
        .map(digest)
        .into();
    let question = LookupRequest {
        digests,
        ..LookupRequest::default()
    };
    for expires in [None, Some("2031-01-01")] {
        let plain = lookup(
            &server,
            &json!({"digests": question.digests, "expires": expires}),
        );
        let query = expires.map_or_else(String::new, |date| format!("?expires={date}"));
        let ask = || server.request("POST", &format!("api/v1/lookup{query}"));
        let bytes = |answer: Response| {
            assert_eq!(answer.status(), 200);
            assert_eq!(header(&answer, "content-type"), MATCHES_TYPE);
            LookupResponse::from_bytes(&answer.bytes().unwrap()).unwrap()
        };
        let both = ask()
            .header("Content-Type", DIGESTS_TYPE)
            .header("Accept", format!("text/html, {MATCHES_TYPE};q=0.9"))
            .body(question.digests_to_bytes());
        assert_eq!(bytes(both.send().unwrap()), plain);
        let compact_question = ask()
            .header("Content-Type", DIGESTS_TYPE)
            .body(question.digests_to_bytes());
        assert_eq!(
            ok::<LookupResponse>(compact_question.send().unwrap()),
            plain
        );
        let compact_answer = server
            .request("POST", "api/v1/lookup")
            .header("Accept", MATCHES_TYPE)
            .body(json!({"digests": question.digests, "expires": expires}).to_string());
        assert_eq!(bytes(compact_answer.send().unwrap()), plain);
    }
    let wrong = |query: &str, body: Vec<u8>| {
        let ask = server.request("POST", &format!("api/v1/lookup{query}"));
        let ask = ask.header("Content-Type", DIGESTS_TYPE).body(body);
        error(ask.send().unwrap(), 400, ErrorCode::BadRequest);
    };
    wrong("", vec![0; 33]);
    wrong("?expires=soon", vec![0; 32]);
    let many = server.request("POST", "api/v1/lookup");
    let many = many
        .header("Content-Type", DIGESTS_TYPE)
        .body(vec![0; 32 * 50_001]);
    error(many.send().unwrap(), 413, ErrorCode::TooLarge);
    let status: StatusResponse = ok(server.get("api/v1/status"));
    assert!(status.compact_lookup);
}

#[test]
fn expired_records_are_never_answered() {
    let server = TestServer::start();
    let packages = [
        package("for-ever"),
        expiring("late", "2030-06-16"),
        expiring("gone", "2030-06-15"),
    ];
    let ids = server.publish("p", &packages);
    let all = json!({"digests": [digest("for-ever"), digest("late"), digest("gone")]});
    assert_eq!(lookup(&server, &all).digests.len(), 2);
    assert_eq!(urls(&fetch(&server, &ids)).len(), 2);
    let page: ListResponse = ok(server.get("api/v1/packages"));
    assert_eq!(page.packages.len(), 2);
    let page: ListResponse = ok(server.get("api/v1/packages?spec=expired"));
    assert_eq!(page.packages[0].name(), "gone");
    *server.today.lock().unwrap() = "2030-06-16".parse().unwrap();
    assert_eq!(lookup(&server, &all).digests.len(), 1);
}

#[test]
fn a_look_up_may_ask_for_a_long_life() {
    let server = TestServer::start();
    server.publish("p", &[package("x"), expiring("y", "2031-01-01")]);
    let ask = |expires: &str| {
        let body = json!({"digests": [digest("x"), digest("y")], "expires": expires});
        lookup(&server, &body).packages.len()
    };
    assert_eq!(ask("2031-01-01"), 2);
    assert_eq!(ask("2031-01-02"), 1);
}

#[test]
fn a_digest_in_very_many_packages_names_the_best() {
    let server = TestServer::start();
    let common = |number: usize| {
        let mut package = package(&format!("p{number:03}"));
        package.files.push(digest("common"));
        package.attrs.size = Some(1000 - number as u64);
        package
    };
    let packages: Vec<HashPackage> = (0..100).map(common).collect();
    server.publish("p", &packages);
    let found = lookup(&server, &json!({"digests": [digest("common")]}));
    assert_eq!(found.packages.len(), MAX_PACKAGES_PER_DIGEST);
    assert_eq!(found.packages[0].name(), "p099");
    assert_eq!(found.packages[63].name(), "p036");
}

#[test]
fn a_long_fetch_comes_in_order_and_compressed() {
    let server = TestServer::start();
    let big = |number: u32| HashPackage {
        files: (0..500)
            .map(|file| digest(&format!("{number} {file}")))
            .collect(),
        ..package(&format!("p{number}"))
    };
    let packages: Vec<HashPackage> = (0..40).map(big).collect();
    let ids = server.publish("p", &packages);
    assert_eq!(fetch(&server, &ids).len(), 40);
    let body = json!({ "ids": ids }).to_string();
    let request = server.request("POST", "api/v1/packages/fetch");
    let answer = request
        .header("Accept-Encoding", "gzip, zstd;q=0.5")
        .body(body)
        .send()
        .unwrap();
    assert_eq!(header(&answer, "content-encoding"), "zstd");
    let text = zstd::decode_all(&answer.bytes().unwrap()[..]).unwrap();
    let lines: Vec<FetchedPackage> = serde_json::Deserializer::from_slice(&text)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(lines.iter().map(|line| &line.package).eq(&packages));
}

#[test]
fn listings_come_in_pages() {
    let server = TestServer::start();
    let packages: Vec<HashPackage> = (0..5).map(|n| package(&format!("p{n}"))).collect();
    server.publish("one", &packages[..3]);
    server.publish("two", &packages[3..]);
    let mut names = Vec::new();
    let mut path = "api/v1/packages?limit=2".to_owned();
    loop {
        let page: ListResponse = ok(server.get(&path));
        assert!(page.packages.len() <= 2);
        names.extend(
            page.packages
                .iter()
                .map(|package| package.name().to_owned()),
        );
        let Some(next) = page.next else { break };
        path = format!("api/v1/packages?limit=2&after={}", next.0);
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4"]);
    let page: ListResponse = ok(server.get("api/v1/packages?project=two&spec=name:p3"));
    assert_eq!(page.packages.len(), 1);
    for wrong in [
        "limit=0",
        "limit=1001",
        "after=x",
        "spec=sig:deb",
        "project=a/b",
    ] {
        let answer = server.get(&format!("api/v1/packages?{wrong}"));
        error(answer, 400, ErrorCode::BadRequest);
    }
}

#[test]
fn records_are_changed_and_removed() {
    let server = TestServer::start();
    let ids = server.publish("p", &[package("a"), package("b")]);
    let change = json!({"spec": "name:a", "set": {"expires": "2031-01-01", "note": "x"}});
    let answer: ChangeResponse = ok(server.as_admin("PATCH", "api/v1/packages", &change));
    assert_eq!(answer.changed_packages, 1);
    let changed = &fetch(&server, &ids)[0].package;
    assert_eq!(changed.expires.to_string(), "2031-01-01");
    assert_eq!(changed.attrs.other["note"], "x");
    let wrong = json!({"spec": "all", "set": {"size": "big"}});
    let answer = server.as_admin("PATCH", "api/v1/packages", &wrong);
    error(answer, 400, ErrorCode::BadRequest);
    let answer: RemoveResponse =
        ok(server.as_admin("DELETE", "api/v1/packages?spec=name:a", &Value::Null));
    assert_eq!(answer.removed_packages, 1);
    assert_eq!(urls(&fetch(&server, &ids)), ["http://example.org/b"]);
    let answer = server.as_admin("DELETE", "api/v1/packages", &Value::Null);
    error(answer, 400, ErrorCode::BadRequest);
    let answer = server.as_admin("DELETE", "api/v1/packages?spec=all&projetc=p", &Value::Null);
    error(answer, 400, ErrorCode::BadRequest);
}

#[test]
fn projects_are_made_and_removed() {
    let server = TestServer::start();
    let put = |name: &str| server.as_admin("PUT", &format!("api/v1/projects/{name}"), &Value::Null);
    assert_eq!(put("empty").status(), 201);
    assert_eq!(put("empty").status(), 200);
    error(put(".hidden"), 400, ErrorCode::BadRequest);
    server.publish("full", &[package("a")]);
    let status: StatusResponse = ok(server.get("api/v1/status"));
    let projects: Vec<(&str, u64)> = status
        .projects
        .iter()
        .map(|p| (p.name.as_str(), p.packages))
        .collect();
    assert_eq!(projects, [("empty", 0), ("full", 1)]);
    assert_eq!((status.packages, status.digests), (1, 3));
    let delete =
        |name: &str| server.as_admin("DELETE", &format!("api/v1/projects/{name}"), &Value::Null);
    assert_eq!(delete("full").status(), 200);
    error(delete("full"), 404, ErrorCode::NotFound);
    assert_eq!(
        ok::<StatusResponse>(server.get("api/v1/status")).packages,
        0
    );
}

#[test]
fn a_batch_with_one_wrong_record_is_refused_whole() {
    let server = TestServer::start();
    let no_url = HashPackage {
        url: String::new(),
        ..package("x")
    };
    let control = HashPackage {
        url: "a\nb".to_owned(),
        ..package("x")
    };
    let long = HashPackage {
        url: "x".repeat(9000),
        ..package("x")
    };
    let mut signature = package("x");
    signature
        .signatures
        .insert("a:b".to_owned(), "x".to_owned());
    for wrong in [no_url, control, long, signature, package("good")] {
        let body = json!({"project": "p", "packages": [package("good"), wrong]});
        let message = error(
            server.post("api/v1/packages", &body),
            400,
            ErrorCode::BadRequest,
        );
        assert!(message.starts_with("packages[1]"), "{message}");
    }
    assert_eq!(
        ok::<StatusResponse>(server.get("api/v1/status")).packages,
        0
    );
    let body = json!({"project": "p/q", "packages": []});
    error(
        server.post("api/v1/packages", &body),
        400,
        ErrorCode::BadRequest,
    );
}

#[test]
fn a_package_tells_its_files() {
    let server = TestServer::start();
    let ids = server.publish("p", &[package("a"), expiring("old", "2030-01-01")]);
    let told: FetchedPackage = ok(server.get(&format!("api/v1/packages/{}", ids[0].0)));
    assert_eq!((told.id, told.package), (ids[0], package("a")));
    for gone in [ids[1].0, 999] {
        let answer = server.get(&format!("api/v1/packages/{gone}"));
        error(answer, 404, ErrorCode::NotFound);
    }
}

#[test]
fn a_password_in_a_url_is_never_published() {
    let server = TestServer::start();
    let secret = "http://user:s3cret@example.org/p.tar.gz";
    let by_url = HashPackage {
        url: secret.to_owned(),
        ..package("a")
    };
    let mut by_signature = package("b");
    by_signature
        .signatures
        .insert("url".to_owned(), secret.to_owned());
    for wrong in [by_url, by_signature] {
        let body = json!({"project": "one", "packages": [wrong]});
        let said = error(
            server.post("api/v1/packages", &body),
            400,
            ErrorCode::BadRequest,
        );
        assert!(!format!("{said:?}").contains("s3cret"), "{said:?}");
    }
    let status: StatusResponse = ok(server.get("api/v1/status"));
    assert_eq!(status.packages, 0);
}
