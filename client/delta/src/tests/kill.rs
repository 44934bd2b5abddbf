//! A kill at any point leaves the old state or the new one.

use std::cell::Cell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hashget_tests::tree_listing;
use rustix::process::{Signal, getpid, kill_process};

use super::super::apply::{apply_with, recover_with};
use super::*;
use hashget_files::place::Target;

const DIRECTORY: &str = "HASHGET_TEST_DELTA_DIRECTORY";
const DELTA: &str = "HASHGET_TEST_DELTA";
const KILL_AT: &str = "HASHGET_TEST_DELTA_KILL_AT";

/// How many random kills are tried; more with `HASHGET_KILL_ROUNDS`.
fn rounds() -> u64 {
    std::env::var("HASHGET_KILL_ROUNDS").map_or(4, |count| count.parse().unwrap())
}

/// Not a test of its own: what the others start as a process, to kill it.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let directory = Path::new(&directory);
    let left = Cell::new(std::env::var(KILL_AT).unwrap().parse::<u64>().unwrap());
    let hook = || {
        if left.get() == 0 {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        left.set(left.get() - 1);
    };
    if let Some(delta) = std::env::var_os(DELTA) {
        apply_with(directory, Path::new(&delta), UNSYNCED, &Silent, &hook).unwrap();
    } else {
        let target = Target::open(directory).unwrap();
        recover_with(directory, &target, &Silent, &hook).unwrap();
    }
}

fn command(directory: &Path, delta: Option<&Path>, kill_at: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::kill::child"]);
    command
        .env(DIRECTORY, directory)
        .env(KILL_AT, kill_at.to_string());
    if let Some(delta) = delta {
        command.env(DELTA, delta);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How many steps an apply takes.
fn steps(directory: &Path, delta: &Path) -> u64 {
    let count = Cell::new(0);
    apply_with(directory, delta, UNSYNCED, &Silent, &|| {
        count.set(count.get() + 1);
    })
    .unwrap();
    count.get()
}

struct Case {
    lab: Lab,
    seed: u64,
    delta: PathBuf,
    old: Vec<String>,
    new: Vec<String>,
    steps: u64,
}

impl Case {
    fn new(seed: u64) -> Self {
        let lab = Lab::new();
        let (old, new) = (lab.tree("old", seed), lab.edited("new", seed, 14));
        let delta = lab.delta(&old, &new, seed.is_multiple_of(2));
        let steps = steps(&lab.tree("counted", seed), &delta);
        Self {
            old: tree_listing(&old),
            new: tree_listing(&new),
            lab,
            seed,
            delta,
            steps,
        }
    }

    fn copy(&self) -> PathBuf {
        self.lab.tree("copy", self.seed)
    }

    /// Recovers and checks; whether it is the new state.
    fn check(&self, copy: &Path, what: &str) -> bool {
        recover(copy, &Silent).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let is = tree_listing(copy);
        let is_new = is == self.new;
        if !is_new && is != self.old {
            let odd: Vec<_> = is.iter().filter(|line| !self.old.contains(line)).collect();
            let gone: Vec<_> = self.old.iter().filter(|line| !is.contains(line)).collect();
            panic!("{what}: {odd:#?} instead of {gone:#?}");
        }
        // Nothing is left beside it.
        let left = std::fs::read_dir(self.lab.temp.path()).unwrap().count();
        assert_eq!(left, 5, "{what}");
        apply_diff(copy, &self.delta, &UNSYNCED, &Silent).unwrap();
        assert_eq!(tree_listing(copy), self.new, "{what}");
        std::fs::remove_dir_all(copy).unwrap();
        is_new
    }
}

#[test]
fn a_kill_before_any_step_leaves_the_old_or_the_new_state() {
    let case = Case::new(21);
    let mut random = Random::new(5);
    let mut news = 0;
    let stride = if rounds() > 4 { 1 } else { 1 + case.steps / 25 };
    let mut at = random.below(stride);
    while at < case.steps {
        let copy = case.copy();
        let status = command(&copy, Some(&case.delta), at).status().unwrap();
        assert!(!status.success(), "step {at}");
        // The one that puts it right may be killed as well.
        for _ in 0..random.below(3) {
            command(&copy, None, random.below(30)).status().unwrap();
        }
        news += u64::from(case.check(&copy, &format!("killed at step {at}")));
        at += stride;
    }
    assert!(news < case.steps, "the first kills leave the old state");
}

#[test]
fn a_kill_at_a_random_time_leaves_the_old_or_the_new_state() {
    let mut random = Random::new(std::process::id().into());
    for round in 0..rounds() {
        let case = Case::new(100 + round);
        let copy = case.copy();
        let started = Instant::now();
        command(&copy, Some(&case.delta), u64::MAX)
            .status()
            .unwrap();
        let usual = started.elapsed();
        std::fs::remove_dir_all(&copy).unwrap();
        let copy = case.copy();
        let micros = u64::try_from(usual.as_micros()).unwrap();
        let when = Duration::from_micros(micros / 4 + random.below(micros));
        let started = Instant::now();
        let mut child = command(&copy, Some(&case.delta), u64::MAX).spawn().unwrap();
        while started.elapsed() < when {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        case.check(&copy, &format!("round {round}, killed after {when:?}"));
    }
}
