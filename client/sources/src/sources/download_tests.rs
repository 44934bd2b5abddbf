//! Downloads against servers that fail in every way.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hashget_tests::fault_server::{Fault, FaultServer, Reply, Request, dead_url};
use hashget_words::digest::Digest;
use tempfile::TempDir;

use super::{DownloadError, DownloadOptions, Downloader, LocalPackage, Origin};
use crate::http::HttpError;
use crate::http::tests::{hasty, impatient};
use hashget_files::monitor::{Silent, error_chain};

fn downloader(cache: &Path) -> Downloader {
    Downloader::new(hasty(), DownloadOptions::new(cache.to_owned()))
}

/// 300 kB that do not repeat.
fn content() -> Vec<u8> {
    (0..300_000_u32)
        .flat_map(u32::to_le_bytes)
        .take(300_000)
        .collect()
}

fn read(mut package: LocalPackage) -> Vec<u8> {
    let mut bytes = Vec::new();
    package.file.read_to_end(&mut bytes).unwrap();
    assert_eq!(Digest::of(&bytes), package.sha256);
    assert_eq!(bytes.len() as u64, package.size);
    bytes
}

fn parts(cache: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(cache.join("parts")).into_iter().flatten();
    parts.map(|entry| entry.unwrap().path()).collect()
}

/// Serves [`content`], the first `failing` times with a fault.
fn failing_first(failing: usize, fault: Fault) -> FaultServer {
    let asked = AtomicUsize::new(0);
    FaultServer::start(move |request| {
        let reply = Reply::file(request, &content(), "\"v1\"");
        if asked.fetch_add(1, Ordering::Relaxed) < failing {
            return reply.failing(fault);
        }
        reply
    })
}

