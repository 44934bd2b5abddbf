//! What a user reads when the network fails, and by which proxies and with which secrets is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use hashget_tests::fault_server::{Fault, FaultServer, Reply, dead_url};

use crate::bed::{Bed, Ran, noise, run};

fn submit(bed: &Bed, url: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = bed.hashget();
    command.args(["--submit", url, "-p", "x", "--hashserver"]);
    run(command.envs(variables.iter().copied()))
}

/// The line of the problem, with the URL as `URL` and its host as `HOST`.
fn problem(ran: &Ran, url: &str) -> String {
    let mut lines = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("problem: "));
    let line = lines.next().unwrap_or_else(|| panic!("{}", ran.stderr));
    assert_eq!(lines.next(), None, "{}", ran.stderr);
    assert_eq!(line.matches(url).count(), 1, "{line}");
    line.replace(url, "URL")
}

#[test]
fn every_failure_is_one_sentence_that_names_the_url_once() {
    let site = FaultServer::start(|request| match request.path.as_str() {
        "/silent" => Reply::new(200, "").failing(Fault::Silence),
        _ => Reply::not_found(),
    });
    let cases = [
        (dead_url("/p.bin"), "connection refused"),
        (site.url("/p.bin"), "status 404"),
        (site.url("/silent"), "no answer in time (timed out)"),
        (
            site.url("/p.bin").replace("http:", "https:"),
            "no TLS connection: ",
        ),
    ];
    for (url, reason) in cases {
        let bed = Bed::new();
        let ran = submit(&bed, &url, &[("HASHGET_TIMEOUT", "1")]).expect(1);
        let told = problem(&ran, &url);
        let expected = format!("problem: URL: cannot get it: {reason}");
        assert!(told.starts_with(&expected), "{told}");
        assert!(told == expected || reason.ends_with(": "), "{told}");
        assert_eq!(ran.stderr.matches("hint: ").count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_dead_hashserver_is_told_in_one_sentence() {
    let bed = Bed::new();
    bed.write("tree/x", b"x");
    let url = dead_url("/");
    let ran = bed.run(&format!("--pack ~/tree -f ~/x.tar --hashserver {url}"));
    let ran = ran.expect(3);
    assert_eq!(
        problem(&ran, &format!("problem: {url}")),
        format!("URL: cannot GET {url}api/v1/status: connection refused")
    );
}

/// A proxy that answers everything by itself, and what it was asked.
struct TinyProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TinyProxy {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is no fault of the proxy.
                drop(answer(stream, status, &log));
            }
        });
        Self { address, asked }
    }

    fn log(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, status: u16, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = String::new();
    for line in BufReader::new(Read::by_ref(&mut stream)).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push_str(&line);
        head.push('\n');
    }
    log.lock().unwrap().push(head);
    let body = "by the proxy";
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn proxies_of_the_environment_are_used_unless_excepted() {
    let site = FaultServer::start(|_| Reply::new(200, noise(1, 5000)));
    let url = site.url("/p.bin");
    let port = url.split(':').nth(2).unwrap().trim_end_matches("/p.bin");
    let by_port = format!("localhost, 127.0.0.1:{port}");
    for (except, is_direct) in [
        ("", false),
        ("example.org,10.0.0.0/8,127.0.0.1:1", false),
        ("*", true),
        ("127.0.0.1", true),
        ("127.0.0.0/8", true),
        (by_port.as_str(), true),
    ] {
        let bed = Bed::new();
        let proxy = TinyProxy::start(200);
        let named = format!("http://me:s3cret@{}", proxy.address);
        let variables = [("http_proxy", named.as_str()), ("NO_PROXY", except)];
        submit(&bed, &url, &variables).expect(0);
        let log = proxy.log();
        assert_eq!(log.is_empty(), is_direct, "{except}: {log:?}");
        if let Some(head) = log.first() {
            assert!(head.starts_with(&format!("GET {url} ")), "{head}");
            assert!(head.contains("roxy-authorization: Basic "), "{head}");
        }
    }
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    let site = FaultServer::start(|_| Reply::new(200, "x"));
    let url = site.url("/p.bin");
    let (gone, refusing) = (dead_url(""), TinyProxy::start(407));
    let with_password = gone.replace("http://", "http://me:s3cret@");
    let refusing = format!("http://{}", refusing.address);
    for (proxy, reason) in [
        (
            with_password.as_str(),
            format!("connection refused by the proxy {gone}"),
        ),
        (
            refusing.as_str(),
            format!("status 407 by the proxy {refusing}"),
        ),
    ] {
        let bed = Bed::new();
        let ran = submit(&bed, &url, &[("HTTP_PROXY", proxy)]).expect(1);
        let told = problem(&ran, &url);
        assert_eq!(told, format!("problem: URL: cannot get it: {reason}"));
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
    let bed = Bed::new();
    let ran = submit(&bed, &url, &[("all_proxy", "socks5://u:s3cret@x")]).expect(1);
    let ran = ran.tells("all_proxy: socks5:// is neither http:// nor https://");
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    // Where none is needed, nobody is troubled.
    let variables = [("all_proxy", "nonsense://"), ("no_proxy", "127.0.0.1")];
    submit(&bed, &url, &variables).expect(0);
    assert_eq!(site.requests().len(), 1);
}

#[test]
fn passwords_come_from_settings_or_netrc_and_never_stand_in_a_record() {
    let site = FaultServer::start(|request| match request.header("authorization") {
        // me:s3cret
        Some("Basic bWU6czNjcmV0") => Reply::new(200, noise(1, 5000)),
        _ => Reply::new(401, ""),
    });
    let url = site.url("/p.bin");
    let bed = Bed::new();
    let with_password = url.replace("http://", "http://me:s3cret@");
    let ran = submit(&bed, &with_password, &[]).expect(1);
    let ran = ran
        .tells("names a user or a password")
        .tells("[credentials.");
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    assert_eq!(site.requests().len(), 0);

    submit(&bed, &url, &[]).expect(1).tells("status 401");
    bed.write(".netrc", "machine 127.0.0.1 login me password s3cret\n");
    submit(&bed, &url, &[]).expect(0);

    let bed = Bed::new();
    let settings = "[credentials.\"127.0.0.1\"]\nuser = \"me\"\npassword = \"s3cret\"\n";
    bed.write(".config/hashget/hashget.toml", settings);
    submit(&bed, &url, &[]).expect(0);
    let listed = bed.run_admin("--dump").expect(0).stdout;
    assert!(
        listed.contains(&url) && !listed.contains("s3cret"),
        "{listed}"
    );
}

#[test]
fn a_token_goes_to_the_server_that_it_is_bound_to() {
    let bed = Bed::new();
    bed.write("tree/x", b"x");
    let (one, two) = (dead_url("/"), dead_url("/two/"));
    let pack = |servers: &str, variables: &[(&str, &str)]| {
        let line = bed.words(&format!("--pack ~/tree -f ~/x.tar --hashserver {servers}"));
        run(bed.hashget().args(line).envs(variables.iter().copied()))
    };
    let token = ("HASHGET_TOKEN", "hgt_x");
    let both = format!("{one} {two}");
    pack(&one, &[token]).expect(3);
    pack(&both, &[]).expect(3);
    pack(&both, &[token])
        .expect(2)
        .tells("would go to several hashservers")
        .tells("hint: bind it");
    pack(&both, &[token, ("HASHGET_TOKEN_EVERYWHERE", "yes")]).expect(3);
    pack("http://192.0.2.1/", &[token])
        .expect(2)
        .tells("over plain http");
    let settings = format!("[tokens]\n\"{one}\" = \"a\"\n\"{two}\" = \"b\"\n");
    bed.write(".config/hashget/hashget.toml", settings);
    pack(&both, &[token]).expect(3);
}
