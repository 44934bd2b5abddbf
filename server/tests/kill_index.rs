//! `kill -9` under publishes, replacements and purges: afterwards the index in memory says what the
//! store says, and both what was acknowledged.
//!
//! `HASHGET_KILL_ROUNDS` says how often; 3 unless it is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hashget_api::{LookupResponse, PublishResponse};
use hashget_store::{PackageStore, SledStore, StoreOptions};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use program::{Program, package, token};
use reqwest::blocking::Client;
use serde_json::json;

const THREADS: usize = 3;
/// How many URLs a thread publishes at in turn, so that most publishes replace.
/// All of them together have a digest in common, for which at most 64 are named.
const URLS: usize = 20;
/// How many changes are made in a round at least.
const CHANGES: usize = 40;
/// How many digests are asked for at once.
const DIGESTS: usize = 10_000;

/// What became of a URL, as far as the server has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// This record is there.
    Stored(PackageId),
    /// It is gone.
    Removed,
    /// The server was killed before it said.
    Unknown,
}

/// All that was ever published; what became of each URL, and a digest of its last version.
#[derive(Default)]
struct Told {
    digests: Vec<Digest>,
    fates: BTreeMap<String, (Fate, Digest)>,
}

impl Told {
    fn publishing(&mut self, record: &HashPackage) {
        self.digests.extend(record.all_digests());
        let unknown = (Fate::Unknown, record.files[0]);
        self.fates.insert(record.url.clone(), unknown);
    }

    fn became(&mut self, url: &str, fate: Fate) {
        if let Some(known) = self.fates.get_mut(url) {
            known.0 = fate;
        }
    }
}

#[test]
fn the_index_in_memory_is_the_store_after_kill_9() {
    let rounds = std::env::var("HASHGET_KILL_ROUNDS").ok();
    let rounds: usize = rounds.map_or(3, |rounds| rounds.parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let token = token(data.path(), "publish:p");
    let told = Mutex::new(Told::default());
    for round in 0..rounds {
        change_and_kill(round, data.path(), &token, &told);
        let server = Program::start(data.path());
        wait_for_index(&server.url);
        let told = told.lock().unwrap();
        let in_memory = look_up(&server.url, &told.digests);
        assert_eq!(server.stop(), Some(0));
        // Opened without memory for an index, the trees answer.
        let store = SledStore::open(&data.path().join("store"), StoreOptions::default()).unwrap();
        assert_eq!(store.resident_bytes(), None);
        let on_disk = store.find_digests(&told.digests).unwrap();
        assert!(in_memory == on_disk, "the index is not the store");
        let report = store.check().unwrap();
        assert!(report.is_sound(), "{report:?}");
        check_fates(&store, &told);
    }
    let told = told.into_inner().unwrap();
    let count = |wanted: fn(&Fate) -> bool| {
        let fates = told.fates.values();
        fates.filter(|(fate, _)| wanted(fate)).count()
    };
    let stored = count(|fate| matches!(fate, Fate::Stored(_)));
    assert!(stored > 0 && count(|fate| *fate == Fate::Removed) > 0);
}

/// Publishes, replaces and purges from the first moment on, while the index is still being read,
/// until the server is killed at a moment that differs each time.
fn change_and_kill(round: usize, data: &Path, token: &str, told: &Mutex<Told>) {
    let server = Program::start(data);
    let url = server.url.clone();
    let changes = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (url, changes) = (&url, &changes);
            scope.spawn(move || {
                let client = Client::new();
                for step in 0.. {
                    // Every fourth step purges what the one before published.
                    let is_purge = step % 4 == 3;
                    let name = format!("t{thread}-{}", (step - usize::from(is_purge)) % URLS);
                    let version = format!("{name} r{round} {step}");
                    let is_alive = if is_purge {
                        purge(&client, url, token, &name, told)
                    } else {
                        publish(&client, url, token, &name, &version, told)
                    };
                    if !is_alive {
                        return;
                    }
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for_index(&url);
        while changes.load(Ordering::Relaxed) < CHANGES {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20 + random_below(400)));
        drop(server);
    });
}

/// A record of a URL whose files no other version has.
fn record(name: &str, version: &str) -> HashPackage {
    HashPackage {
        url: format!("http://example.org/{name}"),
        ..package(version, 25)
    }
}

/// Whether the server answered.
fn publish(
    client: &Client,
    url: &str,
    token: &str,
    name: &str,
    version: &str,
    told: &Mutex<Told>,
) -> bool {
    let record = record(name, version);
    told.lock().unwrap().publishing(&record);
    let body = json!({"project": "p", "packages": [record]}).to_string();
    let request = client
        .post(format!("{url}api/v1/packages"))
        .bearer_auth(token);
    let Some(bytes) = answered(request.body(body)) else {
        return false;
    };
    let answer: PublishResponse = serde_json::from_slice(&bytes).unwrap();
    let stored = Fate::Stored(answer.ids[0]);
    told.lock().unwrap().became(&record.url, stored);
    true
}

/// Whether the server answered.
fn purge(client: &Client, url: &str, token: &str, name: &str, told: &Mutex<Told>) -> bool {
    let package_url = record(name, name).url;
    told.lock().unwrap().became(&package_url, Fate::Unknown);
    let query = format!("spec=url:{package_url}&project=p");
    let request = client
        .delete(format!("{url}api/v1/packages?{query}"))
        .bearer_auth(token);
    let is_answered = answered(request).is_some();
    if is_answered {
        told.lock().unwrap().became(&package_url, Fate::Removed);
    }
    is_answered
}

/// The body of an answer that must be a success; `None` if the server was killed.
fn answered(request: reqwest::blocking::RequestBuilder) -> Option<Vec<u8>> {
    let answer = request.send().ok()?;
    assert_eq!(answer.status(), 200);
    Some(answer.bytes().ok()?.to_vec())
}

fn wait_for_index(url: &str) {
    let began = Instant::now();
    loop {
        // A server that was killed while it was waited for is noticed by its other clients.
        let text = reqwest::blocking::get(format!("{url}metrics"));
        let text = text.unwrap().text().unwrap();
        let mut lines = text.lines();
        if lines.any(|line| {
            line.strip_prefix("hashserver_index_memory_bytes ")
                .is_some_and(|bytes| bytes != "0")
        }) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
}

/// The numbers of the records that have each digest, ascending.
fn look_up(url: &str, digests: &[Digest]) -> Vec<Vec<PackageId>> {
    let client = Client::new();
    let mut found = Vec::new();
    for some in digests.chunks(DIGESTS) {
        let body = json!({ "digests": some }).to_string();
        let request = client.post(format!("{url}api/v1/lookup")).body(body);
        let answer: LookupResponse = serde_json::from_slice(&answered(request).unwrap()).unwrap();
        let first = found.len();
        found.resize(first + some.len(), Vec::new());
        for (place, packages) in answer.digests {
            let mut ids: Vec<PackageId> = packages
                .iter()
                .map(|place| answer.packages[*place as usize].id)
                .collect();
            ids.sort_unstable();
            found[first + place as usize] = ids;
        }
    }
    found
}

fn check_fates(store: &SledStore, told: &Told) {
    for (url, (fate, file)) in &told.fates {
        let ids = store.find_digests(&[*file]).unwrap().remove(0);
        match fate {
            Fate::Stored(id) => assert_eq!(ids, [*id], "{url}"),
            Fate::Removed => assert_eq!(ids, [], "{url}"),
            Fate::Unknown => {}
        }
    }
}

/// Chance enough for choosing a moment.
fn random_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() % limit
}
