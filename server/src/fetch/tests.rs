//! Every way that was thought of to send the server where it shall not go.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hashget_tests::compression::Compression;
use hashget_tests::fault_server::{Fault, FaultServer, Reply};

use super::*;

/// Names lead to addresses in turn; every answer counts.
struct Turning {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Turning {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |some: &&[&str]| some.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Turning {
    fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[turn.min(self.answers.len() - 1)].clone())
    }
}

fn settings(port: u16, networks: &[&str]) -> FetchSettings {
    FetchSettings {
        ports: vec![80, 443, port],
        allowed_networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
        max_bytes: 1000,
        deadline: Duration::from_secs(20),
        min_bytes_per_second: 1,
        host_pause: Duration::ZERO,
        check_interval: None,
    }
}

/// May go to 127.0.0.1 and to no other private address.
fn fetcher(port: u16, resolver: Arc<dyn Resolver>) -> Fetcher {
    Fetcher::new(settings(port, &["127.0.0.1"]), resolver)
}

fn port_of(server: &FaultServer) -> u16 {
    Url::parse(&server.url("/")).unwrap().port().unwrap()
}

fn nowhere() -> Arc<Turning> {
    Turning::new(&[&["127.0.0.1"]])
}

fn get(fetcher: &Fetcher, url: &str) -> Result<(Fetched, Vec<u8>), FetchError> {
    let mut bytes = Vec::new();
    let answer = fetcher.get(url, &mut bytes, &mut |_| Ok(()))?;
    Ok((answer, bytes))
}

