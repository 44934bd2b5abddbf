//! A web server on loopback for tests, and on it a snapshot service that speaks the real protocol.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use sha1::Digest as _;

/// What is answered to a GET of a path.
#[derive(Clone)]
struct Reply {
    status: u16,
    body: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    /// Statuses that are answered to the next requests, whatever is asked.
    failures: Mutex<Vec<u16>>,
    /// Method and path of every request.
    requests: Mutex<Vec<String>>,
    /// Bodies of POST requests.
    posts: Mutex<Vec<Vec<u8>>>,
    stopped: AtomicBool,
}

/// A web server; stops when dropped.
pub(crate) struct Site {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                thread::spawn(move || serve(stream.unwrap(), &serving));
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// The URL of a path, which begins with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers GETs of `path` with `body`; gives its URL.
    pub(crate) fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> String {
        self.put_status(path, 200, body)
    }

    pub(crate) fn put_status(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) -> String {
        let body = body.into();
        let mut replies = self.shared.replies.lock().unwrap();
        replies.insert(path.to_owned(), Reply { status, body });
        self.url(path)
    }

    /// Answers the next requests with these statuses.
    pub(crate) fn fail(&self, statuses: &[u16]) {
        self.shared.failures.lock().unwrap().extend(statuses);
    }

    /// Method and path of every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The bodies that were posted.
    pub(crate) fn posts(&self) -> Vec<Vec<u8>> {
        self.shared.posts.lock().unwrap().clone()
    }

    /// Tells where a Debian package is, as the snapshot service does, and serves it there; gives
    /// its URL. `version` has its epoch.
    pub(crate) fn put_snapshot(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
        deb: &[u8],
    ) -> String {
        let sha1 = hex(&sha1::Sha1::digest(deb));
        let file_version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let file_name = format!("{name}_{file_version}_{architecture}.deb");
        let other = "0".repeat(40);
        self.put(
            &format!("/mr/binary/{name}/{version}/binfiles"),
            serde_json::json!({
                "_comment": "for tests",
                "binary": name,
                "binary_version": version,
                "result": [
                    {"architecture": "sparc", "hash": other},
                    {"architecture": architecture, "hash": sha1},
                ],
            })
            .to_string(),
        );
        let place = |archive: &str, seen: &str| {
            serde_json::json!({
                "archive_name": archive,
                "first_seen": seen,
                "name": file_name,
                "path": "/pool/main/x",
                "size": deb.len(),
            })
        };
        self.put(
            &format!("/mr/file/{sha1}/info"),
            serde_json::json!({
                "_comment": "for tests",
                "hash": sha1,
                "result": [
                    place("debian-security", "20160101T000000Z"),
                    place("debian", "20170101T000000Z"),
                ],
            })
            .to_string(),
        );
        let path = format!("/archive/debian/20170101T000000Z/pool/main/x/{file_name}");
        self.put(&path, deb)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread, so that it sees that.
        let woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take()
            && woken.is_ok()
        {
            thread.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some((method, path, body)) = read_request(&mut reader) else {
        return;
    };
    let request = format!("{method} {path}");
    shared.requests.lock().unwrap().push(request);
    if method == "POST" {
        shared.posts.lock().unwrap().push(body);
    }
    let reply = reply_to(&path, shared);
    let head = format!(
        "HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reply.status,
        reply.body.len()
    );
    // The client may have seen enough.
    let _sent = stream.write_all(head.as_bytes()).is_ok()
        && (method == "HEAD" || stream.write_all(&reply.body).is_ok());
}

/// Method, path and body of a request; `None` if the client left.
fn read_request(reader: &mut dyn BufRead) -> Option<(String, String, Vec<u8>)> {
    let mut request = String::new();
    if reader.read_line(&mut request).unwrap_or(0) == 0 {
        return None;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = request.split(' ');
    let method = words.next().unwrap().to_owned();
    Some((method, decoded(words.next().unwrap()), body))
}

/// The next failure that was asked for, else what is at a path.
fn reply_to(path: &str, shared: &Shared) -> Reply {
    let empty = |status| Reply {
        status,
        body: Vec::new(),
    };
    let mut failures = shared.failures.lock().unwrap();
    if !failures.is_empty() {
        return empty(failures.remove(0));
    }
    let replies = shared.replies.lock().unwrap();
    let is_directory = path.ends_with('/') && replies.keys().any(|known| known.starts_with(path));
    match replies.get(path) {
        Some(reply) => reply.clone(),
        // As web servers answer that do not list directories.
        None if is_directory => empty(403),
        None => Reply {
            status: 404,
            body: b"<html>not found</html>".to_vec(),
        },
    }
}

/// Undoes percent-encoding.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        if let (b'%', [high, low, tail @ ..]) = (first, tail) {
            let hex = String::from_utf8(vec![*high, *low]).unwrap();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
