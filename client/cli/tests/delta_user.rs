//! Deltas are applied by ordinary users, too. As root this runs them as a user without any rights.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hashget_tests::{assert_same_listing, assert_same_tree, tree_listing};

const USER: u32 = 65_534;

struct Lab {
    temp: tempfile::TempDir,
    is_root: bool,
}

impl Lab {
    fn new() -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let temp = tempfile::tempdir().unwrap();
        // The user may have no way to where the program was built.
        fs::copy(env!("CARGO_BIN_EXE_hashget"), temp.path().join("hashget")).unwrap();
        if is_root {
            chown(temp.path(), Some(USER), Some(USER)).unwrap();
        }
        Self { temp, is_root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Runs as the user.
    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.temp.path());
        command.env("HOME", self.temp.path());
        command.env("HASHGET_CONFIG", "/dev/null");
        command.env("TMPDIR", self.temp.path());
        if self.is_root {
            command.uid(USER).gid(USER);
        }
        command.output().unwrap()
    }

    fn must(&self, program: &str, args: &[&str]) {
        let output = self.run(program, args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    /// Gives the tree `name`, which the test made, to the user.
    fn give(&self, name: &str) {
        if self.is_root {
            let owner = format!("{USER}:{USER}");
            let path = self.path(name);
            let given = Command::new("chown")
                .args(["-hR", &owner])
                .arg(path)
                .status();
            assert!(given.unwrap().success());
        }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Lets anybody remove what is below.
fn open_up(directory: &Path) {
    mode(directory, 0o755);
}

#[test]
fn a_user_applies_what_changes_in_closed_directories_and_read_only_files() {
    let lab = Lab::new();
    let lines: Vec<String> = (0..2000).map(|line| format!("line {line}\n")).collect();
    let text = lines.concat();
    mode(&lab.write("d/closed/changed", &text), 0o444);
    lab.write("d/closed/gone", "gone");
    lab.write("d/closed/inner/kept", "kept");
    lab.write("d/moved", "moved");
    mode(&lab.write("d/secret", "secret"), 0o400);
    fs::hard_link(lab.path("d/moved"), lab.path("d/second")).unwrap();
    symlink("moved", lab.path("d/link")).unwrap();
    mode(&lab.path("d/closed/inner"), 0o500);
    mode(&lab.path("d/closed"), 0o555);
    lab.give("d");
    lab.must("cp", &["-a", "d", "copy"]);
    lab.must("cp", &["-a", "d", "old"]);
    lab.must("./hashget", &["delta", "index", "d", "-o", "d.index"]);

    open_up(&lab.path("d/closed"));
    mode(&lab.path("d/closed/changed"), 0o644);
    fs::write(
        lab.path("d/closed/changed"),
        text.replace("line 77\n", "other\n"),
    )
    .unwrap();
    mode(&lab.path("d/closed/changed"), 0o444);
    fs::remove_file(lab.path("d/closed/gone")).unwrap();
    lab.write("d/closed/inner/new", "new");
    fs::rename(lab.path("d/moved"), lab.path("d/closed/here")).unwrap();
    fs::remove_file(lab.path("d/link")).unwrap();
    symlink("closed/here", lab.path("d/link")).unwrap();
    mode(&lab.path("d/secret"), 0o000);
    mode(&lab.path("d/closed"), 0o511);
    lab.give("d");
    // What its owner may not read cannot be looked at.
    let refused = lab.run(
        "./hashget",
        &["delta", "diff", "d.index", "d", "-o", "x.tgz"],
    );
    if lab.is_root || !refused.status.success() {
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(!lab.path("x.tgz").exists());
    }
    mode(&lab.path("d/secret"), 0o600);
    lab.must(
        "./hashget",
        &["delta", "diff", "d.index", "d", "-o", "d.tgz"],
    );
    lab.must("./hashget", &["delta", "apply", "copy", "d.tgz"]);
    assert_same_tree(&lab.path("d"), &lab.path("copy"));
    let invert = [
        "delta", "invert", "d.tgz", "--old", "old", "--new", "d", "-o", "back.tgz",
    ];
    lab.must("./hashget", &invert);
    lab.must("./hashget", &["delta", "apply", "copy", "back.tgz"]);
    assert_same_tree(&lab.path("old"), &lab.path("copy"));
    for name in ["d", "old", "copy"] {
        open_up(&lab.path(name).join("closed"));
        open_up(&lab.path(name).join("closed/inner"));
    }
}

#[test]
fn a_user_is_refused_a_delta_that_gives_files_away() {
    let lab = Lab::new();
    if !lab.is_root {
        eprintln!("skipped: only root can give files away to begin with");
        return;
    }
    lab.write("d/file", "content");
    lab.write("d/other", "other");
    lab.give("d");
    lab.must("cp", &["-a", "d", "copy"]);
    lab.must("./hashget", &["delta", "index", "d", "-o", "d.index"]);
    chown(lab.path("d/file"), Some(12_345), None).unwrap();
    lab.write("d/other", "changed");
    lab.must(
        "./hashget",
        &["delta", "diff", "d.index", "d", "-o", "d.tgz"],
    );
    let before = tree_listing(&lab.path("copy"));
    let refused = lab.run("./hashget", &["delta", "apply", "copy", "d.tgz"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("owner"), "{said}");
    assert_same_listing(&before, &tree_listing(&lab.path("copy")));
}
