//! What a user chooses: what is overwritten, restored in part, shown first, left out.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hashget_tests::{Random, assert_same_tree};
use serde_json::Value;

use super::scene::{Scene, WEB, package_url};
use hashget_tests::programs::{all_text, succeed};

impl Scene {
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs with records and without a hashserver; the exit status and all that was printed.
    fn hashget(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let arguments = [arguments, &["--hashserver"]].concat();
        let output = self.run("home", "new-cache", &arguments);
        (output.status.code(), all_text(&output))
    }

    /// What was downloaded so far.
    fn fetched(&self) -> Vec<String> {
        let log = self.log();
        let gets = log.iter().filter_map(|line| line.strip_prefix("GET "));
        gets.map(str::to_owned).collect()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--hashserver"]].concat();
        let output = self.run("home", "new-cache", &arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.trim();
        serde_json::from_str(text)
            .or_else(|_| serde_json::from_str(text.lines().last().unwrap_or_default()))
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

fn names(directory: &Path) -> BTreeSet<String> {
    let output = Command::new("find")
        .args([".", "-not", "-type", "d", "-printf", "%P\\n"])
        .current_dir(directory)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn existing_files_are_replaced_as_told() {
    for (policy, is_replaced) in [("never", false), ("changed", true), ("always", true)] {
        let scene = Scene::new();
        let directory = scene.text("unpacked");
        fs::create_dir_all(scene.path("unpacked/pkg")).unwrap();
        let times = fs::metadata(scene.path("unpacked/pkg")).unwrap().modified();
        fs::write(scene.path("unpacked/pkg/0.bin"), "precious").unwrap();
        let pkg = fs::File::open(scene.path("unpacked/pkg")).unwrap();
        pkg.set_modified(times.unwrap()).unwrap();
        let (code, told) = scene.hashget(&["-u", &directory, "--overwrite", policy]);
        if is_replaced {
            assert_eq!(code, Some(0), "{told}");
            assert_same_tree(&scene.path("tree"), &scene.path("unpacked"));
        } else {
            assert_eq!(code, Some(1), "{told}");
            assert!(told.contains("pkg/0.bin"), "{told}");
            let kept = fs::read(scene.path("unpacked/pkg/0.bin")).unwrap();
            assert_eq!(kept, b"precious");
            assert!(scene.path("unpacked/pkg/5.bin").exists());
        }
    }
}

#[test]
fn a_part_is_restored_from_the_packages_it_needs() {
    for choice in [["--include", "pkg/[45].bin"], ["--path", "pkg/4.bin"]] {
        for source in ["backup.tar.gz", "unpacked"] {
            let scene = Scene::new();
            let (from, to) = (scene.text(source), scene.text("part"));
            let mut arguments = vec!["-u", &from, choice[0], choice[1]];
            if source == "backup.tar.gz" {
                arguments.extend(["-C", &to]);
            }
            let (code, told) = scene.hashget(&arguments);
            assert_eq!(code, Some(0), "{told}");
            assert_eq!(scene.fetched(), [package_url("B.tar.gz")], "{told}");
            let directory = scene.path(if source == "unpacked" { source } else { "part" });
            let restored = names(&directory);
            assert!(restored.contains("pkg/4.bin"), "{restored:?}");
            assert!(!restored.contains("pkg/0.bin"), "{restored:?}");
            if source == "backup.tar.gz" {
                assert!(!restored.contains("own/conf"), "{restored:?}");
            }
        }
    }
}

#[test]
fn a_dry_run_tells_what_from_where_and_does_nothing() {
    let scene = Scene::new();
    let (archive, to) = (scene.text("backup.tar.gz"), scene.text("restored"));
    let size = |name: &str| {
        fs::metadata(scene.path("web").join(WEB).join(name))
            .unwrap()
            .len()
    };
    let plan = scene.json(&["-u", &archive, "-C", &to, "--dry-run", "--json"]);
    assert_eq!(plan["wanted_files"], 6, "{plan}");
    assert_eq!(plan["in_place_files"], 0, "{plan}");
    assert_eq!(
        plan["download_bytes"],
        size("A.tar.gz") + size("B.tar.gz"),
        "{plan}"
    );
    assert!(
        plan.to_string().contains(&package_url("A.tar.gz")),
        "{plan}"
    );
    assert!(!scene.path("restored").exists());
    assert_eq!(scene.fetched(), Vec::<String>::new());

    let directory = scene.text("unpacked");
    let (code, told) = scene.hashget(&["-u", &directory, "--path", "pkg/4.bin"]);
    assert_eq!(code, Some(0), "{told}");
    let before = names(&scene.path("unpacked"));
    let pool = scene.text("pool");
    let plan = scene.json(&["-u", &directory, "--pool", &pool, "--dry-run", "--json"]);
    assert_eq!(plan["in_place_files"], 1, "{plan}");
    assert_eq!(plan["download_bytes"], 0, "{plan}");
    assert!(plan.to_string().contains(&pool), "{plan}");
    assert_eq!(names(&scene.path("unpacked")), before);
}

#[test]
fn verify_takes_samples_fills_pools_and_speaks_json() {
    let scene = Scene::new();
    let archive = scene.text("backup.tar.gz");
    let report = scene.json(&["verify", &archive, "--sample", "50%", "--json"]);
    assert_eq!(report["checked_packages"], 1, "{report}");
    assert_eq!(report["packages"], 2, "{report}");
    let pool = scene.text("new-pool");
    fs::create_dir(&pool).unwrap();
    let report = scene.json(&[
        "verify",
        &archive,
        "--deep",
        "--add-to-pool",
        "--pool",
        &pool,
        "--json",
    ]);
    assert_eq!(report["found_files"], 6, "{report}");
    assert_eq!(report["dead_packages"], 0, "{report}");
    // From here on the pool is all there is.
    fs::remove_dir_all(scene.path("web").join(WEB)).unwrap();
    fs::remove_dir_all(scene.path("new-cache")).unwrap();
    let (code, told) = scene.hashget(&["verify", &archive]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("A.tar.gz") && told.contains("404"), "{told}");
    let to = scene.text("restored");
    let (code, told) = scene.hashget(&["-u", &archive, "-C", &to, "--pool", &pool]);
    assert_eq!(code, Some(0), "{told}");
    assert_same_tree(&scene.path("tree"), &scene.path("restored"));
}

#[test]
fn what_is_excluded_is_in_neither_and_nothing_else_goes() {
    let scene = Scene::new();
    let tree = scene.path("tree");
    let copy = |from: &str, to: &str| {
        fs::create_dir_all(tree.join(to).parent().unwrap()).unwrap();
        fs::copy(tree.join(from), tree.join(to)).unwrap();
    };
    // Own names of contents that packages hold, so that both lists are concerned.
    for name in [
        "tmp/x",
        "own/tmp/x",
        "cached/x",
        "repo/ignored/x",
        "repo/kept",
    ] {
        copy("pkg/4.bin", name);
    }
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n";
    fs::write(tree.join("cached/CACHEDIR.TAG"), tag).unwrap();
    fs::write(tree.join("repo/.gitignore"), "ignored/\n").unwrap();
    fs::create_dir(tree.join("repo/.git")).unwrap();
    fs::write(tree.join("odd[1].bin"), "kept").unwrap();
    fs::write(scene.path("patterns"), "pkg/2.bin\n").unwrap();
    let all = names(&tree);
    let (archive, tree_text) = (scene.text("x.tar.gz"), scene.text("tree"));
    let (code, told) = scene.hashget(&[
        "-zf",
        &archive,
        "--pack",
        &tree_text,
        "--exclude",
        "/tmp",
        "pkg/1.bin",
        "--exclude-from",
        &scene.text("patterns"),
        "--skip",
        "pkg/3.bin",
        "--exclude-caches",
        "--exclude-ignored",
    ]);
    assert_eq!(code, Some(0), "{told}");
    let gone = [
        "tmp/x",
        "pkg/1.bin",
        "pkg/2.bin",
        "cached/x",
        "repo/ignored/x",
    ];
    let unpacked = scene.path("x");
    fs::create_dir(&unpacked).unwrap();
    succeed(
        Command::new("tar")
            .args(["-xzf", &archive, "-C"])
            .arg(&unpacked),
    );
    let list = fs::read_to_string(unpacked.join(".hashget-restore.json")).unwrap();
    for name in gone {
        assert!(!list.contains(&format!("\"{name}\"")), "{name} is listed");
    }
    assert!(
        !list.contains("\"pkg/3.bin\""),
        "skipped files are not looked up"
    );
    assert!(unpacked.join("pkg/3.bin").exists());
    let (code, told) = scene.hashget(&["-u", unpacked.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{told}");
    let mut expected = all;
    expected.retain(|name| !gone.contains(&name.as_str()));
    // The tag stays, so that the directory is one to leave out after a restore, too.
    assert_eq!(names(&unpacked), expected);
}

#[test]
fn a_tree_that_was_never_restored_is_refused() {
    let scene = Scene::new();
    let (archive, directory) = (scene.text("x.tar.gz"), scene.text("unpacked"));
    let before = names(&scene.path("unpacked"));
    let (code, told) = scene.hashget(&["-zf", &archive, "--pack", &directory]);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains(".hashget-restore.json") && told.contains("hint"),
        "{told}"
    );
    assert!(!scene.path("x.tar.gz").exists());
    assert_eq!(names(&scene.path("unpacked")), before);
}

/// A small file system, where the test may make one.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        if mount
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success())
        {
            return Some(Self(at.to_owned()));
        }
        // Not as an ordinary user, nor in most containers.

        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[test]
fn one_file_system_stays_on_it() {
    let scene = Scene::new();
    let tree = scene.path("tree");
    let Some(_mount) = Mount::new(&tree.join("mnt"), "1m") else {
        return;
    };
    fs::write(tree.join("mnt/other"), "on another file system").unwrap();
    symlink("other", tree.join("mnt/link")).unwrap();
    let (archive, to) = (scene.text("x.tar.gz"), scene.text("restored"));
    let packed = scene.hashget(&[
        "-zf",
        &archive,
        "--pack",
        &scene.text("tree"),
        "--one-file-system",
    ]);
    assert_eq!(packed.0, Some(0), "{}", packed.1);
    let (code, told) = scene.hashget(&["-u", &archive, "-C", &to]);
    assert_eq!(code, Some(0), "{told}");
    assert!(scene.path("restored/mnt").is_dir());
    let mut expected = names(&tree);
    expected.retain(|name| !name.starts_with("mnt/"));
    assert_eq!(names(Path::new(&to)), expected);
}

#[test]
fn a_full_disk_leaves_nothing_half() {
    let scene = Scene::new();
    let Some(_mount) = Mount::new(&scene.path("small"), "300k") else {
        return;
    };
    let own = Random::new(3).bytes(1 << 20);
    fs::write(scene.path("tree/own/large"), own).unwrap();
    let (archive, tree) = (scene.text("small/x.tar.gz"), scene.text("tree"));
    let (code, told) = scene.hashget(&["-zf", &archive, "--pack", &tree]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("No space left"), "{told}");
    assert_eq!(
        fs::read_dir(scene.path("small")).unwrap().count(),
        0,
        "{told}"
    );

    let (backup, to) = (scene.text("backup.tar.gz"), scene.text("small/restored"));
    let (code, told) = scene.hashget(&["-u", &backup, "-C", &to]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("No space left"), "{told}");
    for name in names(Path::new(&to)) {
        if !name.starts_with(".hashget") {
            let (original, restored) = (scene.path("tree").join(&name), Path::new(&to).join(&name));
            assert_eq!(
                fs::read(original).unwrap(),
                fs::read(restored).unwrap(),
                "{name}"
            );
        }
    }
}
