//! Archives, restore files and neighbours that try to get out of the directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use hashget_tests::tar_builder::TarBuilder;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::doubles::{Log, TestSources};
use super::fixture::{list_of, path};
use crate::restore::{ExtractStats, RestoreError, RestoreOptions, RestoreStats, extract, restore};

struct Place {
    work: tempfile::TempDir,
    target: PathBuf,
    outside: PathBuf,
}

impl Place {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let target = work.path().join("target");
        let outside = work.path().join("outside");
        fs::create_dir(&target).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "untouched").unwrap();
        Self {
            work,
            target,
            outside,
        }
    }

    fn extract(&self, tar: TarBuilder) -> (ExtractStats, Vec<String>) {
        let archive = self.work.path().join("attack.tar");
        fs::write(&archive, tar.build()).unwrap();
        let log = Log::default();
        let options = RestoreOptions::default();
        let sources = TestSources::default();
        let stats = extract(&archive, &self.target, &options, &sources, &log).unwrap();
        self.assert_untouched();
        (stats, log.problems())
    }

    fn assert_untouched(&self) {
        let names = |at: &Path| {
            let mut names: Vec<_> = fs::read_dir(at)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(&self.outside), ["secret"]);
        assert_eq!(fs::read(self.outside.join("secret")).unwrap(), b"untouched");
        let around = names(self.work.path());
        assert!(around.iter().all(|name| {
            ["attack.tar", "outside", "target"]
                .iter()
                .any(|known| name == known)
        }));
    }
}

#[test]
fn names_that_leave_the_directory_are_refused_by_name() {
    let place = Place::new();
    let absolute = place.outside.join("absolute");
    let (stats, problems) = place.extract(
        TarBuilder::new()
            .file("../outside/dotdot", "x")
            .file("a/../../outside/inner", "x")
            .file(absolute.to_str().unwrap(), "x")
            .directory("../outside/directory/")
            .symlink("../outside/link", "x")
            .hard_link("../outside/hard", "good")
            .file("good", "x"),
    );
    assert_eq!((stats.failed_members, stats.placed_members), (6, 1));
    assert!(!stats.is_complete());
    for name in ["dotdot", "inner", "absolute", "directory", "link", "hard"] {
        assert!(
            problems.iter().any(|problem| problem.contains(name)),
            "{name}"
        );
    }
}

#[test]
fn links_planted_by_the_archive_are_not_written_through() {
    let place = Place::new();
    let outside = place.outside.to_str().unwrap();
    let secret = place.outside.join("secret");
    let secret = secret.to_str().unwrap();
    let (stats, _) = place.extract(
        TarBuilder::new()
            .symlink("absolute", outside)
            .file("absolute/a", "x")
            .symlink("relative", "../outside")
            .file("relative/b", "x")
            .directory("relative/")
            .directory("relative/c/")
            .symlink("chain", "relative")
            .file("chain/d", "x")
            .symlink("dot", ".")
            .symlink("dot/up", "..")
            .file("dot/up/outside/e", "x")
            .symlink("file", secret)
            .file("file", "replaced")
            .hard_link("hard", secret)
            .hard_link("hard", "../outside/secret")
            .hard_link("hard", "absolute/secret"),
    );
    assert_eq!(stats.failed_members, 10);
    assert_eq!(fs::read(place.target.join("file")).unwrap(), b"replaced");
    assert!(
        place
            .target
            .join("file")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
}

#[test]
fn a_hard_link_to_a_planted_link_leads_nowhere() {
    let place = Place::new();
    let secret = place.outside.join("secret");
    let (stats, _) = place.extract(
        TarBuilder::new()
            .symlink("link", secret.to_str().unwrap())
            .hard_link("hard", "link")
            .file("hard", "overwritten")
            .mode(0o777)
            .hard_link("other", "link"),
    );
    assert_eq!(stats.failed_members, 0);
    assert_eq!(fs::read(place.target.join("hard")).unwrap(), b"overwritten");
}

#[test]
fn links_planted_in_the_directory_are_not_followed() {
    let place = Place::new();
    symlink(&place.outside, place.target.join("etc")).unwrap();
    symlink(place.outside.join("secret"), place.target.join("f")).unwrap();
    let (stats, problems) = place.extract(
        TarBuilder::new()
            .directory("etc/")
            .file("etc/x", "x")
            .file("f", "new"),
    );
    assert_eq!((stats.failed_members, problems.len()), (2, 2));
    assert_eq!(fs::read(place.target.join("f")).unwrap(), b"new");
}

#[test]
fn a_restore_file_made_to_attack_is_refused() {
    for name in [
        "../outside/x",
        "/tmp/x",
        "a/../../outside/x",
        "a\\u0000b",
        "",
    ] {
        let place = Place::new();
        let json = format!(
            r#"{{"files": [{{"file": "{name}", "sha256": "{}"}}], "packages": []}}"#,
            "0".repeat(64)
        );
        fs::write(place.target.join(".hashget-restore.json"), json).unwrap();
        let sources = TestSources::default();
        let options = RestoreOptions::default();
        let error = restore(&place.target, &options, &sources, &Log::default()).unwrap_err();
        assert!(matches!(error, RestoreError::RestoreFile { .. }), "{name}");
        place.assert_untouched();
    }
}

#[test]
fn a_restore_file_does_not_go_through_links() {
    let place = Place::new();
    let original = place.target.join("made");
    fs::create_dir_all(original.join("way")).unwrap();
    fs::write(original.join("way/x"), "content").unwrap();
    fs::write(original.join("secret"), "content").unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"content"]);
    let names = [path("way/x"), path("secret")];
    let mut list = list_of(&original, &names, vec![package]);
    list.files[1].hardlink = Some(path("way/secret"));
    list.directories[0].directory = path("way");
    fs::remove_dir_all(&original).unwrap();
    symlink(&place.outside, place.target.join("way")).unwrap();
    fs::write(
        place.target.join(".hashget-restore.json"),
        list.to_json().unwrap(),
    )
    .unwrap();
    let log = Log::default();
    let stats = restore(&place.target, &RestoreOptions::default(), &sources, &log).unwrap();
    assert_eq!((stats.missing_files, stats.placed_files), (1, 1));
    assert!(place.target.join(".hashget-restore.json").exists());
    place.assert_untouched();
}

