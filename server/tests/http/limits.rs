//! Nobody starves the others: rates, connections, slow heads and readers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hashget_api::ErrorCode;
use hashget_server::auth::Scope;

use crate::support::{TestServer, digest, error, header, pool_path};

fn connect(server: &TestServer) -> TcpStream {
    let stream = TcpStream::connect(server.server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Whether the server has hung up.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_come_again() {
    let server = TestServer::with("client_requests_per_second = 1");
    for _ in 0..10 {
        assert_eq!(server.get("api/v1/status").status(), 200);
    }
    let answer = server.get("api/v1/status");
    let wait: u64 = header(&answer, "retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    error(answer, 429, ErrorCode::TooManyRequests);
    assert_eq!(server.get("healthz").status(), 200, "supervisors go on");
    assert_eq!(server.get("readyz").status(), 200);
}

#[test]
fn wrong_tokens_cannot_be_tried_in_masses() {
    let server = TestServer::with("client_requests_per_second = 1");
    let mut statuses = Vec::new();
    for guess in 0..12 {
        let request = server
            .request("GET", "api/v1/status")
            .bearer_auth(format!("hgt_{guess}"));
        statuses.push(request.send().unwrap().status().as_u16());
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses.last(), Some(&429));
}

#[test]
fn a_token_that_asks_too_often_does_not_hold_up_another() {
    let server = TestServer::with("token_requests_per_second = 1");
    let tokens = [server.token(Scope::Read), server.token(Scope::Read)];
    let ask = |token: &str| {
        let request = server.request("GET", "api/v1/status").bearer_auth(token);
        request.send().unwrap()
    };
    for _ in 0..10 {
        assert_eq!(ask(&tokens[0]).status(), 200);
    }
    error(ask(&tokens[0]), 429, ErrorCode::TooManyRequests);
    assert_eq!(ask(&tokens[1]).status(), 200);
    assert_eq!(server.get("api/v1/status").status(), 200);
}

#[test]
fn behind_a_trusted_proxy_every_client_has_its_own_limit() {
    for (trusted, others) in [("['127.0.0.0/8']", 200), ("[]", 429)] {
        let server = TestServer::with(&format!(
            "client_requests_per_second = 1\ntrusted_proxies = {trusted}"
        ));
        let ask = |client: &str| {
            let request = server.request("GET", "config.json");
            let request = request.header("X-Forwarded-For", client);
            request.send().unwrap().status().as_u16()
        };
        let first: Vec<u16> = (0..11).map(|_| ask("192.0.2.1")).collect();
        assert_eq!(first.last(), Some(&429));
        assert_eq!(ask("192.0.2.2"), others, "{trusted}");
        assert_eq!(ask("198.51.100.1, 192.0.2.1"), 429, "made up by the client");
    }
}

/// A connection that was served once and stays open; `None` if it was refused.
fn served(server: &TestServer) -> Option<TcpStream> {
    let mut stream = connect(server);
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let is_answered = asked.is_ok() && matches!(stream.read(&mut [0; 12]), Ok(12));
    is_answered.then_some(stream)
}

#[test]
fn one_client_cannot_take_all_connections() {
    let server = TestServer::with("max_connections_per_client = 3");
    // The connection by which the server was started may still be open.
    let held: Vec<TcpStream> = (0..8).filter_map(|_| served(&server)).collect();
    assert!((2..=3).contains(&held.len()), "{} are open", held.len());
    assert!(served(&server).is_none());
    drop(held);
    // Once the server has noticed, their places are free again.
    let began = Instant::now();
    while served(&server).is_none() {
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn slow_heads_are_given_up_while_others_are_served() {
    let server = TestServer::with("head_deadline_seconds = 1");
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
    for stream in &mut slow {
        stream
            .write_all(b"GET /config.json HTTP/1.1\r\nX-")
            .unwrap();
    }
    let began = Instant::now();
    server.assert_alive();
    assert!(began.elapsed() < Duration::from_millis(900));
    for stream in &mut slow {
        assert!(is_closed(stream));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn slow_bodies_are_given_up_while_others_are_served() {
    let server = TestServer::with("body_deadline_seconds = 1");
    let head = "POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
    for stream in &mut slow {
        stream.write_all(head.as_bytes()).unwrap();
    }
    server.assert_alive();
    for stream in &mut slow {
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 408");
    }
    server.assert_alive();
}

#[test]
fn bodies_share_a_bounded_memory_and_a_client_gets_a_half() {
    let server = TestServer::with(
        "body_memory_bytes = 200_000\nmax_query_bytes = 100_000\nmax_publish_bytes = 100_000\n\
         trusted_proxies = ['127.0.0.0/8']",
    );
    let in_memory = || -> u64 {
        let text = server.get("metrics").text().unwrap();
        let mut lines = text.lines();
        let bytes = lines.find_map(|line| line.strip_prefix("hashserver_body_memory_bytes "));
        bytes.unwrap().parse().unwrap()
    };
    let ask = |client: &str| {
        let request = server.request("POST", "api/v1/lookup");
        let request = request.header("X-Forwarded-For", client);
        let body = format!("{{\"digests\": [{}]}}", " ".repeat(20_000));
        request.body(body).send().unwrap()
    };
    let mut slow = connect(&server);
    let head = "POST /api/v1/lookup HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\
                Content-Length: 100000\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(" ".repeat(90_000).as_bytes()).unwrap();
    let began = Instant::now();
    while in_memory() < 90_000 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    let answer = ask("192.0.2.1");
    assert!(!header(&answer, "retry-after").is_empty());
    error(answer, 503, ErrorCode::Unavailable);
    assert_eq!(ask("192.0.2.2").status(), 200, "another client");
    server.assert_alive();
    drop(slow);
    while in_memory() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(ask("192.0.2.1").status(), 200);
}

#[test]
fn a_client_that_does_not_take_its_answer_is_given_up() {
    let server = TestServer::with("send_deadline_seconds = 1");
    let data = vec![7; 32 << 20];
    let name = digest("big");
    let sum = hashget_words::digest::Digest::of(&data);
    assert_ne!(name, sum);
    assert_eq!(server.put(&sum, &data).status(), 201);
    let mut stream = connect(&server);
    let request = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", pool_path(&sum));
    stream.write_all(request.as_bytes()).unwrap();
    let open = || {
        let text = server.get("metrics").text().unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("hashserver_requests_in_flight "));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let began = Instant::now();
    // One is the question itself.
    while open() != "1" || began.elapsed() < Duration::from_secs(1) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it is still served"
        );
        std::thread::yield_now();
    }
    let mut received = Vec::new();
    let ended = stream.read_to_end(&mut received);
    assert!(ended.is_err() || received.len() < data.len());
}
