//! Bytes that a proxy and the server could read as other requests each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hashget_tests::programs::HashServer;

/// Sends bytes, and reads until the server hangs up.
fn answer(server: &HashServer, bytes: &[u8]) -> String {
    let url = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(url.trim_end_matches('/')).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // The server may answer and hang up before all is sent.
    let _sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    let heads = answer.match_indices("HTTP/1.1 ");
    heads.map(|(at, _)| &answer[at + 9..at + 12]).collect()
}

#[test]
fn a_bare_line_feed_does_not_end_a_head() {
    let data = tempfile::tempdir().unwrap();
    let server = HashServer::start(data.path());
    let get = "GET /motd.txt HTTP/1.1\r\nHost: x\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    // As they should be, one behind the other.
    let good = answer(&server, format!("{get}\r\n{last}").as_bytes());
    assert_eq!(statuses(&good), ["200", "200"], "{good}");
    for hidden in [
        format!("GET /motd.txt HTTP/1.1\nHost: x\n\n{last}"),
        format!("{get}X: y\nZ: w\r\n\r\n{last}"),
        format!("{get}\n{last}"),
    ] {
        let refused = answer(&server, hidden.as_bytes());
        assert_eq!(statuses(&refused), ["400"], "{hidden:?}: {refused}");
    }
    // Behind a good one it is refused as well.
    let hidden = format!("{get}\r\n{get}\n{last}");
    let refused = answer(&server, hidden.as_bytes());
    assert_eq!(statuses(&refused), ["200", "400"], "{refused}");
    let post = "POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{\n}";
    let body = answer(&server, format!("{post}{last}").as_bytes());
    assert_eq!(
        statuses(&body),
        ["200", "200"],
        "a body is not looked at: {body}"
    );
}

/// What follows such a head is not looked at, so it must not be another request.
#[test]
fn nothing_is_a_request_behind_a_head_that_asks_for_another_protocol() {
    let data = tempfile::tempdir().unwrap();
    let server = HashServer::start(data.path());
    for head in [
        "GET /motd.txt HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /motd.txt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n",
        "CONNECT /motd.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let hidden = "GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n";
        let answer = answer(&server, format!("{head}{hidden}").as_bytes());
        assert!(statuses(&answer).len() <= 1, "{head:?}: {answer}");
        assert!(!answer.contains("ok\n"), "{head:?}: {answer}");
    }
}

#[test]
fn extensions_of_chunks_are_bounded() {
    let data = tempfile::tempdir().unwrap();
    let server = HashServer::start(data.path());
    let head = "POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let good = format!("{head}1;name=value\r\n{{\r\n1\r\n}}\r\n0\r\nX: y\r\n\r\n{last}");
    let good = answer(&server, good.as_bytes());
    assert_eq!(statuses(&good), ["200", "200"], "{good}");
    let megabyte = "a".repeat(1 << 20);
    for body in [
        format!("2;{megabyte}\r\n{{}}\r\n0\r\n\r\n"),
        format!("2{}\r\n{{}}\r\n0\r\n\r\n", " ".repeat(1 << 20)),
        format!("{}2\r\n{{}}\r\n0\r\n\r\n", "0".repeat(1 << 20)),
        format!("2\r\n{{}}\r\n0\r\nX: {megabyte}\r\n\r\n"),
    ] {
        let refused = answer(&server, format!("{head}{body}{last}").as_bytes());
        assert_eq!(statuses(&refused), ["400"], "{refused}");
    }
    assert_eq!(statuses(&answer(&server, last.as_bytes())), ["200"]);
}
