//! Restores through the services themselves: pools on disk, HTTP on loopback.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use hashget_words::digest::Digest;
use hashget_words::restore_file::RestoreFile;

use super::doubles::{Log, TestSources};
use super::fixture::{list_of, path};
use crate::restore::{PlannedFetch, RestoreOptions, plan, restore};
use crate::verify::{VerifyOptions, verify};
use hashget_sources::http::{Http, HttpOptions};
use hashget_sources::sources::{DownloadOptions, Downloader, PackageSources, Pool};

fn services(cache: &Path, pools: &[&Path]) -> PackageSources {
    let http = Http::new(HttpOptions::default()).unwrap();
    PackageSources {
        pools: pools
            .iter()
            .map(|pool| Pool::new(pool.as_os_str(), cache))
            .collect(),
        downloader: Downloader::new(http, DownloadOptions::new(cache.to_owned())),
        servers: Vec::new(),
        db: None,
    }
}

/// Answers every request by what `answer` says for its path, until the process ends.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some((method, path)) = request(&stream) {
                let mut response = answer(&path);
                if method == "HEAD" {
                    let end = response.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
                    response.truncate(end + 4);
                }
                (&stream).write_all(&response).unwrap_or_default();
            }
        }
    });
    url
}

fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut lines = BufReader::new(stream.take(65536)).lines();
    let first = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    let mut words = first.split(' ').map(str::to_owned);
    Some((words.next()?, words.next()?))
}

fn ok(body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn not_found() -> Vec<u8> {
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
}

/// A directory whose one file is missing, and the package that holds it.
fn prepare(root: &Path, url: &str, urls: &[String]) -> Vec<u8> {
    fs::create_dir(root).unwrap();
    fs::write(root.join("f"), "content").unwrap();
    let mut sources = TestSources::default();
    let mut package = sources.add(&[b"content"]);
    url.clone_into(&mut package.url);
    package.urls = urls.to_vec();
    let list = list_of(root, &[path("f")], vec![package]);
    fs::remove_file(root.join("f")).unwrap();
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    sources.packages.into_values().next().unwrap()
}

#[test]
fn dead_wrong_and_short_sources_are_passed_over() {
    let work = tempfile::tempdir().unwrap();
    let package = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let body = package.clone();
    let base = serve(move |path| {
        let package: Vec<u8> = body.lock().unwrap().clone();
        match path {
            "/wrong" => ok(&vec![b'x'; package.len()]),
            "/good" => ok(&package),
            _ => not_found(),
        }
    });
    let root = work.path().join("root");
    let urls = ["wrong", "good"].map(|name| format!("{base}/{name}"));
    *package.lock().unwrap() = prepare(&root, &format!("{base}/dead"), &urls);
    // A pool whose file is corrupted.
    let pool = work.path().join("pool");
    let digest = Digest::of(&package.lock().unwrap());
    let place = pool.join("sha256").join(digest.sharded_path());
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, "corrupted").unwrap();
    let services = services(&work.path().join("cache"), &[&pool]);
    let report = verify(&root, &VerifyOptions::default(), &services, &Log::default()).unwrap();
    assert!(report.is_good(), "{report:?}");
    let log = Log::default();
    let stats = restore(&root, &RestoreOptions::default(), &services, &log).unwrap();
    assert_eq!(stats.missing, []);
    assert_eq!(stats.downloaded_bytes, package.lock().unwrap().len() as u64);
    assert_eq!(fs::read(root.join("f")).unwrap(), b"content");
}

#[test]
fn pools_come_first_and_plans_say_so() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path().join("root");
    let package = prepare(&root, "http://127.0.0.1:9/unreachable", &[]);
    let pool = work.path().join("pool");
    fs::create_dir(&pool).unwrap();
    fs::write(pool.join("any-name.tar"), &package).unwrap();
    let services = services(&work.path().join("cache"), &[&pool]);
    let options = RestoreOptions::default();
    let planned = plan(&root, &options, &services, &Log::default()).unwrap();
    assert!(
        matches!(planned.packages[0].fetch, PlannedFetch::AtHand(_)),
        "{planned:?}"
    );
    assert_eq!((planned.download_bytes, planned.files.len()), (0, 1));
    let stats = restore(&root, &options, &services, &Log::default()).unwrap();
    assert_eq!(
        (stats.placed_files, stats.pool_bytes),
        (1, package.len() as u64)
    );
    assert!(pool.join("any-name.tar").exists());
}

#[test]
fn without_any_source_the_file_is_named_and_the_restore_file_stays() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path().join("root");
    let base = serve(|_| not_found());
    prepare(&root, &format!("{base}/gone"), &[]);
    let services = services(&work.path().join("cache"), &[]);
    let log = Log::default();
    let stats = restore(&root, &RestoreOptions::default(), &services, &log).unwrap();
    assert_eq!((stats.missing_files, stats.failed_packages), (1, 1));
    assert!(stats.missing[0].why.contains("404"), "{:?}", stats.missing);
    assert!(root.join(RestoreFile::NAME).exists());
    assert!(!root.join("f").exists());
}
