//! The whole program: its signals, exit codes, tokens and settings.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use hashget_api::PublishResponse;
use hashget_words::hash_package::HashPackage;
use program::{Program, command, package, token};
use reqwest::blocking::Client;
use serde_json::json;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn publish(url: &str, token: &str, packages: &[HashPackage]) -> u16 {
    let body = json!({"project": "p", "packages": packages}).to_string();
    let request = Client::new()
        .post(format!("{url}api/v1/packages"))
        .bearer_auth(token);
    let answer = request.body(body).send().unwrap();
    let status = answer.status().as_u16();
    if status == 200 {
        let answer: PublishResponse = serde_json::from_slice(&answer.bytes().unwrap()).unwrap();
        assert_eq!(answer.ids.len(), packages.len());
    }
    status
}

#[test]
fn records_outlive_the_process() {
    let data = tempfile::tempdir().unwrap();
    let token = token(data.path(), "publish:p");
    let server = Program::start(data.path());
    assert_eq!(publish(&server.url, &token, &[package("a", 3)]), 200);
    assert_eq!(server.stop(), Some(0));
    let server = Program::start(data.path());
    let digest = package("a", 3).anchors[0];
    let url = format!("{}a/{}", server.url, digest.sharded_path());
    let answer = reqwest::blocking::get(url).unwrap();
    let found: HashPackage = serde_json::from_slice(&answer.bytes().unwrap()).unwrap();
    assert_eq!(found, package("a", 3));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_has_few_arenas_and_is_the_process_that_was_started() {
    let data = tempfile::tempdir().unwrap();
    let server = Program::start(data.path());
    let variables = server.environment();
    assert!(
        variables.contains(&"MALLOC_ARENA_MAX=2".to_owned()),
        "{variables:?}"
    );
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn requests_in_flight_are_finished() {
    let data = tempfile::tempdir().unwrap();
    let token = token(data.path(), "admin");
    let server = Program::start(data.path());
    let address = server
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let body = json!({"project": "p", "packages": [package("a", 3)]}).to_string();
    let length = body.len();
    let head = format!(
        "POST /api/v1/packages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let stopping = std::thread::spawn(move || server.stop());
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stopping.join().unwrap(), Some(0));
}

#[test]
fn tokens_are_made_and_revoked_while_the_server_runs() {
    let data = tempfile::tempdir().unwrap();
    let server = Program::start(data.path());
    let token = token(data.path(), "publish:*");
    assert_eq!(publish(&server.url, &token, &[package("a", 1)]), 200);
    let list = command(data.path(), &["token", "list"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let id = list.split(' ').next().unwrap();
    assert!(list.contains("publish:*") && !list.contains(&token));
    assert!(
        command(data.path(), &["token", "revoke", id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(publish(&server.url, &token, &[package("b", 1)]), 401);
    let again = command(data.path(), &["token", "revoke", id])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn a_store_is_moved_by_export_and_import() {
    let data = tempfile::tempdir().unwrap();
    let token = token(data.path(), "admin");
    let server = Program::start(data.path());
    assert_eq!(
        publish(&server.url, &token, &[package("a", 3), package("b", 3)]),
        200
    );
    let running = command(data.path(), &["export"]).output().unwrap();
    assert_eq!(
        running.status.code(),
        Some(1),
        "a store in use cannot be exported"
    );
    server.stop();
    let lines = command(data.path(), &["export"]).output().unwrap().stdout;
    assert_eq!(lines.split(|byte| *byte == b'\n').count(), 3);
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("lines");
    fs::write(&file, &lines).unwrap();
    let file = file.to_str().unwrap();
    assert!(
        command(other.path(), &["import", file])
            .output()
            .unwrap()
            .status
            .success()
    );
    assert_eq!(
        command(other.path(), &["export"]).output().unwrap().stdout,
        lines
    );
    let none = tempfile::tempdir().unwrap();
    assert_eq!(
        command(none.path(), &["export"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn a_running_server_is_backed_up_and_the_backup_restored() {
    let data = tempfile::tempdir().unwrap();
    let admin = token(data.path(), "admin");
    let server = Program::start(data.path());
    assert_eq!(
        publish(&server.url, &admin, &[package("a", 3), package("b", 3)]),
        200
    );
    let file = data.path().join("backup.jsonl");
    let export = |token: &str| {
        Command::new(env!("CARGO_BIN_EXE_hashserver"))
            .args(["export", "--from", &server.url, "--output"])
            .arg(&file)
            .env("HASHGET_TOKEN", token)
            .output()
            .unwrap()
    };
    let refused = export("hgt_wrong");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("401") && !file.exists());
    let done = export(&admin);
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(stderr(&done).contains("2 records written"));
    server.stop();
    let other = tempfile::tempdir().unwrap();
    let import = command(other.path(), &["import", file.to_str().unwrap()]);
    assert!({ import }.status().unwrap().success());
    let lines = |data| command(data, &["export"]).output().unwrap().stdout;
    assert_eq!(lines(other.path()), fs::read(&file).unwrap());
}

#[test]
fn a_store_is_checked_and_compacted() {
    let data = tempfile::tempdir().unwrap();
    let token = token(data.path(), "admin");
    let server = Program::start(data.path());
    for round in 0..3 {
        let packages: Vec<HashPackage> = (0..50)
            .map(|n| package(&format!("{n}"), 20 + round))
            .collect();
        assert_eq!(publish(&server.url, &token, &packages), 200);
    }
    let running = command(data.path(), &["compact"]).output().unwrap();
    assert_eq!(
        running.status.code(),
        Some(1),
        "a store in use is left alone"
    );
    server.stop();
    let run = |arguments: &[&str]| command(data.path(), arguments).output().unwrap();
    let exported = run(&["export"]).stdout;
    let check = run(&["check"]);
    assert!(check.status.success(), "{}", stderr(&check));
    assert!(String::from_utf8_lossy(&check.stdout).starts_with("50 records\n"));
    // What an interrupted compaction left is no hindrance.
    fs::create_dir(data.path().join("store.compacting")).unwrap();
    let compact = run(&["compact"]);
    assert!(compact.status.success(), "{}", stderr(&compact));
    assert!(!data.path().join("store.compacting").exists());
    assert_eq!(run(&["export"]).stdout, exported);
    assert!(run(&["check", "--rebuild"]).status.success());
    let server = Program::start(data.path());
    assert_eq!(publish(&server.url, &token, &[package("new", 3)]), 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_last_use_of_a_token_is_listed() {
    let data = tempfile::tempdir().unwrap();
    let used = token(data.path(), "publish:p");
    token(data.path(), "read");
    let server = Program::start(data.path());
    assert_eq!(publish(&server.url, &used, &[package("a", 1)]), 200);
    server.stop();
    let list = command(data.path(), &["token", "list"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert!(
        lines[0].contains(" used=20") && lines[1].contains(" used=never "),
        "{list}"
    );
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let _first = Program::start(data.path());
    let second = command(data.path(), &["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        stderr(&second).contains("in use by another process")
            && stderr(&second).contains("hint: stop the hashserver"),
        "{}",
        stderr(&second)
    );
}

#[test]
fn an_address_that_is_taken_is_told_with_a_way_out() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(data.path(), &["--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains(&address) && told.contains("hint: another program"),
        "{told}"
    );
}

#[test]
fn an_unusable_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let output = command(&file.join("data"), &["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot use the data directory"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn wrong_usage_and_wrong_settings_end_with_2() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("settings.toml");
    fs::write(&file, "listen_on = 'x'").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, word) in [
        (&["--listen", "nowhere"][..], "`listen`"),
        (&["--no-such-flag"], "no-such-flag"),
        (&["--settings", file], "listen_on"),
        (&["--settings", "/nonexistent/settings"], "cannot read"),
        (&["--max-publish-bytes", "0"], "`max_publish_bytes`"),
        (
            &["token", "add", "--scope", "root"],
            "use read, read:PROJECT, publish:PROJECT",
        ),
    ] {
        let output = command(data.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(word),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn flags_go_before_the_environment_before_the_file() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("settings.toml");
    let name_shown = |flag: Option<&str>, variable: Option<&str>| {
        fs::write(&file, "listen = 'file'").unwrap();
        let mut command = command(data.path(), &["--settings", file.to_str().unwrap()]);
        command.args(flag.iter().flat_map(|value| ["--listen", value]));
        command.envs(variable.map(|value| ("HASHSERVER_LISTEN", value)));
        stderr(&command.output().unwrap())
    };
    assert!(name_shown(Some("flag"), Some("variable")).contains("\"flag\""));
    assert!(name_shown(None, Some("variable")).contains("\"variable\""));
    assert!(name_shown(None, None).contains("\"file\""));
}
