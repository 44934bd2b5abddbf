//! Publishers who claim that a package holds what is not theirs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hashget_tests::Random;
use hashget_tests::fault_server::{FaultServer, Reply, dead_url};
use hashget_tests::programs::{Client, HashServer, all_text, succeed};
use hashget_words::digest::Digest;
use serde_json::json;

/// A tree with a secret, and a hashserver where anybody may publish into the project `a`.
struct Scene {
    work: tempfile::TempDir,
    server: HashServer,
    secret: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let tree = work.path().join("tree");
        fs::create_dir_all(&tree).unwrap();
        let secret = Random::new(7).bytes(60_000);
        fs::write(tree.join("secret"), &secret).unwrap();
        let server = HashServer::start(&work.path().join("data"));
        Self {
            work,
            server,
            secret,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// A tarball of the secret.
    fn honest_package(&self) -> Vec<u8> {
        let tar = self.at("package.tar.gz");
        let tree = self.at("tree");
        succeed(
            Command::new("tar")
                .arg("-czf")
                .arg(&tar)
                .arg("-C")
                .arg(tree)
                .arg("secret"),
        );
        fs::read(tar).unwrap()
    }

    /// Publishes that the package at `url` holds the secret.
    fn claim(&self, url: &str, package: &[u8]) {
        let record = json!({"project": "a", "packages": [{
            "url": url,
            "files": [format!("sha256:{}", Digest::of(&self.secret))],
            "anchors": [],
            "signatures": {"url": url},
            "hashes": [format!("sha256:{}", Digest::of(package))],
            "attrs": {"size": package.len()},
        }]});
        let answer = reqwest::blocking::Client::new()
            .post(format!("{}api/v1/packages", self.server.url()))
            .bearer_auth(self.server.token("publish:a"))
            .header("Content-Type", "application/json")
            .body(record.to_string())
            .send()
            .unwrap();
        assert_eq!(answer.status(), 200);
    }

    fn command(&self, home: &str) -> Command {
        let mut command = Client::new(self.at(home)).command("hashget");
        command.env("HASHGET_READ_ONE_IN", "0");
        command
    }

    /// Packs the tree; what was said, and whether the secret is in the archive.
    fn pack(&self, home: &str, more: &[&str]) -> (String, bool) {
        let (tree, archive) = (self.at("tree"), self.at("a.tar.gz"));
        let mut pack = self.command(home);
        pack.args([
            "pack",
            tree.to_str().unwrap(),
            "-f",
            archive.to_str().unwrap(),
        ]);
        pack.args(["--hashserver", self.server.url()]).args(more);
        let said = succeed(&mut pack);
        let list = succeed(Command::new("tar").arg("-tzf").arg(archive));
        (
            said,
            list.lines()
                .any(|name| name.trim_start_matches("./") == "secret"),
        )
    }
}

#[test]
fn a_record_of_a_dead_url_makes_a_file_fall_out_of_the_backup() {
    let scene = Scene::new();
    scene.claim(&dead_url("/p.tar.gz"), b"never seen");
    let (said, is_packed) = scene.pack("victim", &[]);
    assert!(is_packed, "{said}");
    let project = format!("1 package of {}#a is not relied on", scene.server.url());
    assert!(
        said.contains(&project) && said.contains("connection refused"),
        "{said}"
    );
    // Who names the project takes its word.
    let named = format!("server={}#a", scene.server.url());
    let (said, is_packed) = scene.pack("victim", &["--trust", &named]);
    assert!(
        !is_packed && said.contains(&format!("{}#a", scene.server.url())),
        "{said}"
    );
    let other = format!("server={}#b", scene.server.url());
    let (_, is_packed) = scene.pack("victim", &["--trust", &other]);
    assert!(is_packed);
}

#[test]
fn a_record_with_another_size_makes_a_file_fall_out_of_the_backup() {
    let scene = Scene::new();
    let web = FaultServer::start(|_| Reply::new(200, "something else"));
    scene.claim(&web.url("/p.tar.gz"), b"a package of another size");
    let (said, is_packed) = scene.pack("victim", &[]);
    assert!(
        is_packed && said.contains("size is 14, expected 25"),
        "{said}"
    );
}

#[test]
fn a_lie_about_a_living_package_is_never_found_out() {
    let scene = Scene::new();
    let package = b"this is no archive and holds no secret".to_vec();
    let content = package.clone();
    let web = FaultServer::start(move |_| Reply::new(200, content.clone()));
    scene.claim(&web.url("/p.tar.gz"), &package);
    let (tree, archive) = (scene.at("tree"), scene.at("b.tar.gz"));
    for (option, value) in [("HASHGET_TRUST", "verified"), ("HASHGET_READ_ONE_IN", "1")] {
        let mut pack = scene.command("victim");
        pack.args([
            "pack",
            tree.to_str().unwrap(),
            "-f",
            archive.to_str().unwrap(),
        ]);
        pack.args(["--hashserver", scene.server.url()]);
        let output = pack.env(option, value).output().unwrap();
        let said = all_text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for part in [
            &web.url("/p.tar.gz"),
            &format!("{}#a", scene.server.url()),
            "is wrong",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!archive.exists());
    }
}

#[test]
fn a_backup_of_a_series_relies_on_a_lie() {
    let scene = Scene::new();
    let package = b"this is no archive and holds no secret".to_vec();
    let content = package.clone();
    let web = FaultServer::start(move |_| Reply::new(200, content.clone()));
    scene.claim(&web.url("/p.tar.gz"), &package);
    let config = format!(
        "[profile.Home.Docs]\nsource = {:?}\ndestination = {:?}\nmax_series = 9\nmax_series_length = 3\n",
        scene.at("tree"),
        scene.at("backups")
    );
    fs::write(scene.at("series.toml"), config).unwrap();
    let run = |more: &[&str]| {
        let mut run = scene.command("victim");
        run.args(["series", "run"])
            .env("HASHGET_SERIES", scene.at("series.toml"));
        run.args(["--hashserver", scene.server.url()]).args(more);
        let output = run.output().unwrap();
        (output.status.code(), all_text(&output))
    };
    let (status, said) = run(&[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("is wrong") && said.contains("#a"), "{said}");
    // What may not be downloaded cannot be relied on, and is packed.
    let (status, said) = run(&["--max-download", "1"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("not relied on"), "{said}");
}

#[test]
fn each_pack_asks_for_every_package_again() {
    let scene = Scene::new();
    let package = scene.honest_package();
    let content = package.clone();
    let web = FaultServer::start(move |_| Reply::new(200, content.clone()));
    scene.claim(&web.url("/p.tar.gz"), &package);
    let (said, is_packed) = scene.pack("user", &[]);
    assert!(!is_packed, "{said}");
    assert!(said.contains("(checked)"), "{said}");
    assert_eq!(web.log(), ["HEAD /p.tar.gz"]);
    let (_, is_packed) = scene.pack("user", &[]);
    assert!(!is_packed);
    assert_eq!(web.log(), ["HEAD /p.tar.gz"]);
    // What was read once is this machine's own record.
    let (_, is_packed) = scene.pack("user", &["--trust", "verified"]);
    assert!(!is_packed);
    let asked = web.log().len();
    let (said, is_packed) = scene.pack("user", &["--trust", "verified"]);
    assert!(!is_packed && said.contains("own (_checked)"), "{said}");
    assert_eq!(web.log().len(), asked);
    let (_, is_packed) = scene.pack("user", &["--trust", "self"]);
    assert!(!is_packed);
}

/// Publishes a package that claims to be vim 9.
fn publish_vim(server: &HashServer, token: &str, project: &str, url: &str) {
    let record = json!({"project": project, "packages": [{
        "url": url,
        "files": [format!("sha256:{}", Digest::of(url.as_bytes()))],
        "anchors": [],
        "signatures": {"url": url, "deb": "vim_9_amd64"},
        "hashes": [format!("sha256:{}", Digest::of(url.as_bytes()))],
        "attrs": {"size": 1},
    }]});
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}api/v1/packages", server.url()))
        .bearer_auth(token)
        .header("Content-Type", "application/json")
        .body(record.to_string())
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);
}

/// The URLs that a server answers for vim 9: by a look-up, and to the Python client.
fn answers(server: &HashServer) -> (Vec<String>, Option<String>) {
    let client = reqwest::blocking::Client::new();
    let looked_up: serde_json::Value = serde_json::from_slice(
        &client
            .post(format!("{}api/v1/lookup", server.url()))
            .header("Content-Type", "application/json")
            .body(json!({"signatures": ["deb:vim_9_amd64"]}).to_string())
            .send()
            .unwrap()
            .bytes()
            .unwrap(),
    )
    .unwrap();
    let packages = looked_up["packages"].as_array().unwrap();
    let urls = packages
        .iter()
        .map(|it| it["url"].as_str().unwrap().to_owned());
    let record = client
        .get(format!("{}sig/deb/v/vim/vim_9_amd64", server.url()))
        .send()
        .unwrap();
    let record = (record.status() == 200).then(|| {
        let record: serde_json::Value = serde_json::from_slice(&record.bytes().unwrap()).unwrap();
        record["url"].as_str().unwrap().to_owned()
    });
    (urls.collect(), record)
}

#[test]
fn a_publisher_answers_for_the_signature_of_anothers_package() {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    let server = HashServer::start(&data);
    publish_vim(
        &server,
        &server.token("publish:a"),
        "a",
        "http://example.org/evil.deb",
    );
    assert_eq!(answers(&server), (vec![], None));
    // The operator himself, and who may sign by his word, are answered.
    let operators = "http://example.org/vim_9_amd64.deb".to_owned();
    publish_vim(&server, &server.token("admin"), "b", &operators);
    assert_eq!(
        answers(&server),
        (vec![operators.clone()], Some(operators.clone()))
    );
    let add = [
        "token",
        "add",
        "--scope",
        "publish:c",
        "--scope",
        "sign:deb",
        "--data",
    ];
    let token = succeed(
        Command::new(hashget_tests::programs::program("hashserver"))
            .args(add)
            .arg(&data),
    );
    let token = token
        .lines()
        .find(|line| line.len() > 30 && !line.contains(' '))
        .unwrap();
    let signed = "http://example.org/also-vim.deb".to_owned();
    publish_vim(&server, token, "c", &signed);
    let (mut urls, _) = answers(&server);
    urls.sort();
    assert_eq!(urls, [signed, operators]);
}

#[test]
fn a_publisher_adds_a_file_to_a_package_that_this_machine_has_read() {
    let scene = Scene::new();
    // The user has indexed the package himself, and it holds something else.
    fs::write(scene.at("else"), Random::new(8).bytes(5000)).unwrap();
    succeed(
        Command::new("tar")
            .args(["-czf", "p.tar.gz", "else"])
            .current_dir(scene.work.path()),
    );
    let package = fs::read(scene.at("p.tar.gz")).unwrap();
    let content = package.clone();
    let web = FaultServer::start(move |_| Reply::new(200, content.clone()));
    let url = web.url("/p.tar.gz");
    let mut submit = scene.command("victim");
    submit.args(["submit", &url, "--no-hashserver", "-p", "mine"]);
    succeed(&mut submit);
    scene.claim(&url, &package);
    let (said, is_packed) = scene.pack("victim", &[]);
    assert!(is_packed, "{said}");
    // Neither under another URL of the same package.
    scene.claim(&web.url("/again.tar.gz"), &package);
    let (said, is_packed) = scene.pack("victim", &[]);
    assert!(is_packed, "{said}");
}

#[test]
fn a_sample_that_is_no_archive_counts_as_good() {
    let scene = Scene::new();
    let package = scene.honest_package();
    let broken = vec![b'x'; package.len()];
    let web = FaultServer::start(move |_| Reply::new(200, broken.clone()));
    scene.claim(&web.url("/p.tar.gz"), &package);
    let (tree, archive) = (scene.at("tree"), scene.at("a.tar.gz"));
    let mut pack = scene.command("victim");
    pack.args([
        "pack",
        tree.to_str().unwrap(),
        "-f",
        archive.to_str().unwrap(),
    ]);
    pack.args(["--hashserver", scene.server.url()])
        .env("HASHGET_READ_ONE_IN", "1");
    let said = all_text(&pack.output().unwrap());
    assert!(said.contains("not relied on"), "{said}");
    let list = succeed(Command::new("tar").arg("-tzf").arg(&archive));
    assert!(list.contains("secret"), "{said}");
}

#[test]
fn a_revoked_publisher_goes_on_answering_for_signatures() {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    let server = HashServer::start(&data);
    let hashserver = |arguments: &[&str]| {
        let program = hashget_tests::programs::program("hashserver");
        succeed(
            Command::new(program)
                .args(arguments)
                .arg("--data")
                .arg(&data),
        )
    };
    let token = hashserver(&["token", "add", "--scope", "publish:a", "--name", "liar"]);
    let token = token
        .lines()
        .find(|line| line.len() > 30 && !line.contains(' '))
        .unwrap();
    publish_vim(&server, token, "a", "http://example.org/evil.deb");
    hashserver(&["token", "revoke", "liar"]);
    assert_eq!(answers(&server), (vec![], None));
}