#[track_caller]
fn refused(result: Result<(Fetched, Vec<u8>), FetchError>) -> &'static str {
    match result {
        Err(FetchError::Refused { reason, .. }) => reason,
        Err(FetchError::NoAddress { .. }) => "no public address",
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_there_comes_with_its_digest() {
    let server = FaultServer::start(|_| Reply::new(200, "hello"));
    let fetcher = fetcher(port_of(&server), nowhere());
    let (answer, bytes) = get(&fetcher, &server.url("/x")).unwrap();
    assert_eq!(bytes, b"hello");
    assert_eq!((answer.sha256, answer.size), (Digest::of(b"hello"), 5));
    assert_eq!(fetcher.head(&server.url("/")).unwrap(), Some(5));
}

#[test]
fn what_comes_encoded_is_decoded_and_bounded() {
    let server = FaultServer::start(|request| {
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        let reply = |size: usize| Reply::new(200, Compression::Gzip.compress(&vec![b'x'; size]));
        match request.path.as_str() {
            "/small" => reply(500).with("Content-Encoding", "gzip"),
            "/bomb" => reply(5000).with("Content-Encoding", "gzip"),
            "/two-lines" => reply(10)
                .with("Content-Encoding", "gzip")
                .with("Content-Encoding", "br"),
            _ => reply(10).with("Content-Encoding", "br"),
        }
    });
    let fetcher = fetcher(port_of(&server), nowhere());
    let (answer, bytes) = get(&fetcher, &server.url("/small")).unwrap();
    assert_eq!((bytes, answer.size), (vec![b'x'; 500], 500));
    assert_eq!(fetcher.head(&server.url("/small")).unwrap(), None);
    let bomb = get(&fetcher, &server.url("/bomb"));
    assert!(matches!(bomb, Err(FetchError::TooLarge { .. })), "{bomb:?}");
    for path in ["/other", "/two-lines"] {
        let other = get(&fetcher, &server.url(path));
        assert!(
            matches!(other, Err(FetchError::Encoded { .. })),
            "{other:?}"
        );
    }
}

#[test]
fn other_schemes_ports_and_credentials_are_refused_unasked() {
    let names = nowhere();
    let fetcher = fetcher(80, names.clone());
    for (url, word) in [
        ("ftp://example.org/a", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://example.org/a", "scheme"),
        ("data:text/plain,a", "scheme"),
        ("http://example.org:22/a", "port"),
        ("http://example.org:8080/a", "port"),
        ("https://example.org:6379/", "port"),
        ("http://user@example.org/a", "credentials"),
        ("http://:secret@example.org/a", "credentials"),
        ("http://trusted.example@127.0.0.1/", "credentials"),
        ("http:///", "no URL"),
        ("a", "no URL"),
    ] {
        let reason = refused(get(&fetcher, url));
        assert!(reason.contains(word), "{url}: {reason}");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn private_addresses_are_refused_in_every_spelling() {
    let names = nowhere();
    let fetcher = Fetcher::new(settings(80, &[]), names.clone());
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "10.0.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "0",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
        "224.0.0.1",
    ] {
        let reason = refused(get(&fetcher, &format!("http://{host}/")));
        assert!(reason.contains("not public"), "{host}: {reason}");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn names_that_lead_inside_are_refused() {
    for address in [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fe80::1",
        "224.0.0.1",
    ] {
        let fetcher = fetcher(80, Turning::new(&[&[address]]));
        let reason = refused(get(&fetcher, "http://example.org/"));
        assert!(reason.contains("no public"), "{address}: {reason}");
    }
    let none = fetcher(80, Turning::new(&[&[]]));
    assert!(refused(get(&none, "http://example.org/")).contains("no public address"));
}

#[test]
fn one_private_address_among_public_ones_refuses_all() {
    let fetcher = fetcher(80, Turning::new(&[&["1.1.1.1", "10.0.0.1"]]));
    assert!(refused(get(&fetcher, "http://example.org/")).contains("no public"));
}

#[test]
fn a_name_that_changes_is_asked_once_and_held_to_its_answer() {
    let server = FaultServer::start(|_| Reply::new(200, "x"));
    let port = port_of(&server);
    let names = Turning::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let fetcher = fetcher(port, names.clone());
    let url = format!("http://changing.example:{port}/");
    assert_eq!(get(&fetcher, &url).unwrap().1, b"x");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    // The next request asks again, and is refused by the answer of then.
    assert!(refused(get(&fetcher, &url)).contains("no public"));
}

#[test]
fn redirects_to_private_places_are_refused() {
    // A listener that must not be reached: on another loopback address.
    let inside = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    for target in [
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.2]:{port}/"),
        format!("http://0x7f000002:{port}/"),
        format!("http://inside.example:{port}/"),
        "file:///etc/passwd".to_owned(),
        "http://user:pass@example.org/".to_owned(),
        "http://example.org:22/".to_owned(),
    ] {
        let to = target.clone();
        let server = FaultServer::start(move |_| Reply::redirect(&to));
        let mut settings = settings(port_of(&server), &["127.0.0.1"]);
        settings.ports.push(port);
        let fetcher = Fetcher::new(settings, Turning::new(&[&["127.0.0.2"]]));
        refused(get(&fetcher, &server.url("/")));
    }
    assert_eq!(
        inside.accept().unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
}

#[test]
fn a_name_is_checked_again_at_every_redirect() {
    let server = FaultServer::start(|request| match request.path.as_str() {
        "/1" => Reply::redirect("/2"),
        _ => Reply::new(200, "reached"),
    });
    let port = port_of(&server);
    let names = Turning::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let fetcher = fetcher(port, names);
    let url = format!("http://changing.example:{port}/1");
    assert!(refused(get(&fetcher, &url)).contains("no public"));
}

#[test]
fn redirects_are_followed_and_counted() {
    let server = FaultServer::start(|request| match request.path.as_str() {
        "/once" => Reply::redirect("/there"),
        "/there" => Reply::new(200, "there"),
        _ => Reply::redirect("/again"),
    });
    let fetcher = fetcher(port_of(&server), nowhere());
    let (_, bytes) = get(&fetcher, &server.url("/once")).unwrap();
    assert_eq!(bytes, b"there");
    let error = get(&fetcher, &server.url("/loop")).unwrap_err();
    assert!(matches!(error, FetchError::Redirects { .. }), "{error:?}");
}

#[test]
fn large_bodies_are_given_up_announced_or_not() {
    let server = FaultServer::start(|_| Reply::new(200, vec![7; 1001]));
    let announced = fetcher(port_of(&server), nowhere());
    let error = get(&announced, &server.url("/")).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
    // Without a length: the connection's end is the body's end.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let endless = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let block = vec![7; 1 << 16];
        while stream.write_all(&block).is_ok() {}
    });
    let error = get(
        &fetcher(port, nowhere()),
        &format!("http://127.0.0.1:{port}/"),
    );
    assert!(
        matches!(error, Err(FetchError::TooLarge { .. })),
        "{error:?}"
    );
    endless.join().unwrap();
}

#[test]
fn slow_and_broken_bodies_are_given_up() {
    let stalling = FaultServer::start(|_| Reply {
        fault: Fault::StallAfter(10),
        ..Reply::new(200, vec![7; 500])
    });
    let mut slow = fetcher(port_of(&stalling), nowhere());
    slow.step_timeout = Duration::from_millis(100);
    let error = get(&slow, &stalling.url("/")).unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }), "{error:?}");
    slow.settings.deadline = Duration::ZERO;
    slow.settings.min_bytes_per_second = 1 << 40;
    let error = get(&slow, &stalling.url("/")).unwrap_err();
    assert!(matches!(error, FetchError::TooSlow { .. }), "{error:?}");

    let cutting = FaultServer::start(|_| Reply {
        fault: Fault::CutAfter(10),
        ..Reply::new(200, vec![7; 500])
    });
    let error = get(&fetcher(port_of(&cutting), nowhere()), &cutting.url("/"));
    assert!(matches!(error, Err(FetchError::Broken { .. })), "{error:?}");
}

#[test]
fn errors_of_servers_are_errors() {
    let server = FaultServer::start(|_| Reply::not_found());
    let fetcher = fetcher(port_of(&server), nowhere());
    let error = get(&fetcher, &server.url("/")).unwrap_err();
    assert!(
        matches!(error, FetchError::Status { status: 404, .. }),
        "{error:?}"
    );
    assert!(!error.is_passing());
}
