//! Servers that send files in an encoding that was not asked for.

use std::sync::atomic::{AtomicUsize, Ordering};

use hashget_tests::compression::Compression;
use hashget_tests::fault_server::{Fault, FaultServer, Reply, Request};
use hashget_words::digest::Digest;
use tempfile::TempDir;

use super::{DownloadError, DownloadOptions, Downloader};
use crate::http::tests::hasty;
use hashget_files::monitor::Silent;

fn content() -> Vec<u8> {
    let numbers = (0..40_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    numbers.flat_map(u64::to_le_bytes).collect()
}

/// [`content`] as gzip, whole and with a validator.
fn encoded() -> Reply {
    Reply::new(200, Compression::Gzip.compress(&content()))
        .with("Content-Encoding", "gzip")
        .with("ETag", "\"v1\"")
}

/// The digest of what a server gives at `path`, and what it was asked.
fn downloaded(
    path: &str,
    sha256: Option<Digest>,
    handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
) -> (Result<Digest, DownloadError>, Vec<Request>) {
    let asked = AtomicUsize::new(0);
    let server =
        FaultServer::start(move |request| handler(request, asked.fetch_add(1, Ordering::Relaxed)));
    let cache = TempDir::new().unwrap();
    let loader = Downloader::new(hasty(), DownloadOptions::new(cache.path().to_owned()));
    let url = server.url(path);
    let package = loader.download(&url, sha256.as_ref(), None, &Silent);
    (package.map(|package| package.sha256), server.requests())
}

#[test]
fn the_file_itself_is_asked_for_and_taken() {
    let (digest, requests) = downloaded("/a.tar", None, |_, _| encoded());
    assert_eq!(digest.unwrap(), Digest::of(&content()));
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn a_compressed_file_that_is_said_to_be_encoded_is_taken_as_it_is() {
    let (digest, _) = downloaded("/a.tar.gz", None, |_, _| encoded());
    let file = Compression::Gzip.compress(&content());
    assert_eq!(digest.unwrap(), Digest::of(&file));
}

#[test]
fn what_came_encoded_is_not_resumed() {
    let wanted = Digest::of(&content());
    let (digest, requests) = downloaded("/a.tar", Some(wanted), |_, asked| match asked {
        0 => encoded().failing(Fault::CutAfter(200_000)),
        _ => encoded(),
    });
    assert_eq!(digest.unwrap(), wanted);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("range"), None);
}

#[test]
fn a_range_of_an_encoding_is_not_joined_to_the_file() {
    let (digest, requests) = downloaded("/a.tar", None, |request, asked| match asked {
        0 => Reply::file(request, &content(), "\"v1\"").failing(Fault::CutAfter(200_000)),
        1 => {
            assert!(request.header("range").is_some());
            Reply::file(request, &content(), "\"v1\"").with("Content-Encoding", "gzip")
        }
        _ => encoded(),
    });
    assert_eq!(digest.unwrap(), Digest::of(&content()));
    assert_eq!(requests.len(), 3);
}

#[test]
fn an_unknown_encoding_is_an_error_at_once() {
    let (digest, requests) = downloaded("/a.tar", None, |_, _| {
        Reply::new(200, "?").with("Content-Encoding", "br")
    });
    assert!(
        matches!(digest, Err(DownloadError::Encoded { .. })),
        "{digest:?}"
    );
    assert_eq!(requests.len(), 1);
}
