//! Archives, restore files and neighbours made to write outside the target, against the program.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::tree_listing;
use hashget_words::digest::Digest;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};
use tempfile::TempDir;

use hashget_tests::programs::{Client, all_text, succeed};

/// A target, and a directory that nothing may touch.
struct Place {
    dir: TempDir,
    before: Vec<String>,
}

const CONTENT: &[u8] = b"what a package holds and a restore file wants";

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for directory in ["target", "outside", "pool"] {
            fs::create_dir(dir.path().join(directory)).unwrap();
        }
        fs::write(dir.path().join("outside/secret"), "untouched").unwrap();
        let package = TarBuilder::new().file("file", CONTENT).build();
        fs::write(dir.path().join("pool/package.tar"), package).unwrap();
        let before = tree_listing(&dir.path().join("outside"));
        Self { dir, before }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Client::new(self.path("home")).command("hashget");
        let output = command
            .args(arguments)
            .args(["--pool", &self.text("pool"), "--hashserver"])
            .output()
            .unwrap();
        let told = all_text(&output);
        assert!(output.status.code().is_some(), "{told}");
        assert!(!told.contains("panicked"), "{told}");
        output
    }

    fn extract(&self, tar: TarBuilder) -> Output {
        fs::write(self.path("attack.tar"), tar.build()).unwrap();
        let (archive, target) = (self.text("attack.tar"), self.text("target"));
        self.run(&["-u", &archive, "-C", &target])
    }

    /// Restores the target by a restore file with this entry.
    fn restore(&self, entry: &Value) -> Output {
        let mut file = json!({"sha256": Digest::of(CONTENT).to_string(), "size": CONTENT.len(),
            "mode": 0o644, "uid": 0, "gid": 0, "mtime": 1, "atime": 1, "ctime": 1});
        for (name, value) in entry.as_object().unwrap() {
            file[name] = value.clone();
        }
        self.restore_all(&[file])
    }

    fn restore_all(&self, files: &[Value]) -> Output {
        let package = fs::read(self.path("pool/package.tar")).unwrap();
        let list = json!({"version": 1, "expires": null, "files": files, "packages": [{
            "hash": format!("sha256:{}", Digest::of(&package)),
            "url": "http://localhost:9/package.tar"}]});
        fs::write(self.path("target/.hashget-restore.json"), list.to_string()).unwrap();
        self.run(&["-u", &self.text("target")])
    }

    fn assert_untouched(&self, case: &str) {
        assert_eq!(tree_listing(&self.path("outside")), self.before, "{case}");
        let names = fs::read_dir(self.dir.path()).unwrap();
        for name in names.map(|entry| entry.unwrap().file_name()) {
            let known = ["attack.tar", "home", "outside", "pool", "target"];
            assert!(
                known.iter().any(|known| name == *known),
                "{case}: {}",
                name.display()
            );
        }
    }
}

fn assert_refused(place: &Place, case: &str, output: &Output) {
    let told = all_text(output);
    assert!(!output.status.success(), "{case}: {told}");
    place.assert_untouched(case);
}

/// A name, and an archive against the directory of this path.
type Attack<'a> = (&'a str, Box<dyn Fn(&str) -> TarBuilder + 'a>);

#[test]
fn archives_that_lead_outside() {
    let outside = "../outside";
    let long = "n".repeat(300);
    let tar = TarBuilder::new;
    let attacks: Vec<Attack<'_>> = vec![
        ("dotdot", Box::new(|_| tar().file("../outside/new", "x"))),
        (
            "inner dotdot",
            Box::new(|_| tar().file("a/../../outside/new", "x")),
        ),
        (
            "absolute",
            Box::new(|path| tar().file(format!("{path}/new"), "x")),
        ),
        ("folder", Box::new(|_| tar().directory("../outside/new/"))),
        (
            "link by name",
            Box::new(|_| tar().symlink("../outside/new", "x")),
        ),
        (
            "through a link",
            Box::new(|_| tar().symlink("l", outside).file("l/new", "x")),
        ),
        (
            "through an absolute link",
            Box::new(|path| tar().symlink("l", path).file("l/new", "x")),
        ),
        (
            "through a chain",
            Box::new(|_| {
                tar()
                    .symlink("a", "..")
                    .symlink("b", "a/outside")
                    .file("b/new", "x")
            }),
        ),
        (
            "a directory through a link",
            Box::new(|_| tar().symlink("l", outside).directory("l/new/")),
        ),
        (
            "a hard link out",
            Box::new(|_| tar().hard_link("h", "../outside/secret").file("h", "x")),
        ),
        (
            "an absolute hard link out",
            Box::new(|path| tar().hard_link("h", format!("{path}/secret"))),
        ),
        (
            "a hard link through a link",
            Box::new(|_| tar().symlink("l", outside).hard_link("h", "l/secret")),
        ),
        (
            "a fifo as a directory",
            Box::new(|_| tar().member(b'6', "p", b"", b"").file("p/new", "x")),
        ),
        ("a giant name", Box::new(|_| tar().file(&long, "x"))),
        (
            "a giant directory",
            Box::new(|_| tar().file(format!("{long}/../../outside/new"), "x")),
        ),
        (
            "a restore file that leads out",
            Box::new(|_| {
                let list = json!({"version": 1, "files": [{"file": "../outside/new",
                    "sha256": Digest::of(CONTENT).to_string(), "size": 1}], "packages": []});
                tar().file(".hashget-restore.json", list.to_string())
            }),
        ),
    ];
    for (case, attack) in &attacks {
        let place = Place::new();
        let output = place.extract(attack(&place.text("outside")).file("good", "x"));
        assert_refused(&place, case, &output);
    }
    let place = Place::new();
    symlink("../outside", place.path("target/planted")).unwrap();
    let output = place.extract(TarBuilder::new().file("planted/new", "x"));
    assert_refused(&place, "a planted link", &output);
}

