//! Deltas that do something else than they name.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use hashget_tests::programs::{Client, all_text, succeed};

#[test]
fn an_exchanged_entry_of_a_delta_makes_a_program_run_as_its_owner() {
    let work = tempfile::tempdir().unwrap();
    let at = |name: &str| work.path().join(name);
    fs::create_dir(at("tree")).unwrap();
    fs::write(at("tree/a"), "old").unwrap();
    succeed(
        Command::new("cp")
            .args(["-a", "tree", "copy"])
            .current_dir(work.path()),
    );
    let client = Client::new(at("home"));
    let hashget = |line: &str| {
        let mut hashget = client.command("hashget");
        hashget.args(line.split(' ')).current_dir(work.path());
        hashget
    };
    succeed(&mut hashget("delta index tree -o tree.index"));
    fs::write(at("tree/a"), "new").unwrap();
    succeed(&mut hashget("delta diff tree.index tree -o tree.delta.tar"));
    fs::create_dir(at("forged")).unwrap();
    succeed(
        Command::new("tar")
            .args(["-xf", "../tree.delta.tar"])
            .current_dir(at("forged")),
    );
    let manifest = at("forged/hashget-delta.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    let mode = at("tree/a").metadata().unwrap().mode() & 0o7777;
    let (before, new) = text.rsplit_once("\"new\":{\"path\":\"a\"").unwrap();
    let forged = new.replacen(&format!("\"mode\":{mode}"), "\"mode\":2541", 1);
    assert_ne!(forged, new);
    fs::write(
        &manifest,
        format!("{before}\"new\":{{\"path\":\"a\"{forged}"),
    )
    .unwrap();
    succeed(
        Command::new("tar")
            .args(["-cf", "../forged.delta.tar", "hashget-delta.jsonl", "new"])
            .current_dir(at("forged")),
    );
    let output = hashget("delta apply copy forged.delta.tar")
        .output()
        .unwrap();
    let said = all_text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("are not the new state that it names"),
        "{said}"
    );
    assert_eq!(fs::read(at("copy/a")).unwrap(), b"old");
    succeed(&mut hashget("delta apply copy tree.delta.tar"));
    assert_eq!(fs::read(at("copy/a")).unwrap(), b"new");
}
