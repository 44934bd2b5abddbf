//! What a hashserver gets to know of the digests that it does not have, in each way of looking up.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;
use std::path::Path;

use hashget_api::{LookupRequest, PublishRequest};
use hashget_server::auth::{Scope, TokenFile};
use hashget_server::settings::{Settings, SettingsLayer};
use hashget_server::startup::Server;
use hashget_sources::hash_server::{HashServer, LookupMode};
use hashget_sources::http::{Http, HttpOptions};
use hashget_tests::fault_server::{FaultServer, Reply, Request};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use reqwest::Method;
use reqwest::blocking::Client;

/// Digests that the server has, and as many that it has not.
const KNOWN: usize = 2000;

fn digests(kind: &str) -> Vec<Digest> {
    let digest = |n| Digest::of(format!("{kind} {n}").as_bytes());
    (0..KNOWN).map(digest).collect()
}

fn client(url: &str, token: Option<String>) -> HashServer {
    let options = HttpOptions {
        retries: 0,
        ..HttpOptions::default()
    };
    HashServer::new(url, token, Http::new(options).unwrap()).unwrap()
}

/// A server that has the known digests, and a filter of them.
fn server(data: &Path) -> Server {
    let layer = SettingsLayer {
        listen: Some("127.0.0.1:0".to_owned()),
        data: Some(data.to_owned()),
        workers: Some(1),
        ..SettingsLayer::default()
    };
    std::fs::create_dir(data).unwrap();
    let settings = Settings::from_layer(layer).unwrap();
    let tokens = TokenFile::new(settings.tokens_path());
    let token = tokens.add(vec![Scope::Admin], None, String::new()).unwrap();
    let server = Server::start(settings).unwrap();
    let package = HashPackage {
        url: "http://example.org/package.tar".to_owned(),
        files: digests("public"),
        ..HashPackage::default()
    };
    let request = PublishRequest {
        project: "p".parse().unwrap(),
        packages: vec![package],
    };
    client(&server.url(), Some(token.secret))
        .publish(&request)
        .unwrap();
    let filter = format!("{}api/v1/filter", server.url());
    while reqwest::blocking::get(&filter).unwrap().status() != 200 {
        std::thread::yield_now();
    }
    server
}

/// Hands requests on, and keeps them.
fn listener(server: &Server) -> FaultServer {
    let (client, url) = (Client::new(), server.url());
    FaultServer::start(move |request| {
        let method = Method::from_bytes(request.method.as_bytes()).unwrap();
        let mut asked = client.request(method, format!("{url}{}", &request.path[1..]));
        for name in ["content-type", "accept"] {
            if let Some(value) = request.header(name) {
                asked = asked.header(name, value);
            }
        }
        let answer = asked.body(request.body.clone()).send().unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        let reply = Reply::new(status, answer.bytes().unwrap());
        match kind {
            Some(kind) => reply.with("Content-Type", kind.to_str().unwrap()),
            None => reply,
        }
    })
}

/// How many of these digests are in the requests: one behind the other as bytes, or as text.
fn told(requests: &[Request], digests: &[Digest]) -> usize {
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    for request in requests {
        for part in [request.path.as_bytes(), &request.body] {
            seen.extend(part.chunks(Digest::BYTES).map(<[u8]>::to_vec));
            let words = part.split(|byte| !byte.is_ascii_hexdigit());
            seen.extend(words.map(<[u8]>::to_vec));
        }
    }
    let is_told = |digest: &&Digest| {
        seen.contains(digest.as_bytes().as_slice()) || seen.contains(digest.to_string().as_bytes())
    };
    digests.iter().filter(is_told).count()
}

#[test]
fn the_server_learns_no_more_than_the_way_of_asking_says() {
    let data = tempfile::tempdir().unwrap();
    let server = server(&data.path().join("data"));
    let (public, private) = (digests("public"), digests("private"));
    let question = LookupRequest {
        digests: [public.clone(), private.clone()].concat(),
        ..LookupRequest::default()
    };
    for mode in [
        LookupMode::Digest,
        LookupMode::Auto,
        LookupMode::Filter,
        LookupMode::Range,
    ] {
        let listener = listener(&server);
        let kept = data.path().join(format!("{mode:?}"));
        let asking = client(&listener.url("/"), None).with_lookup(mode, &kept);
        assert_eq!(asking.lookup(&question).unwrap().digests.len(), KNOWN);
        let requests = listener.requests();
        let found = (told(&requests, &public), told(&requests, &private));
        match mode {
            LookupMode::Digest => assert_eq!(found, (KNOWN, KNOWN)),
            LookupMode::Range => assert_eq!(found, (0, 0)),
            // One in 256 is let through by chance: about 8.
            LookupMode::Auto | LookupMode::Filter => {
                assert_eq!(found.0, KNOWN, "{mode:?}");
                assert!(found.1 < 40, "{mode:?}: {found:?}");
            }
        }
    }
    server.stop();
}