#[test]
fn restore_files_that_lead_outside() {
    let absolute = std::env::temp_dir().join("hashget-attack");
    let long = "n".repeat(300);
    for entry in [
        json!({"file": "../outside/new"}),
        json!({"file": "a/../../outside/new"}),
        json!({"file": absolute.to_str().unwrap()}),
        json!({"file": "planted/new"}),
        json!({"file": "planted/directory/new"}),
        json!({"file": ""}),
        json!({"file": "."}),
        json!({"file": "nul\0new"}),
        json!({"file": long}),
        json!({"file": ".hashget-restore.json"}),
        json!({"file": "new", "hardlink": "../outside/secret"}),
        json!({"file": "p/new"}),
    ] {
        let place = Place::new();
        symlink("../outside", place.path("target/planted")).unwrap();
        mknod(&place.path("target/p"), &["p"]);
        let output = place.restore(&entry);
        assert_refused(&place, &entry.to_string(), &output);
        assert!(!absolute.exists());
    }
}

#[test]
fn what_stands_in_a_file_s_place_is_replaced_and_not_written_to() {
    let place = Place::new();
    symlink("../outside/secret", place.path("target/link")).unwrap();
    mknod(&place.path("target/pipe"), &["p"]);
    let mut names = vec!["link", "pipe"];
    if rustix::process::geteuid().is_root() {
        mknod(&place.path("target/device"), &["c", "1", "7"]);
        names.push("device");
    }
    for name in names {
        let output = place.restore(&json!({"file": name}));
        assert!(output.status.success(), "{name}: {}", all_text(&output));
        let file = place.path("target").join(name);
        let kind = fs::symlink_metadata(&file).unwrap().file_type();
        assert!(kind.is_file() && !kind.is_fifo(), "{name}");
        assert_eq!(fs::read(&file).unwrap(), CONTENT, "{name}");
        place.assert_untouched(name);
    }
}

/// Makes a fifo or a device.
fn mknod(path: &Path, kind: &[&str]) {
    succeed(Command::new("mknod").arg(path).args(kind));
}

/// Runs `attack` while another thread swaps `target/d` and a link to the outside.
fn while_swapping(place: &Place, attack: impl FnOnce() -> Output) {
    let (directory, link) = (place.path("target/d"), place.path("target/l"));
    fs::create_dir_all(&directory).unwrap();
    symlink("../outside", &link).unwrap();
    let (stop, swaps) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Fails where the restore has just replaced one of them.
                if renameat_with(CWD, &directory, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
                    swaps.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let output = attack();
        stop.store(true, Ordering::Relaxed);
        println!("{}, {swaps:?} swaps", output.status);
    });
    assert!(swaps.load(Ordering::Relaxed) > 0);
    place.assert_untouched("a race");
}

#[test]
fn a_directory_that_is_swapped_for_a_link_meanwhile() {
    for round in 0..3 {
        let place = Place::new();
        let tar = (0..400).fold(TarBuilder::new(), |tar, n| {
            tar.file(format!("d/{n}"), format!("{round}"))
        });
        while_swapping(&place, || place.extract(tar));

        let place = Place::new();
        let contents: Vec<String> = (0..400).map(|n| format!("content {n}")).collect();
        let package = contents.iter().fold(TarBuilder::new(), |tar, content| {
            tar.file(content.replace(' ', "/"), content)
        });
        fs::write(place.path("pool/package.tar"), package.build()).unwrap();
        let entry = |content: &String| {
            json!({"file": format!("d/{content}"), "sha256": Digest::of(content.as_bytes()).to_string(),
                "size": content.len(), "mode": 0o644, "uid": 0, "gid": 0, "mtime": 1})
        };
        let entries: Vec<Value> = contents.iter().map(entry).collect();
        while_swapping(&place, || place.restore_all(&entries));
    }
}
