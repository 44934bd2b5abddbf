//! Requests to servers that fail, stall and lie.

use std::sync::atomic::{AtomicUsize, Ordering};

use hashget_tests::fault_server::{Fault, FaultServer, Reply, dead_url};

use super::*;

/// A client that does not wait for long before it tries again.
pub(crate) fn hasty() -> Http {
    with_stall_timeout(Duration::from_secs(30))
}

/// A client that takes a server for stalled soon.
pub(crate) fn impatient() -> Http {
    with_stall_timeout(Duration::from_secs(1))
}

fn with_stall_timeout(stall_timeout: Duration) -> Http {
    Http::new(HttpOptions {
        connect_timeout: Duration::from_secs(30),
        stall_timeout,
        retries: 2,
        backoff: Duration::from_millis(1),
        max_wait: Duration::from_millis(20),
        ..HttpOptions::default()
    })
    .unwrap()
}

/// A server whose first answers are `first`, and then `then`.
fn failing_first(first: usize, fault: Reply, then: Reply) -> FaultServer {
    let asked = AtomicUsize::new(0);
    FaultServer::start(move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < first {
            fault.clone()
        } else {
            then.clone()
        }
    })
}

#[test]
fn passing_failures_are_retried_and_no_others() {
    let cases = [
        (Reply::new(503, "").with("Retry-After", "3600"), true),
        (Reply::new(429, ""), true),
        (Reply::new(500, ""), true),
        (Reply::new(200, "").failing(Fault::NoAnswer), true),
        (Reply::new(200, "abc").failing(Fault::CutAfter(1)), true),
        (Reply::not_found(), false),
        (Reply::new(403, ""), false),
    ];
    for (fault, is_passing) in cases {
        let server = failing_first(2, fault.clone(), Reply::new(200, "fine"));
        let got = hasty().get_bytes(&server.url("/"), 100);
        assert_eq!(got.is_ok(), is_passing, "{fault:?}: {got:?}");
        let requests = server.requests().len();
        assert_eq!(requests, if is_passing { 3 } else { 1 }, "{fault:?}");
        let server = failing_first(9, fault, Reply::new(200, "fine"));
        assert!(hasty().get_bytes(&server.url("/"), 100).is_err());
    }
}

#[test]
fn a_stalled_server_is_given_up_and_asked_again() {
    for fault in [Fault::StallAfter(1), Fault::Silence] {
        let stalled = Reply::new(200, "abc").failing(fault);
        let server = failing_first(1, stalled.clone(), Reply::new(200, "fine"));
        let got = impatient().get_bytes(&server.url("/"), 100);
        assert_eq!(got.unwrap(), b"fine");
        let server = FaultServer::start(move |_| stalled.clone());
        let got = impatient().with_retries(0).get_bytes(&server.url("/"), 100);
        let said = hashget_files::monitor::error_chain(&got.unwrap_err());
        assert!(said.contains("timed out"), "{said}");
    }
}

#[test]
fn errors_name_the_url_and_what_happened() {
    let said = |error: HttpError| hashget_files::monitor::error_chain(&error);
    let http = hasty();
    let server = FaultServer::start(|request| match request.path.as_str() {
        "/loop" => Reply::redirect("/loop"),
        "/big" => Reply::new(200, vec![0; 101]),
        "/endless" => Reply::new(200, vec![0; 101]).with("Content-Length", "1"),
        "/api" => Reply::new(
            403,
            "{\"error\":\"forbidden\",\"message\":\"not\\u001b you\"}",
        ),
        _ => Reply::not_found(),
    });
    let fails = |path: &str| said(http.get_bytes(&server.url(path), 100).unwrap_err());
    assert!(
        fails("/loop").contains("too many redirects"),
        "{}",
        fails("/loop")
    );
    assert!(fails("/big").ends_with("/big is larger than 100 bytes"));
    assert!(fails("/x").ends_with("/x: status 404"));
    assert!(
        fails("/api").ends_with("/api: status 403: not\\u{1b} you"),
        "{}",
        fails("/api")
    );
    assert_eq!(
        http.get_bytes(&server.url("/endless"), 100).unwrap().len(),
        1
    );
    let dead = dead_url("/x");
    let error = http.get_bytes(&dead, 1).unwrap_err();
    assert!(error.is_unavailable() && said(error).starts_with(&format!("cannot GET {dead}: ")));
    assert!(http.get_json::<u8>(&server.url("/endless"), 100).is_err());
}

#[test]
fn head_tells_any_status() {
    let server = FaultServer::start(|request| match request.path.as_str() {
        "/x" => Reply::new(200, "seven b").with("ETag", "\"1\""),
        _ => Reply::not_found(),
    });
    let head = hasty().head(&server.url("/x")).unwrap();
    let etag = Some("\"1\"".to_owned());
    assert_eq!(
        head,
        HeadAnswer {
            status: 200,
            size: Some(7),
            etag
        }
    );
    assert_eq!(hasty().head(&server.url("/y")).unwrap().status, 404);
    assert!(hasty().head(&dead_url("/")).is_err());
    assert_eq!(
        server.requests()[0].header("user-agent"),
        Some(concat!("hashget/", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn an_answer_that_drips_has_an_end_however_long_it_is() {
    let server = FaultServer::start(|_| Reply::new(200, vec![b'x'; 1 << 20]).failing(Fault::Drip));
    let http = Http::new(HttpOptions {
        answer_time: Duration::from_millis(100),
        min_speed: 1_000_000,
        retries: 0,
        ..HttpOptions::default()
    })
    .unwrap();
    let error = http.get_bytes(&server.url("/"), 2 << 20).unwrap_err();
    assert!(error.is_unavailable() && error.is_slow(), "{error}");
    assert!(error.to_string().contains("too slow: "), "{error}");
}
