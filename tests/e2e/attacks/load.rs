//! Requests that make a server work without end, or hold more than it has.

mod answers;
mod projects;
mod submissions;
mod wire;

use std::path::Path;

use hashget_api::{Submission, SubmissionState};
use hashget_tests::fault_server::FaultServer;
use hashget_tests::programs::HashServer;
use reqwest::blocking::{Client, Response};
use serde_json::json;

/// A server that takes submissions of everything at `web`, from anybody.
fn server_for(web: &FaultServer, data: &Path, more: &[&str]) -> HashServer {
    let url = web.url("/");
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let arguments = [
        "--accept-url",
        ".*",
        "--fetch-ports",
        port,
        "--fetch-networks",
        "127.0.0.1",
        "--fetch-pause-seconds",
        "0",
        "--open-submitting",
        "true",
    ];
    HashServer::start_with(data, &[&arguments, more].concat())
}

fn submit(server: &HashServer, url: &str) -> Response {
    let request = Client::new().post(format!("{}api/v1/submissions", server.url()));
    request
        .body(json!({ "url": url }).to_string())
        .send()
        .unwrap()
}

fn accepted(answer: Response) -> u64 {
    let status = answer.status();
    let text = answer.text().unwrap();
    assert_eq!(status, 202, "{text}");
    serde_json::from_str::<Submission>(&text).unwrap().id
}

fn state_of(server: &HashServer, id: u64) -> Submission {
    let answer = reqwest::blocking::get(format!("{}api/v1/submissions/{id}", server.url()));
    serde_json::from_str(&answer.unwrap().text().unwrap()).unwrap()
}

/// Asks until a submission is in work, or done.
fn begun(server: &HashServer, id: u64) {
    while state_of(server, id).state == SubmissionState::Queued {
        std::thread::yield_now();
    }
}

/// Asks until a submission is done.
fn finished(server: &HashServer, id: u64) -> Submission {
    loop {
        let now = state_of(server, id);
        if matches!(now.state, SubmissionState::Done | SubmissionState::Failed) {
            return now;
        }
        std::thread::yield_now();
    }
}
