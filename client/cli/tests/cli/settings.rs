//! Flags before variables before the user's file.

use crate::bed::{Bed, run};

#[test]
fn flags_go_before_variables_before_the_file() {
    let bed = Bed::new();
    let text = format!("cache = {:?}\n", bed.path("from-file"));
    let file = bed.write("settings.toml", text);
    let stat = |cache: Option<&str>| {
        let mut command = bed.hashget();
        command.args(["cache", "stat"]).env("HASHGET_CONFIG", &file);
        match cache {
            Some(cache) => command.env("HASHGET_CACHE", cache),
            None => command.env_remove("HASHGET_CACHE"),
        };
        run(&mut command).expect(0).stdout
    };
    assert!(stat(Some("/from-variable")).starts_with("/from-variable: 0 files"));
    assert!(stat(None).contains("from-file: 0 files"));

    let db = |line: &str| bed.run_admin(line).expect(0).stdout;
    assert!(db("--status").contains("/hashdb: 0 packages"));
    assert!(db("--status --path ~/other").contains("/other: 0 packages"));
}

#[test]
fn the_users_file_is_found_in_the_home() {
    let bed = Bed::new();
    bed.write(".config/hashget/hashget.toml", "trust = \"nobody\"\n");
    bed.write("tree/x", "x");
    let ran = bed.run("--index ~/tree").expect(2);
    ran.tells("none of `self`, `verified` and `server`");
}

#[test]
fn unknown_members_are_named_and_tokens_are_not_shown() {
    let bed = Bed::new();
    bed.write(
        ".config/hashget/hashget.toml",
        "token = \"hg_secret\"\nhashservers = []\n",
    );
    let ran = bed
        .run("cache stat")
        .expect(2)
        .tells("hashget.toml, line 2")
        .tells("hashservers");
    let ran = ran.tells("hint: correct the settings");
    assert!(!ran.stderr.contains("hg_secret"), "{}", ran.stderr);
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let bed = Bed::new();
    let ran = run(bed
        .hashget()
        .args(["cache", "stat"])
        .env("HASHGET_CONFIG", "/none"));
    ran.expect(2).tells("cannot read the settings file /none");
}

#[test]
fn hashserver_without_value_asks_none_whatever_the_settings_say() {
    let bed = Bed::new();
    let line = bed.words("--publish --hashserver");
    let ran = run(bed
        .hashget()
        .args(line)
        .env("HASHGET_HASHSERVER", "http://localhost:9/"));
    ran.expect(2).tells("no hashserver is named");
}

#[test]
fn jobs_of_the_settings_are_bounded_as_the_flag_is() {
    let bed = Bed::new();
    for jobs in ["0", "60000"] {
        let ran = run(bed
            .hashget()
            .args(["cache", "stat"])
            .env("HASHGET_JOBS", jobs));
        ran.expect(2).tells(&format!("the setting jobs is {jobs}"));
    }
}

#[test]
fn a_token_that_cannot_be_sent_is_named_and_not_shown() {
    let bed = Bed::new();
    let ran = run(bed
        .hashget()
        .args(["--publish", "--hashserver", "http://localhost:1/"])
        .env("HASHGET_TOKEN", "hgt_sec\nret"));
    let ran = ran.expect(2).tells("the token for http://localhost:1/");
    assert!(!ran.stderr.contains("hgt_sec"), "{}", ran.stderr);
}
