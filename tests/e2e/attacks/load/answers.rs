//! Large answers that nobody takes.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use hashget_tests::programs::HashServer;
use hashget_words::digest::Digest;
use reqwest::blocking::Client;
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use serde_json::{Value, json};

/// Of records, so that all of them make an answer of some 15 MB.
const RECORDS: usize = 4;
const DIGESTS: usize = 50_000;
const MIB: u64 = 1 << 20;
/// What the server may hold for answers in the test, and one client the half of it.
const SENDING_BYTES: u64 = 128 * MIB;

/// A server with four large records in `a`, and the number of one of them.
fn server_with_large_records(data: &Path) -> (HashServer, u64) {
    let more = [
        "--sending-memory-bytes",
        &SENDING_BYTES.to_string(),
        "--max-publish-bytes",
        &(16 * MIB).to_string(),
        "--filter-interval-seconds",
        "0",
    ];
    let server = HashServer::start_with(data, &more);
    let token = server.token("publish:a");
    let mut id = 0;
    for record in 0..RECORDS {
        let digest = |file: usize| Digest::of(format!("{record} {file}").as_bytes());
        let files: Vec<String> = (0..DIGESTS)
            .map(|file| format!("sha256:{}", digest(file)))
            .collect();
        let package = json!({"url": format!("http://example.org/{record}"), "files": files});
        let body = json!({"project": "a", "packages": [package]});
        let request = Client::new().post(format!("{}api/v1/packages", server.url()));
        let answer = request
            .bearer_auth(&token)
            .body(body.to_string())
            .send()
            .unwrap();
        let status = answer.status();
        let text = answer.text().unwrap();
        assert_eq!(status, 200, "{text}");
        id = serde_json::from_str::<Value>(&text).unwrap()["ids"][0]
            .as_u64()
            .unwrap();
    }
    (server, id)
}

fn address_of(server: &HashServer) -> SocketAddr {
    let url = server.url().trim_start_matches("http://");
    url.trim_end_matches('/').parse().unwrap()
}

/// Sends a request, and reads no more than the status.
fn asked_and_not_read(server: &HashServer, request: &[u8]) -> (TcpStream, u16) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    // Else the system takes the whole answer in.
    sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    connect(&socket, &address_of(server)).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(request).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    let status = std::str::from_utf8(&status[9..]).unwrap().parse().unwrap();
    (stream, status)
}

/// A range of everything: 35 MB for each of 40 connections, of which 821 MB stayed when they were gone.
#[test]
fn connections_that_take_nothing_of_large_answers_do_not_fill_the_memory() {
    let data = tempfile::tempdir().unwrap();
    let (server, id) = server_with_large_records(data.path());
    let all: Vec<u32> = (0..256).collect();
    let range = json!({"bits": 8, "prefixes": all}).to_string();
    let range = format!(
        "POST /api/v1/range HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{range}",
        range.len()
    );
    let record = format!("GET /api/v1/packages/{id} HTTP/1.1\r\nHost: x\r\n\r\n");
    let fetch = json!({"ids": [id]}).to_string();
    let fetch = format!(
        "POST /api/v1/packages/fetch HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{fetch}",
        fetch.len()
    );
    let before = server.memory_bytes();
    for request in [range, record, fetch] {
        let mut held = Vec::new();
        let mut refused = 0;
        for _ in 0..40 {
            let (stream, status) = asked_and_not_read(&server, request.as_bytes());
            assert!(matches!(status, 200 | 503), "{status}");
            refused += usize::from(status == 503);
            held.push(stream);
        }
        assert!(refused > 0 && refused < 40, "{refused} of 40");
        let grown = server.memory_bytes().saturating_sub(before);
        assert!(grown < SENDING_BYTES, "{grown} bytes more");
        // Others are served meanwhile.
        let other = Client::builder().local_address(IpAddr::from(Ipv4Addr::new(127, 0, 0, 2)));
        let url = format!("{}api/v1/packages/{id}", server.url());
        let answer = other.build().unwrap().get(url).send().unwrap();
        assert_eq!(answer.status(), 200);
        let package: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
        assert_eq!(
            package["package"]["files"].as_array().unwrap().len(),
            DIGESTS
        );
        drop(held);
        // The server notices that they are gone, and gives back what they held.
        while metric(&server, "hashserver_sending_memory_bytes") > 0 {
            std::thread::yield_now();
        }
    }
    let left = server.memory_bytes().saturating_sub(before);
    assert!(left < SENDING_BYTES / 2, "{left} bytes stay");
}

fn metric(server: &HashServer, name: &str) -> u64 {
    let text = reqwest::blocking::get(format!("{}metrics", server.url())).unwrap();
    let text = text.text().unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)).unwrap();
    value.trim().parse().unwrap()
}
