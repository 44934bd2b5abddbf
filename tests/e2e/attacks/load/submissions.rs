//! Submissions that never end, and too many of them.

use std::time::{Duration, Instant};

use hashget_api::SubmissionState;
use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_tests::tar_builder::TarBuilder;

use hashget_tests::programs::HashServer;
use serde_json::json;

use super::{accepted, begun, finished, server_for, submit};

/// A tar of one file that is a hole of `size` bytes and one byte of data at its end, by a map of
/// version 1.0.
fn hole(size: u64) -> Vec<u8> {
    let real_size = size.to_string();
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"hole"),
        ("GNU.sparse.realsize", real_size.as_bytes()),
    ];
    let mut stored = format!("1\n{}\n1\n", size - 1).into_bytes();
    stored.resize(512, 0);
    stored.push(b'x');
    TarBuilder::new().pax(records).file("hole", stored).build()
}

/// Nine minutes of a worker, and more than that for the client.
#[test]
fn a_hole_of_eight_exabytes_is_not_hashed() {
    let web = FaultServer::start(|_| Reply::new(200, hole(i64::MAX as u64)));
    let data = tempfile::tempdir().unwrap();
    let server = server_for(&web, data.path(), &[]);
    let id = accepted(submit(&server, &web.url("/hole.tar")));
    let failed = finished(&server, id);
    assert_eq!(failed.state, SubmissionState::Failed);
    let message = failed.message.unwrap();
    assert!(message.contains("max_hole_bytes"), "{message}");
}

#[test]
fn a_small_package_with_much_in_it_does_not_hold_a_worker() {
    let web = FaultServer::start(|_| Reply::new(200, hole(15 << 30)));
    let data = tempfile::tempdir().unwrap();
    let more = ["--index-deadline-seconds", "1", "--submit-workers", "1"];
    let server = server_for(&web, data.path(), &more);
    let id = accepted(submit(&server, &web.url("/hole.tar")));
    let began = Instant::now();
    let failed = finished(&server, id);
    assert_eq!(failed.state, SubmissionState::Failed);
    let message = failed.message.unwrap();
    assert!(message.contains("more than 1 seconds"), "{message}");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_package_in_work_does_not_keep_the_server_from_ending() {
    let web = FaultServer::start(|_| Reply::new(200, hole(15 << 30)));
    let data = tempfile::tempdir().unwrap();
    let server = server_for(&web, data.path(), &[]);
    let id = accepted(submit(&server, &web.url("/hole.tar")));
    begun(&server, id);
    let status = server.terminate(Duration::from_secs(15));
    assert!(status.success(), "{status}");
}

/// It took ten minutes until anybody else was served.
#[test]
fn a_thousand_hosts_that_do_not_exist_keep_nobody_from_submitting() {
    let web = FaultServer::start(|_| Reply::new(200, TarBuilder::new().file("a", "b").build()));
    let data = tempfile::tempdir().unwrap();
    let server = server_for(&web, data.path(), &[]);
    let port = web
        .url("/")
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let client = reqwest::blocking::Client::new();
    let to = format!("{}api/v1/submissions", server.url());
    // No name server is asked for a label that is too long.
    let long = "x".repeat(64);
    let mut statuses = std::collections::BTreeMap::new();
    for number in 0..1000 {
        let url = format!("http://{number}.{long}.example.org:{port}/a.tar");
        let request = client.post(&to).body(json!({ "url": url }).to_string());
        let status = request.send().unwrap().status().as_u16();
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert_eq!(statuses, [(202, 100), (429, 900)].into());
    let request = client
        .post(&to)
        .bearer_auth(server.token("publish:submitted"));
    let body = json!({ "url": web.url("/a.tar") }).to_string();
    let began = Instant::now();
    let id = accepted(request.body(body).send().unwrap());
    assert_eq!(finished(&server, id).state, SubmissionState::Done);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn nobody_submits_without_a_token_unless_the_operator_said_so() {
    let data = tempfile::tempdir().unwrap();
    let server = HashServer::start_with(data.path(), &["--accept-url", ".*"]);
    let answer = submit(&server, "http://example.org/a.tar");
    assert_eq!(answer.status(), 401);
}

/// A private name and one that does not exist look alike, so that names cannot be tried out.
#[test]
fn a_private_host_and_none_are_one_to_the_submitter() {
    let data = tempfile::tempdir().unwrap();
    let open = ["--accept-url", ".*", "--open-submitting", "true"];
    let server = HashServer::start_with(data.path(), &open);
    let answers = [
        "localhost".to_owned(),
        format!("{}.example.org", "x".repeat(64)),
    ]
    .map(|host| {
        let url = format!("http://{host}/a.tar");
        let id = accepted(submit(&server, &url));
        let tried = loop {
            let now = super::state_of(&server, id);
            if now.attempts > 0 {
                break now;
            }
            std::thread::yield_now();
        };
        let message = tried.message.unwrap_or_default();
        (tried.state, tried.attempts, message.replace(&host, "HOST"))
    });
    assert_eq!(answers[0], answers[1]);
    assert!(
        answers[0].2.contains("no public address"),
        "{}",
        answers[0].2
    );
}
