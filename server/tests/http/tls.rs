//! TLS, with certificates made for the test.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use reqwest::tls::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto};

use crate::support::TestServer;

/// Writes a new certificate and its key; the certificate.
fn renew(directory: &Path) -> Certificate {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    // As the tools do it: each file is renamed into place.
    for (name, text) in [
        ("cert.pem", pem.clone()),
        ("key.pem", made.signing_key.serialize_pem()),
    ] {
        let temp = directory.join("temp");
        fs::write(&temp, text).unwrap();
        fs::rename(&temp, directory.join(name)).unwrap();
    }
    Certificate::from_pem(pem.as_bytes()).unwrap()
}

fn start(directory: &Path) -> TestServer {
    TestServer::with(&format!(
        "tls_certificate = '{0}/cert.pem'\ntls_key = '{0}/key.pem'",
        directory.display()
    ))
}

/// Whether a client that trusts only `certificate` is served.
fn is_served(server: &TestServer, certificate: &Certificate) -> bool {
    let client = Client::builder()
        .tls_certs_only([certificate.clone()])
        .build()
        .unwrap();
    let port = server.server.address().port();
    let answer = client
        .get(format!("https://localhost:{port}/config.json"))
        .send();
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[test]
fn a_renewed_certificate_is_used_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = renew(directory.path());
    let server = start(directory.path());
    assert!(server.server.url().starts_with("https://"));
    assert!(is_served(&server, &first));
    let second = renew(directory.path());
    server.server.reload();
    assert!(is_served(&server, &second) && !is_served(&server, &first));
    let third = renew(directory.path());
    let began = Instant::now();
    while !is_served(&server, &third) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the change was not noticed"
        );
    }
}

#[test]
fn a_broken_renewal_leaves_the_old_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let first = renew(directory.path());
    let server = start(directory.path());
    let other = tempfile::tempdir().unwrap();
    renew(other.path());
    let key = directory.path().join("key.pem");
    for text in [
        fs::read(other.path().join("key.pem")).unwrap(),
        b"junk".to_vec(),
    ] {
        fs::write(&key, text).unwrap();
        server.server.reload();
        assert!(is_served(&server, &first));
    }
    fs::remove_file(&key).unwrap();
    server.server.reload();
    assert!(is_served(&server, &first));
}

#[test]
fn plain_http_is_not_served_on_a_port_of_tls() {
    let directory = tempfile::tempdir().unwrap();
    renew(directory.path());
    let server = start(directory.path());
    let url = format!("http://{}/config.json", server.server.address());
    assert!(reqwest::blocking::get(url).is_err());
}

/// There are no streams to open, reset or leave unread by the thousand.
#[test]
fn who_would_speak_http_2_is_answered_in_http_1() {
    let directory = tempfile::tempdir().unwrap();
    renew(directory.path());
    let server = start(directory.path());
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(directory.path().join("cert.pem")).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = "localhost".try_into().unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(server.server.address()).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    assert_ne!(connection.alpn_protocol(), Some(&b"h2"[..]));
}
