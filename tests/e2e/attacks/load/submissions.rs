//! Submissions that never end, and too many of them.

use std::time::{Duration, Instant};

use hashget_api::SubmissionState;
use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_tests::tar_builder::TarBuilder;

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
