//! What a token for one project sees of the others.

use std::fs;

use hashget_tests::programs::{Client, HashServer, WebServer, all_text};
use hashget_tests::tar_builder::TarBuilder;
use hashget_words::digest::Digest;
use reqwest::blocking::Client as Http;

/// Any reader found the backups of everybody, and could fetch them from the pool.
#[test]
fn a_reader_of_one_project_does_not_get_the_backups_of_another() {
    let temp = tempfile::tempdir().unwrap();
    let more = ["--open-reading", "false"];
    let server = HashServer::start_with(&temp.path().join("server"), &more);
    let www = temp.path().join("www");
    fs::create_dir(&www).unwrap();
    let secret = "what only the owner knows\n".repeat(100);
    let backup = TarBuilder::new().file("secret", &secret).build();
    fs::write(www.join("backup.tar"), &backup).unwrap();
    fs::write(www.join("secret"), &secret).unwrap();
    let web = WebServer::start(&www);
    let owner = Client::new(temp.path().join("owner"));
    let publish = |token: &str, arguments: &[&str]| {
        let mut command = owner.command("hashget");
        command.env("HASHGET_TOKEN", token).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", all_text(&output));
    };
    let url = web.url("backup.tar");
    owner.hashget(["submit", &url, "-p", "backups"]);
    let token = server.token("publish:backups");
    let to = ["publish", "-p", "backups", "--with-files", "package"];
    publish(&token, &[&to[..], &["--hashserver", server.url()]].concat());

    let pool = format!(
        "{}pool/sha256/{}",
        server.url(),
        Digest::of(&backup).sharded_path()
    );
    let status = |token: &str, url: &str| {
        let answer = Http::new().get(url).bearer_auth(token).send().unwrap();
        answer.status().as_u16()
    };
    let look_up = |token: &str, home: &str| {
        let client = Client::new(temp.path().join(home));
        let mut command = client.command("hashget");
        command.env("HASHGET_TOKEN", token).arg("lookup");
        command
            .arg(www.join("secret"))
            .args(["--hashserver", server.url()]);
        all_text(&command.output().unwrap())
    };
    for (scope, sees) in [
        ("read:backups", true),
        ("read", true),
        ("read:debsnap", false),
        ("publish:debsnap", false),
    ] {
        let token = server.token(scope);
        assert_eq!(
            status(&token, &pool),
            if sees { 200 } else { 404 },
            "{scope}"
        );
        let list = format!("{}api/v1/packages?project=backups", server.url());
        assert_eq!(status(&token, &list), 200);
        let found = look_up(&token, &scope.replace(':', "-"));
        assert_eq!(found.contains("backup.tar"), sees, "{scope}: {found}");
    }
}
