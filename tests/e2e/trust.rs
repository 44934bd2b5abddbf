//! A hashserver that lies: with `--trust self` the archive is right, without it `verify --deep`
//! names every lie before it is too late.

use std::fs;
use std::path::Path;

use hashget_tests::{Random, assert_same_tree};
use hashget_words::digest::Digest;
use serde_json::json;

use hashget_tests::programs::{Client, HashServer, WebServer, all_text, succeed};

#[test]
fn lies_are_avoided_or_named() {
    let temp = tempfile::tempdir().unwrap();
    let tree = temp.path().join("tree");
    let www = temp.path().join("www");
    fs::create_dir_all(&tree).unwrap();
    fs::create_dir_all(&www).unwrap();
    let content = Random::new(1).bytes(200_000);
    let other = Random::new(2).bytes(50_000);
    fs::write(tree.join("honest.bin"), &content).unwrap();
    fs::write(tree.join("lied-about.bin"), &other).unwrap();
    let tarball = www.join("package.tar.gz");
    succeed(
        std::process::Command::new("tar")
            .arg("-czf")
            .arg(&tarball)
            .arg("-C")
            .arg(&tree)
            .arg("honest.bin"),
    );
    let web = WebServer::start(&www);

    let server = HashServer::start(&temp.path().join("data"));
    let package_digest = Digest::of(&fs::read(&tarball).unwrap());
    let lie = json!({"project": "lies", "packages": [{
        "url": web.url("package.tar.gz"),
        "files": [format!("sha256:{}", Digest::of(&content)), format!("sha256:{}", Digest::of(&other))],
        "anchors": [format!("sha256:{}", Digest::of(&content))],
        "signatures": {"url": web.url("package.tar.gz")},
        "hashes": [format!("sha256:{package_digest}")],
        "attrs": {"size": fs::metadata(&tarball).unwrap().len()},
    }]});
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}api/v1/packages", server.url()))
        .bearer_auth(server.token("publish:lies"))
        .header("Content-Type", "application/json")
        .body(lie.to_string())
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);

    let pack = |home: &str, trust: &str| {
        let archive = temp.path().join(format!("{trust}.tar.gz"));
        let client = Client::new(temp.path().join(home));
        let (from, to) = (tree.to_str().unwrap(), archive.to_str().unwrap());
        client.hashget([
            "--pack",
            from,
            "-zf",
            to,
            "--trust",
            trust,
            "--hashserver",
            server.url(),
        ]);
        archive
    };
    believing(&temp.path().join("verifier"), &pack("believer", "server"));
    let careful = pack("careful", "self");
    let restored = temp.path().join("restored");
    let (from, to) = (careful.to_str().unwrap(), restored.to_str().unwrap());
    Client::new(temp.path().join("restorer")).hashget(["-u", from, "-C", to, "--hashserver"]);
    assert_same_tree(&tree, &restored);
}

/// The archive of who believed the server is unrestorable, and is told so by name.
fn believing(home: &Path, archive: &Path) {
    assert!(
        fs::metadata(archive).unwrap().len() < 5_000,
        "both files were left out"
    );
    let mut verify = Client::new(home).command("hashget");
    verify.args(["verify", archive.to_str().unwrap(), "--hashserver"]);
    let shallow = verify.output().unwrap();
    assert!(
        shallow.status.success(),
        "the package is alive: {}",
        all_text(&shallow)
    );
    let deep = verify.arg("--deep").output().unwrap();
    let told = all_text(&deep);
    assert!(!deep.status.success(), "{told}");
    assert!(told.contains("lied-about.bin"), "{told}");
    assert!(!told.contains("honest.bin:"), "{told}");
}
