//! `hashget snapshot` from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

fn hashget(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hashget"))
        .args(args)
        .current_dir(directory)
        .env("HOME", directory)
        .env("HASHGET_CONFIG", "/dev/null")
        .output()
        .unwrap()
}

/// Runs, expects this exit status, and gives what went to standard output.
fn run(directory: &Path, status: i32, args: &[&str]) -> String {
    let output = hashget(directory, args);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_row_of_snapshots_from_first_to_last() {
    let temp = tempfile::tempdir().unwrap();
    let directory = temp.path();
    fs::create_dir_all(directory.join("docs/a")).unwrap();
    fs::write(directory.join("docs/a/one"), "one").unwrap();
    fs::write(directory.join("docs/secret"), "secret").unwrap();
    let create = [
        "snapshot",
        "create",
        "docs",
        "backup",
        "--exclude",
        "secret",
    ];
    let told = run(directory, 0, &create);
    assert!(told.contains("copied 1 (3.0)"), "{told}");
    std::thread::sleep(std::time::Duration::from_millis(30));
    fs::rename(directory.join("docs/a/one"), directory.join("docs/two")).unwrap();
    let mut json = create.to_vec();
    json.extend(["--json", "--sha256sums", "--name", "docs"]);
    let told = run(directory, 0, &json);
    let created = told.lines().find(|line| line.contains("snapshot_created"));
    assert!(created.unwrap().contains("\"linked_files\":1"), "{told}");

    let list = run(directory, 0, &["snapshot", "list", "backup"]);
    let ids: Vec<String> = list.lines().map(|id| format!("backup/{id}")).collect();
    assert_eq!(ids.len(), 2);
    let (old, new) = (directory.join(&ids[0]), directory.join(&ids[1]));
    assert!(old.join("a/one").exists() && !old.join("secret").exists());
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&old.join("a/one")), inode(&new.join("two")));
    let diff = run(directory, 0, &["snapshot", "diff", &ids[0], &ids[1]]);
    assert!(diff.contains("R a/one -> two"), "{diff}");
    let sizes = run(directory, 0, &["snapshot", "list", "backup", "--sizes"]);
    assert!(sizes.contains("1 files (3.0), only here: 0"), "{sizes}");

    run(directory, 0, &["snapshot", "verify", "backup"]);
    run(directory, 0, &["snapshot", "restore", &ids[0], "back"]);
    assert_eq!(fs::read(directory.join("back/a/one")).unwrap(), b"one");
    let part = format!("{}/a/one", ids[0]);
    run(directory, 0, &["snapshot", "restore", &part, "part"]);
    assert_eq!(fs::read(directory.join("part/one")).unwrap(), b"one");

    run(directory, 2, &["snapshot", "prune", "backup"]);
    let prune = ["snapshot", "prune", "backup", "--keep-last", "1"];
    let would = run(directory, 0, &[&prune[..], &["--dry-run"]].concat());
    assert!(would.contains("delete docs/") && old.exists(), "{would}");
    run(directory, 0, &prune);
    assert!(!old.exists() && new.exists());

    fs::write(new.join("two"), "evil").unwrap();
    run(directory, 1, &["snapshot", "verify", &ids[1]]);
    run(directory, 3, &create);
    run(directory, 0, &["snapshot", "reindex", "backup"]);
    run(directory, 0, &["snapshot", "delete", &ids[1]]);
    assert_eq!(
        run(directory, 0, &["snapshot", "list", "backup"])
            .lines()
            .count(),
        1
    );
    run(
        directory,
        1,
        &["snapshot", "create", "backup/docs", "backup"],
    );
    run(directory, 1, &["snapshot", "delete", "docs"]);
    run(
        directory,
        2,
        &["snapshot", "create", "docs", "backup", "--name", "a/b"],
    );
}
