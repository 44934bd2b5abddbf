//! A token that reads one project sees nothing of the others, whichever way it asks.

use hashget_api::{
    ErrorCode, ListResponse, LookupRequest, LookupResponse, PoolHaveResponse, RangeResponse,
    StatusResponse,
};
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageId;
use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::support::{TestServer, digest, error, ok, package, pool_path};

struct World {
    server: TestServer,
    token: String,
    mine: PackageId,
    other: PackageId,
}

impl World {
    /// A package each of the projects `mine` and `other`, whose files are in the pool, and a token.
    fn new(scope: &str) -> Self {
        let server = TestServer::with("open_reading = false\nfilter_interval_seconds = 1");
        let mine = server.publish("mine", &[package("mine")])[0];
        let other = server.publish("other", &[package("other")])[0];
        for name in ["mine", "other"] {
            let path = format!("{}?project={name}", pool_path(&digest(name)));
            let put = server.request("PUT", &path).bearer_auth(&server.admin);
            let put = put.body(name.to_owned()).send().unwrap();
            assert_eq!(put.status(), 201);
        }
        let token = server.token(scope.parse().unwrap());
        Self {
            server,
            token,
            mine,
            other,
        }
    }

    fn get(&self, path: &str) -> Response {
        let request = self.server.request("GET", path).bearer_auth(&self.token);
        request.send().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.server.request("POST", path).bearer_auth(&self.token);
        request.body(body.to_string()).send().unwrap()
    }

    fn page(&self, path: &str) -> (u16, String) {
        let request = self.server.request("GET", path);
        let answer = request.basic_auth("", Some(&self.token)).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    }
}

fn look_up() -> Value {
    json!({
        "digests": [digest("mine file"), digest("other file")],
        "signatures": ["deb:mine_1.0+b~1_amd64", "deb:other_1.0+b~1_amd64"],
    })
}

#[test]
fn look_ups_and_ranges_find_only_what_may_be_read() {
    for scope in ["read:mine", "publish:mine"] {
        let world = World::new(scope);
        let found: LookupResponse = ok(world.post("api/v1/lookup", &look_up()));
        assert_eq!(found.packages.len(), 1);
        assert_eq!(found.packages[0].id, world.mine);
        // Who publishes to it may not sign, and then nobody answers for it.
        let signed = usize::from(scope == "read:mine");
        assert_eq!((found.digests.len(), found.signatures.len()), (1, signed));
        let all: Vec<u32> = (0..256).collect();
        let question = json!({"bits": 8, "prefixes": all});
        let range: RangeResponse = ok(world.post("api/v1/range", &question));
        assert_eq!(range.packages.len(), 1);
        let others: Vec<Digest> = ["other", "other file", "other anchor"].map(digest).into();
        let told = |digest: &Digest| range.digests.iter().any(|(known, _)| known == digest);
        assert!(!others.iter().any(told) && told(&digest("mine file")));
        let compact = LookupRequest {
            digests: others,
            ..LookupRequest::default()
        };
        let request = world.server.request("POST", "api/v1/lookup");
        let answer = request
            .bearer_auth(&world.token)
            .header("Content-Type", hashget_api::DIGESTS_TYPE)
            .header("Accept", hashget_api::MATCHES_TYPE)
            .body(compact.digests_to_bytes());
        let bytes = answer.send().unwrap().bytes().unwrap();
        assert_eq!(LookupResponse::from_bytes(&bytes).unwrap().packages, []);
    }
}

#[test]
fn records_of_other_projects_are_not_there() {
    let world = World::new("read:mine");
    // Answers that were given to others are kept by the server.
    let admin = |path: &str| {
        let request = world.server.request("GET", path);
        request.bearer_auth(&world.server.admin).send().unwrap()
    };
    for (name, id, status) in [("mine", world.mine, 200), ("other", world.other, 404)] {
        let one = format!("api/v1/packages/{}", id.0);
        let own = format!("a/{}", digest(name).sharded_path());
        let anchor = format!(
            "hashdb/a/{}",
            digest(&format!("{name} anchor")).sharded_path()
        );
        let first = name.chars().next().unwrap();
        let signature = format!("sig/deb/{first}/{name}/{name}_1.0+b~1_amd64");
        for path in [one, own, anchor, signature] {
            assert_eq!(admin(&path).status(), 200, "{path}");
            assert_eq!(world.get(&path).status(), status, "{path}");
            assert_eq!(world.get(&path).status(), status, "{path}");
        }
    }
    let ids = json!({"ids": [world.mine, world.other]});
    let fetched = world.post("api/v1/packages/fetch", &ids).text().unwrap();
    assert_eq!(fetched.lines().count(), 1);
    assert!(
        fetched.contains("\"mine\"") && !fetched.contains("other"),
        "{fetched}"
    );
    error(world.get("api/v1/export"), 403, ErrorCode::Forbidden);
}

