//! Runs that are killed at any point.

use std::process::{Command, Stdio};
use std::time::Duration;

use hashget_tests::{Random, RandomTree, tree_listing};

use super::*;

const SOURCE: &str = "HASHGET_TEST_SNAPSHOT_SOURCE";
const PLACE: &str = "HASHGET_TEST_SNAPSHOT_PLACE";

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let (Some(source), Some(place)) = (std::env::var_os(SOURCE), std::env::var_os(PLACE)) else {
        return;
    };
    let (source, place) = (PathBuf::from(source), PathBuf::from(place));
    for second in 0.. {
        let now = start().saturating_add(i64::from(second).seconds());
        let options = CreateOptions {
            full_hash: second % 2 == 0,
            sums: true,
            ..CreateOptions::default()
        };
        let created = create(
            &source,
            &place,
            &options,
            &super::utc(now),
            &hashget_files::monitor::Silent,
        )
        .unwrap();
        delete(
            &Destination::open(&place).unwrap(),
            &[created.id],
            &hashget_files::monitor::Silent,
        )
        .unwrap();
    }
}

#[test]
fn a_killed_run_harms_nothing() {
    let rounds = std::env::var("HASHGET_KILL_ROUNDS").ok();
    let rounds: u64 = rounds.and_then(|text| text.parse().ok()).unwrap_or(5);
    let bench = Bench::new();
    let mut random = Random::new(7);
    RandomTree::grow(&bench.source(), 150, &mut random).unwrap();
    let kept = bench.snapshot();
    let listing = tree_listing(&kept.path);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kill::child", "--test-threads=1"])
            .env(SOURCE, bench.source())
            .env(PLACE, bench.place())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(5 + random.below(400)));
        assert!(
            child.try_wait().unwrap().is_none(),
            "the child ended by itself"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever has the name of a snapshot is one.
        for id in bench.destination().snapshots(None).unwrap() {
            assert_same_tree(&bench.source(), &bench.destination().path_of(&id));
        }
        assert_eq!(tree_listing(&kept.path), listing, "round {round}");
        let next = bench.snapshot();
        assert_eq!(next.stats.copied_files, 0, "round {round}");
        let ids = [next.id];
        let stats = verify(&bench.destination(), &ids, &bench.notes).unwrap();
        assert!(stats.is_good(), "{stats:?}");
        delete(&bench.destination(), &ids, &bench.notes).unwrap();
        let left: Vec<_> = fs::read_dir(bench.place().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(".hashget-partial-"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
    assert_eq!(bench.problems(), Vec::<String>::new());
}
