//! Hint files that make files of others fall out of a backup, or the packer ask hosts of the author's choice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_tests::programs::{Client, succeed};
use hashget_tests::{Random, not_run};

/// A tree with a secret of root's, and a package that holds a copy of it.
struct Scene {
    work: tempfile::TempDir,
    web: FaultServer,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let at = |name: &str| work.path().join(name);
        for directory in ["tree/etc", "tree/home/author/deep", "www"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for (number, file) in ["tree/etc/secret", "tree/home/author/deep/own"]
            .iter()
            .enumerate()
        {
            fs::write(at(file), Random::new(number as u64).bytes(50_000)).unwrap();
        }
        succeed(
            Command::new("tar")
                .args(["-czf", "www/evil.tar.gz", "-C", "tree"])
                .args(["etc/secret", "home/author/deep/own"])
                .current_dir(work.path()),
        );
        let package = fs::read(at("www/evil.tar.gz")).unwrap();
        let web = FaultServer::start(move |_| Reply::new(200, package.clone()));
        let client = Client::new(at("home"));
        let scene = Self { work, web, client };
        let hint = format!(
            r#"{{"url": "{}", "project": "debsnap"}}"#,
            scene.web.url("/evil.tar.gz")
        );
        fs::write(scene.hint(), hint).unwrap();
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn hint(&self) -> PathBuf {
        self.at("tree/home/author/.hashget-hint.json")
    }

    /// Packs the tree; what was said, and which files are in the archive.
    fn pack(&self, more: &[&str]) -> (String, Vec<String>) {
        let (tree, archive) = (self.at("tree"), self.at("a.tar.gz"));
        let (tree, archive) = (tree.to_str().unwrap(), archive.to_str().unwrap());
        let pack = ["pack", tree, "-f", archive, "--no-hashserver"];
        let said = self.client.hashget([&pack[..], more].concat());
        let list = succeed(Command::new("tar").args(["-tzf", archive]));
        let members = list
            .lines()
            .map(|name| name.trim_start_matches("./").to_owned());
        (said, members.collect())
    }

    fn restores(&self) {
        let out = self.at("out");
        let _fresh = fs::remove_dir_all(&out);
        let (archive, to) = (self.at("a.tar.gz"), out.to_str().unwrap());
        self.client
            .hashget(["restore", archive.to_str().unwrap(), to, "--no-hashserver"]);
        hashget_tests::assert_same_tree(&self.at("tree"), &out);
    }
}

fn has(members: &[String], name: &str) -> bool {
    members.iter().any(|member| member == name)
}

#[test]
fn a_hint_in_anothers_home_leaves_out_a_file_of_root() {
    let scene = Scene::new();
    let mine = fs::metadata(scene.hint()).unwrap();
    if std::os::unix::fs::MetadataExt::uid(&mine) != 0 {
        not_run(
            "a_hint_in_anothers_home_leaves_out_a_file_of_root",
            "only root can give files away",
        );
        return;
    }
    let own = |path: &Path| std::os::unix::fs::chown(path, Some(12345), Some(12345)).unwrap();
    own(&scene.at("tree/home/author"));
    own(&scene.hint());
    let (said, members) = scene.pack(&["--private-hints"]);
    assert!(said.contains("is not obeyed"), "{said}");
    assert!(said.contains("belongs to another user"), "{said}");
    assert!(
        has(&members, "etc/secret") && has(&members, "home/author/deep/own"),
        "{members:?}"
    );
    // Only the hint was given away, or only the directory.
    std::os::unix::fs::chown(scene.at("tree/home/author"), Some(0), Some(0)).unwrap();
    let (said, _) = scene.pack(&["--private-hints"]);
    assert!(said.contains("belongs to another user"), "{said}");
    std::os::unix::fs::chown(scene.hint(), Some(0), Some(0)).unwrap();
    own(&scene.at("tree/home"));
    let (said, members) = scene.pack(&["--private-hints"]);
    assert!(said.contains("belongs to another user"), "{said}");
    assert!(has(&members, "etc/secret"));
    assert_eq!(scene.web.log(), [""; 0]);
}

#[test]
fn a_hint_leaves_out_a_file_beside_its_directory() {
    let scene = Scene::new();
    for round in ["new", "known"] {
        let (said, members) = scene.pack(&["--private-hints"]);
        assert!(has(&members, "etc/secret"), "{round}: {members:?}");
        assert!(
            !has(&members, "home/author/deep/own"),
            "{round}: {members:?}"
        );
        assert!(
            said.contains("50000 bytes are left out because hint files name"),
            "{said}"
        );
        scene.restores();
    }
    // The record is there, and nobody vouches for it any more.
    fs::remove_file(scene.hint()).unwrap();
    let (_, members) = scene.pack(&["--private-hints"]);
    assert!(has(&members, "home/author/deep/own"), "{members:?}");
    // The same content outside is not left out under any name.
    fs::write(
        scene.hint(),
        format!(r#"{{"url": "{}"}}"#, scene.web.url("/evil.tar.gz")),
    )
    .unwrap();
    fs::copy(
        scene.at("tree/home/author/deep/own"),
        scene.at("tree/etc/copy"),
    )
    .unwrap();
    let (_, members) = scene.pack(&["--private-hints"]);
    assert!(has(&members, "home/author/deep/own") && has(&members, "etc/copy"));
}

#[test]
fn a_hint_makes_the_packer_ask_a_private_address() {
    let scene = Scene::new();
    let (said, members) = scene.pack(&[]);
    assert!(said.contains("private address"), "{said}");
    assert!(has(&members, "home/author/deep/own"));
    assert_eq!(scene.web.log(), [""; 0]);
}