#[test]
fn lists_pages_and_counts_know_only_one_project() {
    let world = World::new("read:mine");
    let all: ListResponse = ok(world.get("api/v1/packages"));
    assert_eq!(all.packages.len(), 1);
    assert_eq!(all.packages[0].project.as_str(), "mine");
    let other: ListResponse = ok(world.get("api/v1/packages?project=other"));
    assert!(other.packages.is_empty() && other.next.is_none());
    let url: ListResponse = ok(world.get("api/v1/packages?spec=http://example.org/other"));
    assert!(url.packages.is_empty());
    let status: StatusResponse = ok(world.get("api/v1/status"));
    assert_eq!((status.packages, status.projects.len()), (1, 1));
    let other = world.other.0;
    for (path, status) in [
        (String::new(), 200),
        ("?q=other".to_owned(), 200),
        (format!("?q=sha256:{}", digest("other file")), 200),
        ("web/projects/mine".to_owned(), 200),
        ("web/projects/other".to_owned(), 404),
        (format!("web/packages/{other}"), 404),
        ("web/growth".to_owned(), 403),
        ("web/sources".to_owned(), 200),
    ] {
        let (found, text) = world.page(&path);
        assert_eq!(found, status, "{path}: {text}");
        assert!(!text.contains("example.org/other"), "{path}: {text}");
    }
    assert!(!world.page("").1.contains("web/projects/other"));
    error(world.get("metrics"), 403, ErrorCode::Forbidden);
}

#[test]
fn filters_are_for_those_who_may_read_all() {
    let world = World::new("read:mine");
    let manifest = || {
        let request = world.server.request("GET", "api/v1/filter");
        request.bearer_auth(&world.server.admin).send().unwrap()
    };
    let whole = loop {
        let answer = manifest();
        if answer.status() == 200 {
            break ok::<Value>(answer);
        }
        std::thread::yield_now();
    };
    let piece = whole["shards"][0]["sha256"].as_str().unwrap();
    for path in ["api/v1/filter".to_owned(), format!("api/v1/filter/{piece}")] {
        error(world.get(&path), 404, ErrorCode::NotFound);
    }
}

#[test]
fn files_of_other_projects_are_not_in_the_pool() {
    let world = World::new("read:mine");
    assert_eq!(
        world.get(&pool_path(&digest("mine"))).text().unwrap(),
        "mine"
    );
    error(
        world.get(&pool_path(&digest("other"))),
        404,
        ErrorCode::NotFound,
    );
    let question = json!({"digests": [digest("other"), digest("mine")]});
    let have: PoolHaveResponse = ok(world.post("api/v1/pool/have", &question));
    assert_eq!(have.files, [(1, 4)]);
    // To name a file in a record is not to have it.
    let publisher = world.server.token("publish:mine".parse().unwrap());
    let mut record = package("claim");
    record.hashes = vec![digest("other").into()];
    let body = json!({"project": "mine", "packages": [record]});
    let request = world.server.request("POST", "api/v1/packages");
    let answer = request
        .bearer_auth(&publisher)
        .body(body.to_string())
        .send();
    assert_eq!(answer.unwrap().status(), 200);
    error(
        world.get(&pool_path(&digest("other"))),
        404,
        ErrorCode::NotFound,
    );
}

#[test]
fn where_anybody_may_read_a_token_takes_nothing_away() {
    let server = TestServer::start();
    server.publish("other", &[package("other")]);
    let token = server.token("read:mine".parse().unwrap());
    let request = server.request("GET", "api/v1/packages").bearer_auth(token);
    let all: ListResponse = ok(request.send().unwrap());
    assert_eq!(all.packages.len(), 1);
}
