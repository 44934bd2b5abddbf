//! Look-ups that tell the server less: the filter and the ranges.

use hashget_api::{ErrorCode, FilterResponse, RangeResponse, SubmissionState, prefix_of, shard_of};
use hashget_words::digest::Digest;
use hashget_words::filter::Filter;
use serde_json::json;

use crate::support::{TestServer, digest, error, expiring, header, ok, package};

/// Asks until the filter is built, with everything in it.
fn manifest(server: &TestServer) -> FilterResponse {
    loop {
        let answer = server.get("api/v1/filter");
        if answer.status() == 200 {
            return ok(answer);
        }
        std::thread::yield_now();
    }
}

fn knows(server: &TestServer, manifest: &FilterResponse, wanted: &Digest) -> bool {
    let shard = &manifest.shards[shard_of(wanted, manifest.prefix_bits)];
    let pieces = std::iter::once(shard).chain(&manifest.recent);
    pieces.into_iter().any(|piece| {
        let answer = server.get(&format!("api/v1/filter/{}", piece.sha256));
        assert_eq!(answer.status(), 200);
        assert!(header(&answer, "cache-control").contains("immutable"));
        let bytes = answer.bytes().unwrap();
        assert_eq!(Digest::of(&bytes), piece.sha256);
        Filter::decode(&bytes).unwrap().contains(wanted)
    })
}

#[test]
fn the_filter_knows_at_once_what_is_published() {
    let server = TestServer::start();
    manifest(&server);
    for name in ["a", "b", "c"] {
        server.publish("p", &[package(name)]);
        let now = manifest(&server);
        assert!(now.complete);
        for what in [" file", " anchor", ""] {
            assert!(knows(&server, &now, &digest(&format!("{name}{what}"))));
        }
        assert!(!knows(&server, &now, &digest("nobody's")));
    }
}

#[test]
fn pieces_are_known_by_their_tag_and_gone_when_out_of_use() {
    let server = TestServer::start();
    let piece = manifest(&server).shards[0];
    let path = format!("api/v1/filter/{}", piece.sha256);
    let tag = format!("\"{}\"", piece.sha256);
    let again = server.request("GET", &path).header("If-None-Match", tag);
    assert_eq!(again.send().unwrap().status(), 304);
    let other = format!("api/v1/filter/{}", digest("other"));
    error(server.get(&other), 404, ErrorCode::NotFound);
    error(server.get("api/v1/filter/x"), 400, ErrorCode::BadRequest);
}

#[test]
fn a_server_may_offer_no_filter() {
    let server = TestServer::with("filter_interval_seconds = 0");
    error(server.get("api/v1/filter"), 404, ErrorCode::NotFound);
}

#[test]
fn a_range_names_all_that_begins_with_the_bits() {
    let server = TestServer::start();
    let packages: Vec<_> = (0..30).map(|n| package(&format!("p{n}"))).collect();
    server.publish("p", &packages);
    server.publish("p", &[expiring("old", "2030-01-01")]);
    let wanted = digest("p7 file");
    let prefix = prefix_of(&wanted, 8);
    let body = json!({"bits": 8, "prefixes": [prefix, prefix]});
    let answer = server.post("api/v1/range", &body);
    let text = answer.text().unwrap();
    assert_eq!(text.len() % 4096, 0);
    let told: RangeResponse = serde_json::from_str(&text).unwrap();
    let mut expected: Vec<Digest> = packages
        .iter()
        .flat_map(|package| package.files.iter().copied().chain(package.digest()))
        .filter(|digest| prefix_of(digest, 8) == prefix)
        .collect();
    expected.sort_unstable();
    let found: Vec<Digest> = told.digests.iter().map(|(digest, _)| *digest).collect();
    assert_eq!(found, expected);
    let (_, places) = &told.digests[found.binary_search(&wanted).unwrap()];
    let named = &told.packages[places[0] as usize];
    assert_eq!(named.url, "http://example.org/p7");
    let one: RangeResponse = ok(server.get(&format!("api/v1/range/8/{prefix}")));
    assert_eq!(one.digests, told.digests);
    // What has expired is not named.
    let old = prefix_of(&digest("old file"), 32);
    let none: RangeResponse = ok(server.get(&format!("api/v1/range/32/{old}")));
    assert_eq!(none.digests, []);
}

#[test]
fn bad_ranges_are_refused() {
    let server = TestServer::with("max_lookup_keys = 3");
    for path in ["7/1", "33/1", "8/256", "8/x", "x/1"] {
        let answer = server.get(&format!("api/v1/range/{path}"));
        error(answer, 400, ErrorCode::BadRequest);
    }
    let many = json!({"bits": 8, "prefixes": [1, 2, 3, 4]});
    error(server.post("api/v1/range", &many), 413, ErrorCode::TooLarge);
}

#[test]
fn states_are_written_in_small_letters() {
    let text = serde_json::to_string(&SubmissionState::Working).unwrap();
    assert_eq!(text, "\"working\"");
}
