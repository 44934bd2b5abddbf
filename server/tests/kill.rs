//! `kill -9` under load: whatever was acknowledged is there afterwards, whole.
//!
//! `HASHGET_KILL_ROUNDS` says how often; 5 unless it is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hashget_api::{FetchedPackage, LookupResponse, PublishResponse};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use program::{Program, package, token};
use reqwest::blocking::Client;
use serde_json::{Value, json};

const THREADS: usize = 4;
const PACKAGES_PER_REQUEST: usize = 5;

/// What the server said is on its disk.
type Acknowledged = Mutex<Vec<(PackageId, HashPackage)>>;

#[test]
fn acknowledged_records_survive_kill_9() {
    let rounds = std::env::var("HASHGET_KILL_ROUNDS").ok();
    let rounds: u32 = rounds.map_or(5, |rounds| rounds.parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let token = token(data.path(), "publish:p");
    let acknowledged = Acknowledged::default();
    let mut checked = 0;
    for round in 0..rounds {
        one_round(round, data.path(), &token, &acknowledged);
        let server = Program::start(data.path());
        let known = acknowledged.lock().unwrap();
        // All of the round, and some of those before; all of them in the last one.
        let last = round + 1 == rounds;
        let from = if last {
            0
        } else {
            known.len().min(checked).saturating_sub(200)
        };
        check(&server.url, &known[from..]);
        checked = known.len();
        assert_eq!(server.stop(), Some(0));
    }
    println!("{rounds} rounds, {checked} records acknowledged and found");
    assert!(checked > 0);
}

/// Publishes from several threads until the server is killed at a moment that differs each time.
fn one_round(round: u32, data: &Path, token: &str, acknowledged: &Acknowledged) {
    let server = Program::start(data);
    let url = server.url.clone();
    let stopping = AtomicBool::new(false);
    let before = acknowledged.lock().unwrap().len();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (url, stopping) = (&url, &stopping);
            scope.spawn(move || {
                let client = Client::new();
                for request in 0.. {
                    let name = format!("r{round}-t{thread}-{request}");
                    let sent = publish(&client, url, token, &name, acknowledged);
                    if !sent || stopping.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        // On a busy machine a server may not have come to anything in that time. Every other time it may
        // be killed before anything was acknowledged.
        let give_up = Instant::now() + Duration::from_secs(60);
        let is_waited_for = || acknowledged.lock().unwrap().len() == before;
        while round.is_multiple_of(2) && is_waited_for() && Instant::now() < give_up {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20 + random_below(400)));
        drop(server);
        stopping.store(true, Ordering::Relaxed);
    });
}

/// Whether the server acknowledged.
fn publish(client: &Client, url: &str, token: &str, name: &str, known: &Acknowledged) -> bool {
    let packages: Vec<HashPackage> = (0..PACKAGES_PER_REQUEST)
        .map(|number| package(&format!("{name}-{number}"), 20))
        .collect();
    let body = json!({"project": "p", "packages": packages}).to_string();
    let request = client
        .post(format!("{url}api/v1/packages"))
        .bearer_auth(token);
    let Ok(answer) = request.body(body).send() else {
        return false;
    };
    assert_eq!(answer.status(), 200);
    let Ok(bytes) = answer.bytes() else {
        return false;
    };
    let answer: PublishResponse = serde_json::from_slice(&bytes).unwrap();
    known
        .lock()
        .unwrap()
        .extend(answer.ids.into_iter().zip(packages));
    true
}

fn post(client: &Client, url: &str, body: &Value) -> Vec<u8> {
    let answer = client.post(url).body(body.to_string()).send().unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().unwrap().to_vec()
}

/// Each record by its number, and by each of its digests.
fn check(url: &str, known: &[(PackageId, HashPackage)]) {
    let client = Client::new();
    let shared = Digest::of(b"in every package");
    for some in known.chunks(500) {
        let ids: Vec<PackageId> = some.iter().map(|(id, _)| *id).collect();
        let lines = post(
            &client,
            &format!("{url}api/v1/packages/fetch"),
            &json!({ "ids": ids }),
        );
        let lines = serde_json::Deserializer::from_slice(&lines).into_iter::<FetchedPackage>();
        let found: HashMap<PackageId, HashPackage> = lines
            .map(Result::unwrap)
            .map(|line| (line.id, line.package))
            .collect();
        for (id, package) in some {
            assert_eq!(found.get(id), Some(package), "{id:?}");
        }
        let keys: Vec<(PackageId, Digest)> = some
            .iter()
            .flat_map(|(id, package)| package.all_digests().into_iter().map(|key| (*id, key)))
            .filter(|(_, digest)| *digest != shared)
            .collect();
        let digests: Vec<Digest> = keys.iter().map(|(_, digest)| *digest).collect();
        let answer = post(
            &client,
            &format!("{url}api/v1/lookup"),
            &json!({ "digests": digests }),
        );
        let answer: LookupResponse = serde_json::from_slice(&answer).unwrap();
        assert_eq!(
            answer.digests.len(),
            digests.len(),
            "a digest of a record is not found"
        );
        for (place, packages) in &answer.digests {
            let (id, _) = keys[*place as usize];
            let ids: Vec<PackageId> = packages
                .iter()
                .map(|place| answer.packages[*place as usize].id)
                .collect();
            assert_eq!(ids, [id]);
        }
    }
}

/// Chance enough for choosing a moment.
fn random_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(Instant::now().elapsed().as_nanos());
    hasher.finish() % limit
}
