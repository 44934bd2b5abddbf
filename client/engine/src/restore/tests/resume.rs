//! Restores that are killed, and run again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, assert_same, list_of, path, set_times, snapshot, walk};
use crate::restore::{RestoreOptions, extract, restore};

const CHILD: &str = "HASHGET_TEST_RESTORE_CHILD";
const ROUNDS: &str = "HASHGET_KILL_ROUNDS";

fn load_sources(work: &Path) -> TestSources {
    let mut sources = TestSources::default();
    for entry in fs::read_dir(work.join("packages")).unwrap() {
        sources.add_bytes(fs::read(entry.unwrap().path()).unwrap());
    }
    sources
}

/// The process that gets killed; does nothing when run as a test.
#[test]
fn child() {
    let Some(work) = std::env::var_os(CHILD) else {
        return;
    };
    let work = Path::new(&work);
    let sources = load_sources(work);
    let options = RestoreOptions::default();
    let target = work.join("target");
    if work.join("extract").exists() {
        let archive = work.join("archive.tar");
        extract(&archive, &target, &options, &sources, &Log::default()).unwrap();
    } else if target.join(".hashget-restore.json").exists() {
        restore(&target, &options, &sources, &Log::default()).unwrap();
    }
}

fn spawn(work: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restore::tests::resume::child"])
        .env(CHILD, work)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Makes `original`, `packages` and `archive.tar` below `work`.
fn prepare(work: &Path) {
    let original = work.join("original");
    fs::create_dir_all(work.join("packages")).unwrap();
    let mut names = Vec::new();
    let mut tars = Vec::new();
    for directory in 0..20 {
        let at = original.join(format!("f{directory}/sub"));
        fs::create_dir_all(&at).unwrap();
        let mut contents = Vec::new();
        for number in 0..10 {
            let size = if number == 0 { 2_000_000 } else { 500 * number };
            let content: Vec<u8> = format!("{directory} {number} ")
                .bytes()
                .cycle()
                .take(size)
                .collect();
            fs::write(at.join(number.to_string()), &content).unwrap();
            set_times(
                &at.join(number.to_string()),
                1_000_000 + i64::from(directory),
                7,
            );
            names.push(path(format!("f{directory}/sub/{number}")));
            contents.push(content);
        }
        fs::write(at.join("archived"), format!("archived {directory}")).unwrap();
        tars.push(contents);
    }
    let mut sources = TestSources::default();
    let mut packages = Vec::new();
    for contents in &tars {
        let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        packages.push(sources.add(&contents));
    }
    for (digest, bytes) in &sources.packages {
        fs::write(work.join("packages").join(digest.to_string()), bytes).unwrap();
    }
    for (number, directory) in walk(&original).iter().enumerate().rev() {
        let at = directory.under(&original);
        if at.is_dir() {
            set_times(
                &at,
                1_200_000_000 + i64::try_from(number).unwrap(),
                987_654_321,
            );
        }
    }
    let list = list_of(&original, &names, packages);
    fs::write(
        work.join("archive.tar"),
        archive_of(&original, &names, Some(&list)),
    )
    .unwrap();
}

fn rounds() -> u32 {
    let rounds = std::env::var(ROUNDS).ok();
    rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(6)
}

fn kill_and_resume(is_extract: bool) {
    let work = tempfile::tempdir().unwrap();
    let work = work.path();
    prepare(work);
    if is_extract {
        fs::write(work.join("extract"), "").unwrap();
    }
    let target = work.join("target");
    let expected = snapshot(&work.join("original"));
    let fresh = |work: &Path| {
        if target.exists() {
            fs::remove_dir_all(&target).unwrap();
        }
        if !is_extract {
            let nothing = TestSources::default();
            let options = RestoreOptions::default();
            let archive = work.join("archive.tar");
            extract(&archive, &target, &options, &nothing, &Log::default()).unwrap();
        }
    };
    fresh(work);
    let started = Instant::now();
    assert!(spawn(work).wait().unwrap().success());
    let whole = started.elapsed();
    assert_same(&expected, &snapshot(&target));
    let mut killed = 0;
    for round in 0..rounds() {
        fresh(work);
        // At most three kills in a row, at moments spread over the whole time.
        for kill in 0..3 {
            let moment = whole * ((round * 3 + kill) * 7 % 19) / 19;
            let mut child = spawn(work);
            std::thread::sleep(moment.max(Duration::from_millis(1)));
            child.kill().unwrap();
            killed += u64::from(!child.wait().unwrap().success());
        }
        assert!(spawn(work).wait().unwrap().success());
        let complete = !target.join(".hashget-restore.json").exists();
        assert!(complete, "round {round}");
        assert_same(&expected, &snapshot(&target));
    }
    eprintln!("{killed} runs were killed before their end");
    assert!(killed > 0);
}

#[test]
fn a_killed_restore_goes_on_to_the_exact_result() {
    kill_and_resume(false);
}

#[test]
fn a_killed_extraction_goes_on_to_the_exact_result() {
    kill_and_resume(true);
}