#[test]
fn a_directory_swapped_for_a_link_meanwhile_lets_nothing_out() {
    const FILES: usize = 300;
    for has_archive in [false, true] {
        let place = Place::new();
        let original = place.target.join("original");
        fs::create_dir_all(original.join("d/e")).unwrap();
        let contents: Vec<String> = (0..FILES)
            .map(|number| format!("content {number}"))
            .collect();
        let names: Vec<_> = (0..FILES)
            .map(|number| path(format!("d/e/{number}")))
            .collect();
        let mut tar = TarBuilder::new().directory("d/").directory("d/e/");
        for (name, content) in names.iter().zip(&contents) {
            fs::write(name.under(&original), content).unwrap();
            tar = tar.file(name.as_bytes(), content);
        }
        let mut sources = TestSources::default();
        let all: Vec<&[u8]> = contents.iter().map(String::as_bytes).collect();
        let package = sources.add(&all);
        let list = list_of(&original, &names, vec![package]);
        fs::remove_dir_all(&original).unwrap();
        fs::create_dir_all(place.target.join("d/e")).unwrap();
        fs::write(
            place.target.join(".hashget-restore.json"),
            list.to_json().unwrap(),
        )
        .unwrap();
        let archive = place.work.path().join("attack.tar");
        fs::write(&archive, tar.build()).unwrap();
        symlink("../outside", place.target.join("swap")).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (a, b) = (place.target.join("d"), place.target.join("swap"));
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let options = RestoreOptions::default();
            let log = Log::default();
            for _ in 0..5 {
                // What comes of it is the neighbour's doing; where it goes is ours.
                if has_archive {
                    extract(&archive, &place.target, &options, &sources, &log).unwrap();
                } else if place.target.join(".hashget-restore.json").exists() {
                    restore(&place.target, &options, &sources, &log).unwrap();
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        place.assert_untouched();
    }
}

#[test]
fn another_archive_s_restore_file_is_not_replaced() {
    let place = Place::new();
    let name = ".hashget-restore.json";
    let one = r#"{"files": [], "packages": []}"#;
    let archive = place.work.path().join("attack.tar");
    fs::write(&archive, TarBuilder::new().file(name, one).build()).unwrap();
    fs::write(
        place.target.join(name),
        r#"{"files": [], "packages": [], "expires": null}"#,
    )
    .unwrap();
    let extract = || {
        let options = RestoreOptions::default();
        let sources = TestSources::default();
        extract(&archive, &place.target, &options, &sources, &Log::default())
    };
    assert!(matches!(
        extract(),
        Err(RestoreError::OtherRestoreFile { .. })
    ));
    fs::write(place.target.join(name), one).unwrap();
    extract().unwrap();
}

#[test]
fn what_is_said_to_be_of_no_tree_goes_only_if_it_is_ours() {
    for name in [
        "f",
        "sub/.hashget-changes.json",
        "../outside/secret",
        "hashget-",
    ] {
        let place = Place::new();
        fs::write(place.target.join("f"), "mine").unwrap();
        own_members(&place, name);
        let error = done(&place).unwrap_err();
        assert!(matches!(error, RestoreError::RestoreFile { .. }), "{name}");
        assert_eq!(fs::read(place.target.join("f")).unwrap(), b"mine");
        place.assert_untouched();
    }
    // Never through a link, nor anything but files.
    let place = Place::new();
    symlink(&place.outside, place.target.join(".hashget-patches")).unwrap();
    own_members(&place, ".hashget-patches/secret");
    done(&place).unwrap();
    place.assert_untouched();
    let place = Place::new();
    fs::create_dir_all(place.target.join(".hashget-patches/a/b")).unwrap();
    own_members(&place, ".hashget-patches/a");
    done(&place).unwrap();
    assert!(place.target.join(".hashget-patches/a/b").is_dir());
    let place = Place::new();
    fs::create_dir(place.target.join(".hashget-patches")).unwrap();
    fs::write(place.target.join(".hashget-patches/a"), "a patch").unwrap();
    own_members(&place, ".hashget-patches/a");
    done(&place).unwrap();
    assert_eq!(fs::read_dir(&place.target).unwrap().count(), 0);
}

/// A restore file that lists no file, and says that this is not of the tree.
fn own_members(place: &Place, name: &str) {
    let json = format!(r#"{{"files": [], "packages": [], "own_members": ["{name}"]}}"#);
    fs::write(place.target.join(".hashget-restore.json"), json).unwrap();
}

fn done(place: &Place) -> Result<RestoreStats, RestoreError> {
    let sources = TestSources::default();
    let options = RestoreOptions::default();
    restore(&place.target, &options, &sources, &Log::default())
}
