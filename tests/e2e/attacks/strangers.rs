//! Archives that a stranger made, restored by somebody with more rights.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_tests::programs::{Client, all_text, succeed};
use hashget_tests::{Random, not_run};

struct Scene {
    work: tempfile::TempDir,
    client: Client,
    web: FaultServer,
}

impl Scene {
    /// An archive that leaves out a file of a package at a private address.
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let at = |name: &str| work.path().join(name);
        fs::create_dir_all(at("tree")).unwrap();
        fs::write(at("tree/left-out"), Random::new(5).bytes(40_000)).unwrap();
        fs::write(at("tree/kept"), "kept").unwrap();
        succeed(
            Command::new("tar")
                .args(["-czf", "p.tar.gz", "-C", "tree", "left-out"])
                .current_dir(work.path()),
        );
        let package = fs::read(at("p.tar.gz")).unwrap();
        let web = FaultServer::start(move |_| Reply::new(200, package.clone()));
        let client = Client::new(at("home"));
        let scene = Self { work, client, web };
        let url = scene.web.url("/p.tar.gz");
        scene.runs(&format!(
            "submit {url} --file p.tar.gz -p mine --no-hashserver"
        ));
        scene.runs("pack tree -f a.tar.gz --no-hashserver");
        // Whoever restores knows nothing of the package.
        fs::remove_dir_all(scene.at("home")).unwrap();
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn run(&self, line: &str) -> Output {
        fs::create_dir_all(self.at("home")).unwrap();
        let mut hashget = self.client.command("hashget");
        hashget.args(line.split(' ')).current_dir(self.work.path());
        hashget.output().unwrap()
    }

    fn runs(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", all_text(&output));
        all_text(&output)
    }
}

#[test]
fn an_archive_makes_root_ask_a_private_address() {
    let scene = Scene::new();
    let before = scene.web.log().len();
    let output = scene.run("restore a.tar.gz out --untrusted --no-hashserver");
    let said = all_text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("private address") && said.contains("left-out"),
        "{said}"
    );
    assert_eq!(fs::read(scene.at("out/kept")).unwrap(), b"kept");
    assert_eq!(scene.web.log().len(), before);
    scene.runs("restore a.tar.gz whole --trusted --no-hashserver");
    assert!(scene.at("whole/left-out").exists());
}

#[test]
fn an_archive_of_somebody_else_is_read_like_an_own_one() {
    let scene = Scene::new();
    let given = std::os::unix::fs::chown(scene.at("a.tar.gz"), Some(12345), None);
    if given.is_err() {
        not_run(
            "an_archive_of_somebody_else_is_read_like_an_own_one",
            "only root can give files away",
        );
        return;
    }
    let output = scene.run("restore a.tar.gz out --no-hashserver");
    let said = all_text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("belongs to another user") && said.contains("private address"),
        "{said}"
    );
    let asked = scene.web.log().len();
    let said = all_text(&scene.run("verify a.tar.gz --no-hashserver"));
    assert!(said.contains("private address"), "{said}");
    assert_eq!(scene.web.log().len(), asked);
    scene.runs("verify a.tar.gz --trusted --no-hashserver");
    // Limits are for strangers.
    let limited = |line: &str| {
        let mut hashget = scene.client.command("hashget");
        hashget.args(line.split(' ')).current_dir(scene.work.path());
        hashget
            .env("HASHGET_PACKAGE_LIMITS", "max_entries=2")
            .output()
            .unwrap()
    };
    let output = limited("restore a.tar.gz few --no-hashserver");
    let said = all_text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("max_entries"), "{said}");
    assert!(!scene.at("few/kept").exists());
}
