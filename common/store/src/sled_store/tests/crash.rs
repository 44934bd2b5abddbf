//! A process that publishes is killed again and again; what it was told is stored must be there.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::tempdir;

use super::{SledStore, StoreOptions, project};
use crate::PackageStore;
use crate::conformance::package;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;

/// The directory that the process that will be killed publishes into.
const DIRECTORY: &str = "HASHGET_CRASH_DIRECTORY";
/// The version of the first record it publishes.
const FIRST: &str = "HASHGET_CRASH_FIRST";
/// How often to kill it.
const ROUNDS: &str = "HASHGET_CRASH_ROUNDS";
/// How many URLs take turns, so that most publishes replace.
const URLS: u64 = 40;

/// The record that is published at a URL as its version `n`; some are large, all share a digest.
fn version(n: u64) -> HashPackage {
    let size = if n.is_multiple_of(7) { 3000 } else { 30 };
    let digests = (n * 10_000..n * 10_000 + size).chain([u64::MAX]);
    package(&format!("u{}", n % URLS), digests)
}

/// Not a test of its own: the process that is killed.
#[test]
fn publishes_until_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return;
    };
    let first: u64 = env::var(FIRST).unwrap().parse().unwrap();
    let store = SledStore::open(Path::new(&directory), StoreOptions::default()).unwrap();
    // Whole lines in one write each: a pipe takes them whole or not at all.
    let say = |line: String| std::io::stderr().write_all(line.as_bytes()).unwrap();
    for n in (first..).step_by(2) {
        let ids = store
            .publish(&project("p"), &[version(n), version(n + 1)])
            .unwrap();
        say(format!(
            "stored {n} {}\nstored {} {}\n",
            ids[0].0,
            n + 1,
            ids[1].0
        ));
        if n.is_multiple_of(10) {
            store.update(ids[0], &version(n)).unwrap();
        }
        if n.is_multiple_of(6) {
            say(format!("removing {n} 0\n"));
            store.remove(&ids[..1]).unwrap();
            say(format!("removed {n} {}\n", ids[0].0));
        }
    }
}

/// What the killed process has said, by URL: the last version that was stored, and its number.
type Stored = BTreeMap<u64, (u64, PackageId)>;

/// When to kill.
#[derive(Clone, Copy)]
enum Kill {
    /// This long after the start: perhaps while it opens the store.
    AfterStart(Duration),
    /// This long after it has stored something.
    AfterFirst(Duration),
}

/// Publishes in another process until it is killed; the first version it cannot have tried.
fn publish_and_kill(directory: &Path, first: u64, kill: Kill, stored: &mut Stored) -> u64 {
    let name = "sled_store::tests::crash::publishes_until_killed";
    let mut child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut lines = Vec::new();
    let life = match kill {
        Kill::AfterStart(life) => life,
        Kill::AfterFirst(life) => {
            let mut text = String::new();
            said.read_line(&mut text).unwrap();
            lines.push(text.trim_end().to_owned());
            life
        }
    };
    let reader = std::thread::spawn(move || said.lines().map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.extend(reader.join().unwrap());
    let mut next = first;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let [what @ ("stored" | "removing" | "removed"), n, id] = words[..] else {
            panic!("{line}");
        };
        let (n, id): (u64, u64) = (n.parse().unwrap(), id.parse().unwrap());
        if what == "stored" {
            stored.insert(n % URLS, (n, PackageId(id)));
            next = next.max(n + 1);
        } else {
            stored.remove(&(n % URLS));
        }
    }
    next + 4
}

/// Checks that every record is whole, findable, and the one acknowledged or a later one.
fn check(store: &SledStore, stored: &Stored, highest: &mut u64) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{report:?}");
    for (url, (n, id)) in stored {
        let by_url = store.find_url(&project("p"), &format!("u{url}")).unwrap();
        let [(found, _)] = by_url[..] else {
            panic!("{} records at u{url}, version {n} was stored", by_url.len());
        };
        assert!(found >= *id, "version {n} of u{url} is lost");
        let got = store.get(&[found]).unwrap().remove(0).unwrap().package;
        if found == *id {
            assert_eq!(got, version(*n));
        }
        let digests = got.all_digests();
        for ids in store.find_digests(&digests).unwrap() {
            assert!(ids.contains(&found));
        }
        *highest = (*highest).max(found.0);
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_killed() {
    let rounds: u64 = env::var(ROUNDS).map_or(20, |rounds| rounds.parse().unwrap());
    let directory = tempdir().unwrap();
    let path = directory.path().join("store");
    let (mut first, mut highest, mut stored) = (0, 0, Stored::new());
    let start = Instant::now();
    for round in 0..rounds {
        // Not even, and different in every run: the clock's last digits.
        let random = u64::from(start.elapsed().subsec_nanos()) % 120;
        let life = Duration::from_millis(random);
        let kill = if round % 4 == 3 {
            Kill::AfterStart(life)
        } else {
            Kill::AfterFirst(life)
        };
        first = publish_and_kill(&path, first, kill, &mut stored);
        let store = SledStore::open(&path, StoreOptions::default()).unwrap();
        check(&store, &stored, &mut highest);
        // Versions that came through unacknowledged must not be mistaken later.
        let new = store.publish(&project("p"), &[version(first)]).unwrap()[0];
        assert!(new.0 > highest, "number {} was given again", new.0);
        stored.insert(first % URLS, (first, new));
        first += 2 - first % 2;
        if round % 5 == 4 {
            store.rebuild_index().unwrap();
            super::assert_clean(&store);
        }
    }
}
