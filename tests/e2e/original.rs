//! What the Python original wrote is read, and what we write has all that it needs.

use std::fs;
use std::path::Path;
use std::process::Command;

use hashget_words::digest::Digest;
use serde_json::{Value, json};

use hashget_tests::programs::{Client, HashServer, WebServer, succeed};

fn package(directory: &Path) -> (Vec<u8>, String) {
    let inside = directory.join("inside");
    fs::create_dir_all(&inside).unwrap();
    let content: Vec<u8> = (0..200_000_u32)
        .flat_map(|n| (n * 7).to_le_bytes())
        .collect();
    fs::write(inside.join("data.bin"), &content).unwrap();
    fs::create_dir_all(directory.join("www")).unwrap();
    let tarball = directory.join("www/package.tar.gz");
    succeed(
        Command::new("tar")
            .arg("-czf")
            .arg(&tarball)
            .arg("-C")
            .arg(&inside)
            .arg("data.bin"),
    );
    (content, Digest::of(&fs::read(tarball).unwrap()).to_string())
}

#[test]
fn an_archive_of_the_original_is_restored() {
    let temp = tempfile::tempdir().unwrap();
    let (content, package_hash) = package(temp.path());
    let web = WebServer::start(&temp.path().join("www"));
    let tree = temp.path().join("tree");
    fs::create_dir_all(tree.join("docs")).unwrap();
    fs::write(tree.join("docs/own"), "own").unwrap();
    // As the original's json.dump(indent=4, sort_keys=True) writes it.
    let restore_file = format!(
        r#"{{
    "files": [
        {{
            "atime": 1557569560,
            "ctime": 1557569556,
            "file": "docs/caf\udce9.bin",
            "gid": 0,
            "mode": 416,
            "mtime": 1557569556,
            "sha256": "{}",
            "size": {},
            "uid": 0
        }}
    ],
    "packages": [
        {{
            "hash": "sha256:{package_hash}",
            "url": "{}"
        }}
    ],
    "packagesize": 1000,
    "packagesize_exact": true
}}"#,
        Digest::of(&content),
        content.len(),
        web.url("package.tar.gz"),
    );
    let outside = temp.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join(".hashget-restore.json"), restore_file).unwrap();
    let archive = temp.path().join("original.tar.gz");
    succeed(
        Command::new("tar")
            .arg("-czf")
            .arg(&archive)
            .arg("-C")
            .arg(&tree)
            .args([".", "-C"])
            .arg(&outside)
            .arg(".hashget-restore.json"),
    );

    let client = Client::new(temp.path().join("home"));
    let restored = temp.path().join("restored");
    let (from, to) = (archive.to_str().unwrap(), restored.to_str().unwrap());
    client.hashget(["-u", from, "-C", to, "--hashserver"]);
    check_restored(&restored, &content);

    // The other way: unpacked by tar first, then the directory is named.
    let unpacked = temp.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    succeed(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&unpacked),
    );
    let told = client.hashget(["--postunpack", unpacked.to_str().unwrap(), "--hashserver"]);
    assert!(told.contains("Recovered 1/1 files"), "{told}");
    check_restored(&unpacked, &content);
}

fn check_restored(tree: &Path, content: &[u8]) {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let file = tree
        .join("docs")
        .join(std::ffi::OsStr::from_bytes(b"caf\xe9.bin"));
    assert_eq!(fs::read(&file).unwrap(), content);
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(
        (metadata.mode() & 0o7777, metadata.mtime()),
        (0o640, 1_557_569_556)
    );
    assert_eq!(fs::read(tree.join("docs/own")).unwrap(), b"own");
    assert!(
        !tree.join(".hashget-restore.json").exists(),
        "all is restored, the list is gone"
    );
}

#[test]
fn our_archive_has_every_member_that_the_original_reads() {
    let temp = tempfile::tempdir().unwrap();
    let (content, package_hash) = package(temp.path());
    let web = WebServer::start(&temp.path().join("www"));
    let client = Client::new(temp.path().join("home"));
    let url = web.url("package.tar.gz");
    client.hashget(["--submit", &url, "-p", "test", "--hashserver"]);
    let tree = temp.path().join("inside");
    let archive = temp.path().join("ours.tar.gz");
    let (directory, name) = (tree.to_str().unwrap(), archive.to_str().unwrap());
    client.hashget(["--pack", directory, "-zf", name, "--hashserver"]);

    let unpacked = temp.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    succeed(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&unpacked),
    );
    let json = fs::read(unpacked.join(".hashget-restore.json")).unwrap();
    let file: Value = serde_json::from_slice(&json).unwrap();
    assert!(
        file.get("expires").is_none(),
        "the original cannot read a null date"
    );
    assert_eq!(
        file["packages"][0]["hash"],
        format!("sha256:{package_hash}")
    );
    assert_eq!(file["packages"][0]["url"], url);
    assert!(file["packagesize"].is_u64() && file["packagesize_exact"] == json!(true));
    let entry = &file["files"][0];
    assert_eq!(entry["file"], "data.bin");
    assert_eq!(entry["sha256"], Digest::of(&content).to_string());
    for member in ["size", "mode", "uid", "gid", "atime", "ctime", "mtime"] {
        assert!(entry[member].is_i64(), "{member} of {entry}");
    }
}

#[test]
fn a_record_of_the_original_is_found_by_anchor_and_signature() {
    let temp = tempfile::tempdir().unwrap();
    let server = HashServer::start(&temp.path().join("data"));
    let sample =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/formats/original/record.json");
    let mut record: Value = serde_json::from_slice(&fs::read(sample).unwrap()).unwrap();
    record["expires"] = Value::Null;
    let http = reqwest::blocking::Client::new();
    let answer = http
        .post(format!("{}api/v1/packages", server.url()))
        .bearer_auth(server.token("publish:*"))
        .header("Content-Type", "application/json")
        .body(json!({"project": "debsnap", "packages": [record]}).to_string())
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());

    let sharded = |spec: &Value| {
        let hex = spec
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap()
            .to_owned();
        format!(
            "a/{}/{}/{}/{}",
            &hex[..2],
            &hex[2..4],
            &hex[4..6],
            &hex[6..]
        )
    };
    let signature = record["signatures"]["deb"].as_str().unwrap();
    for path in [
        sharded(&record["anchors"][0]),
        sharded(&record["hashes"][0]),
        format!("sig/deb/v/vim-common/{signature}"),
        format!("hashdb/sig/deb/v/vim-common/{signature}"),
    ] {
        let answer = http.get(format!("{}{path}", server.url())).send().unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let found: Value = serde_json::from_slice(&answer.bytes().unwrap()).unwrap();
        assert_eq!(found["url"], record["url"], "{path}");
        assert_eq!(found["files"], record["files"], "{path}");
    }
    let no_anchor = sharded(&record["files"][0]);
    let answer = http
        .get(format!("{}{no_anchor}", server.url()))
        .send()
        .unwrap();
    assert_eq!(
        answer.status(),
        404,
        "a file that is no anchor is no key here"
    );
}
