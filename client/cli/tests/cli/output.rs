//! What goes where: JSON events, quiet and verbose runs, log files, closed pipes.

use std::process::Stdio;

use crate::bed::{Bed, noise, run};
use crate::web::Web;

#[test]
fn json_is_one_object_a_line_and_nothing_else() {
    let bed = Bed::new();
    bed.write("test/1M", noise(1, 1 << 20));
    let ran = bed
        .run("--json -zf ~/full.tar.gz --pack ~/test --hashserver")
        .expect(0);
    let events: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| events.iter().find(|event| event["event"] == name);
    assert_eq!(of("indexed").unwrap()["total_packages"], 0);
    assert_eq!(of("saved").unwrap()["files"], 0);
    assert_eq!(of("packed").unwrap()["tree_bytes"], 1 << 20);
    assert_eq!(ran.stderr, "");

    let ran = bed.run("--json -u ~/none -C ~/x").expect(1);
    let event: serde_json::Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    assert_eq!(event["event"], "error");
    assert!(event["hint"].as_str().is_some() && event["causes"].is_array());
    ran.tells("error: cannot find");
}

#[test]
fn quiet_says_nothing_and_the_log_file_says_it_all() {
    let bed = Bed::new();
    bed.write("test/file", noise(1, 5000));
    let line = "-q -zf ~/full.tar.gz --pack ~/test --hashserver --logfile ~/log";
    let ran = bed.run(line).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let log = std::fs::read_to_string(bed.path("log")).unwrap();
    for text in ["STEP 1/3 Indexing...", "saved: 0 files", "packed into"] {
        assert!(log.contains(text), "{log}");
    }
}

#[test]
fn an_archive_on_standard_output_is_alone_there() {
    let bed = Bed::new();
    bed.write("test/file", noise(1, 5000));
    let mut command = bed.hashget();
    let output = command
        .args(bed.words("-f - --pack ~/test --hashserver"))
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.len() % 512, 0);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("packed into -"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bed = Bed::new();
    for line in ["--help", "completions bash", "cache stat"] {
        let mut child = bed
            .hashget()
            .args(bed.words(line))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {stderr}");
        assert_eq!(stderr, "", "{line}");
    }
}

#[test]
fn a_full_standard_output_is_a_failure() {
    let bed = Bed::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = bed.hashget();
    let output = command
        .args(["cache", "stat"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("No space left") && stderr.contains("hint: "),
        "{stderr}"
    );
}

#[test]
fn names_do_not_steer_the_terminal() {
    let bed = Bed::new();
    let ran = run(bed.hashget().args(["-u", "a\u{1b}[2Jb", "-C", "x"]));
    let ran = ran.expect(1);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn a_named_hashserver_that_is_down_is_told_of() {
    let bed = Bed::new();
    bed.write("tree/x", noise(9, 5000));
    let ran = bed.run("--pack ~/tree -f ~/x.tar --hashserver http://127.0.0.1:1/");
    ran.expect(3).tells("problem: http://127.0.0.1:1/");
}

#[test]
fn a_wrong_hashserver_url_is_told_of() {
    let bed = Bed::new();
    bed.write("tree/x", b"x");
    bed.write("www/index.html", b"<html>");
    let web = Web::serve(&bed.path("www"));
    let ran = bed.run(&format!(
        "--pack ~/tree -f ~/x.tar --hashserver {}",
        web.url("hashget/")
    ));
    let ran = ran.expect(3).tells("is no hashserver");
    assert_eq!(ran.stderr.matches("problem: ").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_built_tree_is_a_hashserver_with_and_without_settings() {
    let bed = Bed::new();
    bed.write("tree/x", b"x");
    bed.write("www/p.bin", noise(1, 200_000));
    let web = Web::serve(&bed.path("www"));
    bed.run(&format!("--submit {} -p p --hashserver", web.url("p.bin")))
        .expect(0);
    bed.run_admin("--build ~/www").expect(0);
    let pack = format!("--pack ~/tree -f ~/x.tar --hashserver {}", web.url(""));
    bed.run(&pack).expect(0);
    std::fs::remove_file(bed.path("www/config.json")).unwrap();
    bed.run(&pack).expect(0);
}
