//! A web server that misbehaves on demand: it cuts bodies short, stalls, resets, loops.
//!
//! One connection a request, on a free port of the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `HEAD`, ...
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// An answer, and how it goes wrong.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers; `Content-Length` is added unless it or `Transfer-Encoding` is there.
    pub headers: Vec<(String, String)>,
    /// The body; not sent to HEAD.
    pub body: Vec<u8>,
    /// What goes wrong.
    pub fault: Fault,
}

/// What goes wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection is closed behind so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes behind so many bytes of the body, and the connection stays open.
    StallAfter(usize),
    /// The body comes byte by byte, ten a second.
    Drip,
    /// The connection is closed without any answer.
    NoAnswer,
    /// The request is never answered, and the connection stays open.
    Silence,
}

impl Reply {
    /// An answer with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            fault: Fault::None,
        }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(404, "<html>404: nothing here</html>").with("Content-Type", "text/html")
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self::new(302, "").with("Location", to)
    }

    /// A file with an `ETag`, of which `Range`, `If-Range` and `If-None-Match` are honoured.
    pub fn file(request: &Request, content: &[u8], etag: &str) -> Self {
        let tagged = |reply: Self| reply.with("ETag", etag);
        if request.header("if-none-match") == Some(etag) {
            return tagged(Self::new(304, ""));
        }
        let start = request
            .header("range")
            .filter(|_| request.header("if-range").is_none_or(|tag| tag == etag))
            .and_then(|range| {
                range
                    .strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse()
                    .ok()
            });
        match start {
            None => tagged(Self::new(200, content)),
            Some(start) if start >= content.len() => {
                let range = format!("bytes */{}", content.len());
                tagged(Self::new(416, "").with("Content-Range", &range))
            }
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                tagged(Self::new(206, &content[start..]).with("Content-Range", &range))
            }
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes the answer go wrong.
    #[must_use]
    pub fn failing(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running server; stops when dropped.
pub struct FaultServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    is_stopped: Mutex<bool>,
    stopped: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultServer {
    /// Starts a server that answers with what `handler` says.
    ///
    /// # Panics
    /// If the loopback interface has no free port.
    #[expect(clippy::unwrap_used, reason = "a test cannot go on without its server")]
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            is_stopped: Mutex::default(),
            stopped: Condvar::new(),
        });
        let listening = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming() {
                    if *lock(&shared.is_stopped) {
                        return;
                    }
                    let shared = Arc::clone(&shared);
                    if let Ok(stream) = stream {
                        // What goes wrong with a connection shows at its other end.
                        thread::spawn(move || drop(serve(&stream, &shared)));
                    }
                }
            }
        });
        Self {
            address,
            shared,
            listening: Some(listening),
        }
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The methods and paths of the requests so far: `GET /x`.
    pub fn log(&self) -> Vec<String> {
        let requests = lock(&self.shared.requests);
        let line = |request: &Request| format!("{} {}", request.method, request.path);
        requests.iter().map(line).collect()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        *lock(&self.shared.is_stopped) = true;
        self.shared.stopped.notify_all();
        // Wakes the listening thread.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

/// A URL of a port where nobody listens.
///
/// # Panics
/// If the loopback interface has no free port.
#[expect(clippy::unwrap_used, reason = "a test cannot go on without a port")]
pub fn dead_url(path: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}{path}", listener.local_addr().unwrap())
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(request) = read_request(stream)? else {
        return Ok(());
    };
    lock(&shared.requests).push(request.clone());
    let reply = (shared.handler)(&request);
    match reply.fault {
        Fault::NoAnswer => return Ok(()),
        Fault::Silence => {
            wait_for_stop(shared);
            return Ok(());
        }
        _ => {}
    }
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status);
    let is_given = |(name, _): &(String, String)| {
        name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
    };
    if !reply.headers.iter().any(is_given) {
        head.extend(["Content-Length: ", &reply.body.len().to_string(), "\r\n"]);
    }
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if request.method == "HEAD" {
        return Ok(());
    }
    match reply.fault {
        Fault::CutAfter(bytes) => stream.write_all(&reply.body[..bytes]),
        Fault::StallAfter(bytes) => {
            stream.write_all(&reply.body[..bytes])?;
            wait_for_stop(shared);
            Ok(())
        }
        Fault::Drip => {
            for byte in reply.body.chunks(1) {
                stream.write_all(byte)?;
                let stopped = lock(&shared.is_stopped);
                let (stopped, _) = shared
                    .stopped
                    .wait_timeout(stopped, Duration::from_millis(100))
                    .unwrap_or_else(PoisonError::into_inner);
                if *stopped {
                    break;
                }
            }
            Ok(())
        }
        _ => stream.write_all(&reply.body),
    }
}

fn wait_for_stop(shared: &Shared) {
    let stopped = lock(&shared.is_stopped);
    drop(shared.stopped.wait_while(stopped, |stopped| !*stopped));
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => request
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = request
        .header("content-length")
        .and_then(|text| text.parse().ok());
    reader
        .take(length.unwrap_or(0))
        .read_to_end(&mut request.body)?;
    Ok(Some(request))
}