#[test]
fn a_second_download_needs_no_network() {
    let cache = TempDir::new().unwrap();
    let server = failing_first(0, Fault::None);
    let loader = downloader(cache.path());
    let url = server.url("/a?b=1");
    let digest = Digest::of(&content());
    let first = loader.download(&url, None, None, &Silent).unwrap();
    assert_eq!(first.origin, Origin::Downloaded(url.clone()));
    assert_eq!(read(first), content());
    let again = downloader(cache.path()).download(&url, Some(&digest), None, &Silent);
    assert_eq!(again.unwrap().origin, Origin::Cache);
    // By digest from any URL, but by URL alone only from the same one, query included.
    let other = dead_url("/a");
    loader
        .download(&other, Some(&digest), None, &Silent)
        .unwrap();
    assert_eq!(server.log(), ["GET /a?b=1"]);
    loader
        .download(&server.url("/a?b=2"), None, None, &Silent)
        .unwrap();
    assert_eq!(server.log(), ["GET /a?b=1", "GET /a?b=2"]);
    assert_eq!(parts(cache.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    for fault in [Fault::CutAfter(100_000), Fault::StallAfter(100_000)] {
        let cache = TempDir::new().unwrap();
        let server = failing_first(1, fault);
        let options = DownloadOptions::new(cache.path().to_owned());
        let got =
            Downloader::new(impatient(), options).download(&server.url("/a"), None, None, &Silent);
        assert_eq!(read(got.unwrap()), content());
        let second = &server.requests()[1];
        assert_eq!(second.header("if-range"), Some("\"v1\""));
        let start: usize = second.header("range").unwrap()[6..]
            .trim_end_matches('-')
            .parse()
            .unwrap();
        assert!(start > 0 && start <= 100_000, "{start}");
    }
}

#[test]
fn a_later_run_goes_on_too_unless_the_file_is_another_one() {
    for (etag, content) in [("\"v1\"", content()), ("\"v2\"", vec![7; 200_000])] {
        let cache = TempDir::new().unwrap();
        let asked = AtomicUsize::new(0);
        let newer = content.clone();
        let server = FaultServer::start(move |request| {
            if asked.fetch_add(1, Ordering::Relaxed) < 3 {
                let reply = Reply::file(request, &self::content(), "\"v1\"");
                return reply.failing(Fault::CutAfter(10));
            }
            Reply::file(request, &newer, etag)
        });
        let url = server.url("/a");
        let error = downloader(cache.path()).download(&url, None, None, &Silent);
        assert!(matches!(error, Err(DownloadError::Http(_))), "{error:?}");
        assert!(!parts(cache.path()).is_empty());
        let got = downloader(cache.path()).download(&url, None, None, &Silent);
        assert_eq!(read(got.unwrap()), content, "{etag}");
        assert!(server.requests()[3].header("range").is_some());
        assert_eq!(parts(cache.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_part_that_does_not_fit_is_loaded_again() {
    // No validator: the halves are of different files, which only the digest can tell.
    let cache = TempDir::new().unwrap();
    let asked = AtomicUsize::new(0);
    let server = FaultServer::start(move |request| {
        let n = asked.fetch_add(1, Ordering::Relaxed);
        let bytes = if n == 0 { vec![9; 300_000] } else { content() };
        let mut reply = Reply::file(request, &bytes, "x");
        reply.headers.retain(|(name, _)| name != "ETag");
        match n {
            0 => reply.failing(Fault::CutAfter(100_000)),
            _ => reply,
        }
    });
    let digest = Digest::of(&content());
    let got = downloader(cache.path()).download(&server.url("/a"), Some(&digest), None, &Silent);
    assert_eq!(read(got.unwrap()), content());
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn servers_that_get_ranges_wrong_are_understood() {
    let replies: [fn(&Request) -> Reply; 3] = [
        // Never heard of Range.
        |_| Reply::new(200, content()).with("ETag", "\"v1\""),
        // Another place than asked for.
        |request| match request.header("range") {
            Some(_) => {
                Reply::new(206, &content()[5..]).with("Content-Range", "bytes 5-299999/300000")
            }
            None => Reply::new(200, content()),
        },
        // Thinks that there is no more.
        |request| match request.header("range") {
            Some(_) => Reply::new(416, ""),
            None => Reply::new(200, content()),
        },
    ];
    for (case, reply) in replies.into_iter().enumerate() {
        let cache = TempDir::new().unwrap();
        let asked = AtomicUsize::new(0);
        let server =
            FaultServer::start(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
                0 => Reply::file(request, &content(), "\"v1\"").failing(Fault::CutAfter(1000)),
                _ => reply(request),
            });
        let got = downloader(cache.path()).download(&server.url("/a"), None, None, &Silent);
        assert_eq!(read(got.unwrap()), content(), "case {case}");
    }
}

#[test]
fn wrong_bytes_are_dropped_and_named() {
    let cache = TempDir::new().unwrap();
    let server = failing_first(0, Fault::None);
    let loader = downloader(cache.path());
    let wanted = Digest::of(b"x");
    let fails = |sha256, size| {
        let got = loader.download(&server.url("/a"), sha256, size, &Silent);
        error_chain(&got.unwrap_err())
    };
    let text = fails(Some(&wanted), None);
    let got = Digest::of(&content());
    assert!(
        text.ends_with(&format!("expected sha256:{wanted}, got sha256:{got}")),
        "{text}"
    );
    assert!(fails(Some(&wanted), Some(7)).ends_with("expected 7 bytes, got 300000 bytes"));
    assert_eq!(parts(cache.path()), Vec::<PathBuf>::new());
    assert!(loader.cached(&wanted).unwrap().is_none());
    assert!(loader.cached(&got).unwrap().is_none());
}

#[test]
fn a_pipe_in_the_cache_is_an_error_and_not_waited_for() {
    let cache = TempDir::new().unwrap();
    let digest = Digest::of(b"x");
    let path = cache.path().join("sha256").join(digest.sharded_path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let error = downloader(cache.path()).cached(&digest).unwrap_err();
    let text = error_chain(&error);
    assert!(text.contains("it is no regular file"), "{text}");
}

#[test]
fn a_body_of_unknown_length_is_checked_by_size_and_bounded() {
    let cache = TempDir::new().unwrap();
    let server = FaultServer::start(|_| {
        Reply::new(200, "5\r\nabcde\r\n0\r\n\r\n").with("Transfer-Encoding", "chunked")
    });
    let loader = downloader(cache.path());
    let got = loader.download(&server.url("/a"), None, Some(6), &Silent);
    let text = error_chain(&got.unwrap_err());
    assert!(text.ends_with("expected 6 bytes, got 5 bytes"), "{text}");
    let got = loader.download(&server.url("/a"), None, Some(5), &Silent);
    assert_eq!(read(got.unwrap()), b"abcde");
    let mut options = DownloadOptions::new(cache.path().to_owned());
    options.max_bytes = 1000;
    let server = failing_first(0, Fault::None);
    let bounded = Downloader::new(hasty(), options);
    let got = bounded.download(&server.url("/a"), None, None, &Silent);
    assert!(error_chain(&got.unwrap_err()).contains("larger than 1000 bytes"));
}

type Answer = fn(&Request, &[u8], &str) -> Reply;

#[test]
fn a_file_asked_for_by_url_alone_is_never_an_old_one() {
    let tagged = |request: &Request, content: &[u8], tag: &str| Reply::file(request, content, tag);
    let dated = |request: &Request, content: &[u8], tag: &str| {
        if request.header("if-modified-since") == Some(tag) {
            return Reply::new(304, "");
        }
        Reply::new(200, content).with("Last-Modified", tag)
    };
    let bare = |_: &Request, content: &[u8], _: &str| Reply::new(200, content);
    let cases: [(Answer, Origin); 3] = [
        (tagged, Origin::Cache),
        (dated, Origin::Cache),
        (bare, Origin::Downloaded(String::new())),
    ];
    for (answer, unchanged) in cases {
        let cache = TempDir::new().unwrap();
        let asked = AtomicUsize::new(0);
        // The third time it is another file.
        let server =
            FaultServer::start(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => answer(request, b"old", "\"1\""),
                _ => answer(request, b"new", "\"2\""),
            });
        let url = server.url("/full-1.tar.gz");
        let get = || {
            let got = downloader(cache.path()).download(&url, None, None, &Silent);
            got.unwrap()
        };
        assert_eq!(read(get()), b"old");
        let second = get();
        let unchanged = match unchanged {
            Origin::Downloaded(_) => Origin::Downloaded(url.clone()),
            cached => cached,
        };
        assert_eq!(second.origin, unchanged);
        assert_eq!(read(second), b"old");
        assert_eq!(read(get()), b"new");
        drop(server);
        let gone = downloader(cache.path()).download(&url, None, None, &Silent);
        assert!(gone.is_err(), "what cannot be compared is not believed");
    }
}

#[test]
fn a_damaged_cache_is_not_believed() {
    let cache = TempDir::new().unwrap();
    let server = failing_first(0, Fault::None);
    let loader = downloader(cache.path());
    let package = loader
        .download(&server.url("/a"), None, None, &Silent)
        .unwrap();
    fs::write(&package.path, b"damaged").unwrap();
    let again = loader
        .download(&server.url("/a"), None, None, &Silent)
        .unwrap();
    assert_eq!(read(again), content());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn several_downloads_of_one_url_do_not_disturb_each_other() {
    let cache = TempDir::new().unwrap();
    let server = failing_first(2, Fault::CutAfter(50_000));
    let url = server.url("/a");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let got = downloader(cache.path()).download(&url, None, None, &Silent);
                assert_eq!(read(got.unwrap()), content());
            });
        }
    });
    assert_eq!(parts(cache.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_dead_host_is_left_alone_after_a_while() {
    let cache = TempDir::new().unwrap();
    let loader = downloader(cache.path());
    let url = dead_url("/a");
    for attempt in 0..5 {
        let error = loader.download(&url, None, None, &Silent).unwrap_err();
        let is_left_alone = matches!(error, DownloadError::Http(HttpError::HostDown { .. }));
        assert_eq!(is_left_alone, attempt >= 3, "{attempt}: {error}");
    }
}

#[test]
fn without_a_cache_downloads_go_to_temporary_files() {
    let dir = TempDir::new().unwrap();
    let blocked = dir.path().join("file");
    fs::write(&blocked, b"").unwrap();
    let server = failing_first(0, Fault::None);
    let loader = downloader(&blocked.join("cache"));
    for _ in 0..2 {
        let digest = Digest::of(&content());
        let package = loader.download(&server.url("/a"), Some(&digest), None, &Silent);
        assert_eq!(read(package.unwrap()), content());
    }
    assert_eq!(fs::read(&blocked).unwrap(), b"");
    let named = downloader(dir.path()).download("cold-storage-7", None, None, &Silent);
    assert!(matches!(named, Err(DownloadError::NotDownloadable { .. })));
}

#[test]
fn cleaning_deletes_what_is_ours() {
    let cache = TempDir::new().unwrap();
    fs::write(cache.path().join("precious"), b"x").unwrap();
    let server = failing_first(0, Fault::None);
    let loader = downloader(cache.path());
    assert_eq!(loader.clean().unwrap().deleted_files, 0);
    loader
        .download(&server.url("/a"), None, None, &Silent)
        .unwrap();
    let stats = loader.clean().unwrap();
    assert!(
        stats.deleted_files == 2 && stats.deleted_bytes > 300_000,
        "{stats:?}"
    );
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
}
