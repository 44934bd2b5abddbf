//! Packages from pools, URLs and hashservers, some of them broken.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hashget_tests::fault_server::{Fault, FaultServer, Reply, dead_url};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use tempfile::TempDir;

use super::{DownloadOptions, Downloader, Origin, PackageRef, PackageSources, Pool, SourceKind};
use crate::hash_db::{LocalHashDb, ProjectFilter};
use crate::hash_server::HashServer;
use crate::http::tests::{hasty, impatient};
use crate::http::{Http, HttpOptions};
use hashget_files::monitor::{Level, Monitor, Problem, Silent, Task};

/// Remembers what it is told.
#[derive(Default)]
struct Listener {
    warnings: Mutex<Vec<String>>,
    problems: Mutex<Vec<Problem>>,
}

impl Monitor for Listener {
    fn message(&self, level: Level, text: &str) {
        if level == Level::Warning {
            self.warnings.lock().unwrap().push(text.to_owned());
        }
    }
    fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap().push(problem.clone());
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

const BYTES: &[u8] = b"a package that is not even an archive";

fn digest() -> Digest {
    Digest::of(BYTES)
}

fn wanted(urls: &[String]) -> PackageRef {
    PackageRef {
        sha256: Some(digest()),
        size: Some(BYTES.len() as u64),
        urls: urls.to_vec(),
    }
}

fn sources(dir: &Path, pools: &[&str], servers: &[String]) -> PackageSources {
    let cache = dir.join("cache");
    let server = |url: &String| HashServer::new(url, None, hasty()).unwrap();
    PackageSources {
        pools: pools
            .iter()
            .map(|pool| Pool::new(pool.as_ref(), &cache))
            .collect(),
        downloader: Downloader::new(hasty(), DownloadOptions::new(cache)),
        servers: servers.iter().map(server).collect(),
        db: None,
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn serving(path: String) -> FaultServer {
    FaultServer::start(move |request| match request.path.as_str() {
        "/config.json" => Reply::new(200, "{}"),
        other if other == path => Reply::file(request, BYTES, "\"1\""),
        _ => Reply::not_found(),
    })
}

#[test]
fn it_goes_on_to_the_next_source_and_says_so() {
    let dir = TempDir::new().unwrap();
    let pool = dir.path().join("pool");
    write(
        &pool.join("sha256").join(digest().sharded_path()),
        b"damaged",
    );
    let broken = FaultServer::start(|request| match request.path.as_str() {
        "/wrong" => Reply::new(200, "x".repeat(BYTES.len())),
        "/short" => Reply::new(200, &BYTES[..5]),
        "/cut" => Reply::new(200, BYTES).failing(Fault::CutAfter(5)),
        "/slow" => Reply::new(200, BYTES).failing(Fault::StallAfter(0)),
        "/500" => Reply::new(500, "sorry"),
        "/loop" => Reply::redirect("/loop"),
        _ => Reply::not_found(),
    });
    let paths = ["/wrong", "/short", "/cut", "/slow", "/500", "/loop", "/404"];
    let mut urls = vec!["a-mere-name".to_owned(), dead_url("/x")];
    urls.extend(paths.map(|path| broken.url(path)));
    let listener = Listener::default();
    let pools = [pool.to_str().unwrap()];
    let mut sources = sources(dir.path(), &pools, &[]);
    let options = DownloadOptions::new(dir.path().join("cache"));
    sources.downloader = Downloader::new(impatient(), options);
    let error = sources.fetch(&wanted(&urls), &listener).unwrap_err();
    assert_eq!(error.attempts.len(), 9, "{error}");
    assert!(error.to_string().contains("/404: status 404"), "{error}");
    assert_eq!(listener.problems.lock().unwrap().len(), 1);
    assert!(listener.warnings.lock().unwrap().is_empty());

    let good = serving("/good".to_owned());
    urls.push(good.url("/good"));
    let package = sources.fetch(&wanted(&urls), &listener).unwrap();
    assert_eq!(package.origin, Origin::Downloaded(good.url("/good")));
    let warnings = listener.warnings.lock().unwrap();
    assert_eq!(warnings.len(), 10, "{warnings:?}");
    assert!(warnings[9].starts_with("replaced the damaged sha256:"));
    let named = pool.join("sha256").join(digest().sharded_path());
    assert_eq!(fs::read(named).unwrap(), BYTES);
}

#[test]
fn a_source_is_waited_for_only_when_no_other_has_the_package() {
    let counting = |failing: usize| {
        let asked = AtomicUsize::new(0);
        FaultServer::start(move |request| {
            if asked.fetch_add(1, Ordering::Relaxed) < failing {
                return Reply::new(503, "");
            }
            Reply::file(request, BYTES, "\"1\"")
        })
    };
    let fetch = |urls: &[String]| {
        let dir = TempDir::new().unwrap();
        sources(dir.path(), &[], &[]).fetch(&wanted(urls), &Silent)
    };
    let (dead, good) = (counting(usize::MAX), counting(0));
    let package = fetch(&[dead.url("/a"), good.url("/a")]).unwrap();
    assert_eq!(package.origin, Origin::Downloaded(good.url("/a")));
    assert_eq!(dead.log().len(), 1);

    let recovering = counting(2);
    let package = fetch(&[dead_url("/a"), recovering.url("/a")]).unwrap();
    assert_eq!(package.origin, Origin::Downloaded(recovering.url("/a")));

    let dead = counting(usize::MAX);
    let error = fetch(&[dead.url("/a"), dead_url("/b")]).unwrap_err();
    // The first time and two retries, told once.
    assert_eq!(dead.log().len(), 3);
    assert_eq!(error.attempts.len(), 2, "{error}");
}

#[test]
fn hosts_that_were_asked_in_passing_are_asked_again_in_earnest() {
    let dir = TempDir::new().unwrap();
    let asked = AtomicUsize::new(0);
    let good = serving("/a".to_owned());
    let flaky = FaultServer::start(move |request| {
        if asked.fetch_add(1, Ordering::Relaxed) < 3 {
            return Reply::new(200, "").failing(Fault::NoAnswer);
        }
        Reply::file(request, BYTES, "\"1\"")
    });
    let other = |number: u8| PackageRef {
        sha256: Some(Digest::of(&[number])),
        size: None,
        urls: vec![flaky.url("/a"), good.url("/404")],
    };
    let sources = sources(dir.path(), &[], &[]);
    for number in 0..3 {
        // Its failures come to an end, but then it has other bytes.
        assert!(sources.fetch(&other(number), &Silent).is_err());
    }
    let package = sources.fetch(&wanted(&[flaky.url("/a")]), &Silent);
    assert!(package.is_ok(), "{package:?}");
}

#[test]
fn pools_are_searched_by_name_and_by_content() {
    for place in ["sha256", "pool/sha256", "by content"] {
        let dir = TempDir::new().unwrap();
        let pool = dir.path().join("pool");
        write(&pool.join("sub/other.deb"), b"other");
        match place {
            "by content" => write(&pool.join("sub/[renamed]\n"), BYTES),
            directory => write(&pool.join(directory).join(digest().sharded_path()), BYTES),
        }
        let first = dir.path().join("first");
        let pools = [first.to_str().unwrap(), pool.to_str().unwrap()];
        let sources = sources(dir.path(), &pools, &[]);
        let package = sources.fetch(&wanted(&[]), &Silent).unwrap();
        assert_eq!(package.origin, Origin::Pool(pools[1].to_owned()), "{place}");
        let states = sources.check(&wanted(&[]), &Silent);
        assert_eq!(states.len(), 1, "{states:?}");
        assert!(states[0].is_alive);
    }
}

#[test]
fn files_of_a_pool_are_hashed_once_and_again_when_they_change() {
    let dir = TempDir::new().unwrap();
    let pool = dir.path().join("pool");
    write(&pool.join("a"), b"something else");
    let pools = [pool.to_str().unwrap()];
    assert!(
        sources(dir.path(), &pools, &[])
            .fetch(&wanted(&[]), &Silent)
            .is_err()
    );
    let lists = fs::read_dir(dir.path().join("cache/pools")).unwrap();
    let list = lists.map(|entry| entry.unwrap().path()).next().unwrap();
    // What the list says is believed as long as size and time agree: nothing is hashed again.
    let text = fs::read_to_string(&list).unwrap();
    let other = Digest::of(b"something else").to_string();
    fs::write(&list, text.replace(&other, &digest().to_string())).unwrap();
    let listener = Listener::default();
    assert!(
        sources(dir.path(), &pools, &[])
            .fetch(&wanted(&[]), &listener)
            .is_err()
    );
    assert!(
        listener.problems.lock().unwrap()[0]
            .what
            .contains("is damaged: expected")
    );
    write(&pool.join("a"), BYTES);
    assert!(
        sources(dir.path(), &pools, &[])
            .fetch(&wanted(&[]), &Silent)
            .is_ok()
    );
}

#[test]
fn the_first_directory_receives_what_is_downloaded() {
    let dir = TempDir::new().unwrap();
    let http = serving(format!("/sha256/{}", digest().sharded_path()));
    let pool = dir.path().join("new/pool");
    let pools = [http.url("/"), pool.to_str().unwrap().to_owned()];
    let pools: Vec<&str> = pools.iter().map(String::as_str).collect();
    let package = sources(dir.path(), &pools, &[])
        .fetch(&wanted(&[]), &Silent)
        .unwrap();
    assert_eq!(package.origin, Origin::Pool(http.url("")));
    assert_eq!(
        http.log()[0],
        format!("GET /pool/sha256/{}", digest().sharded_path())
    );
    let kept = pool.join("sha256").join(digest().sharded_path());
    assert_eq!(fs::read(&kept).unwrap(), BYTES);
    assert_eq!(fs::read_dir(kept.parent().unwrap()).unwrap().count(), 1);
    let package = sources(dir.path(), &pools[1..], &[])
        .fetch(&wanted(&[]), &Silent)
        .unwrap();
    assert_eq!(package.path, kept);
}

#[test]
fn servers_know_further_urls_and_have_pools() {
    let dir = TempDir::new().unwrap();
    let mirror = serving("/elsewhere".to_owned());
    let record = HashPackage {
        url: mirror.url("/elsewhere"),
        hashes: vec![digest().into()],
        ..HashPackage::default()
    };
    let json = serde_json::to_vec(&record).unwrap();
    let path = format!("/a/{}", digest().sharded_path());
    let server = FaultServer::start(move |request| match request.path.as_str() {
        "/config.json" => Reply::new(200, "{}"),
        other if other == path => Reply::new(200, json.clone()),
        _ => Reply::not_found(),
    });
    let pool = serving(format!("/pool/sha256/{}", digest().sharded_path()));
    let dead = dead_url("/");
    let servers = [dead.clone(), server.url(""), pool.url("/")];
    let listener = Listener::default();
    let all = sources(dir.path(), &[], &servers);
    let package = all.fetch(&wanted(&[]), &listener).unwrap();
    assert_eq!(package.origin, Origin::Downloaded(mirror.url("/elsewhere")));
    assert_eq!(listener.warnings.lock().unwrap().len(), 1);
    assert!(all.servers[0].is_down());
    let states = all.check(&wanted(&[dead_url("/x")]), &Silent);
    let alive: Vec<_> = states
        .into_iter()
        .filter(|state| state.is_alive)
        .map(|state| state.source)
        .collect();
    let expected = [
        SourceKind::Cache,
        SourceKind::Url(mirror.url("/elsewhere")),
        SourceKind::HashServer(pool.url("/")),
    ];
    assert_eq!(alive, expected);

    let other = TempDir::new().unwrap();
    let sources = sources(other.path(), &[], &[dead, pool.url("/")]);
    let sizes = sources.pool_have(&[digest(), Digest::of(b"x")], &Silent);
    assert_eq!(
        sizes.into_iter().collect::<Vec<_>>(),
        [(digest(), BYTES.len() as u64)]
    );
    let file = sources.fetch_file(&digest(), &Silent).unwrap();
    assert_eq!(file.size, BYTES.len() as u64);
    assert!(sources.fetch_file(&Digest::of(b"x"), &Silent).is_err());
}

#[test]
fn local_records_know_further_urls() {
    let dir = TempDir::new().unwrap();
    let mirror = serving("/elsewhere".to_owned());
    let db = LocalHashDb::new(dir.path().join("db"), ProjectFilter::All);
    let record = HashPackage {
        url: mirror.url("/elsewhere"),
        files: vec![Digest::of(b"inside")],
        hashes: vec![digest().into()],
        ..HashPackage::default()
    };
    db.save(&"p".parse().unwrap(), &[record], &Silent).unwrap();
    let mut sources = sources(dir.path(), &[], &[]);
    sources.db = Some(db);
    let package = sources.fetch(&wanted(&[dead_url("/x")]), &Silent).unwrap();
    assert_eq!(package.origin, Origin::Downloaded(mirror.url("/elsewhere")));
    let today = jiff::civil::date(2020, 1, 1);
    let keys = [Digest::of(b"x"), Digest::of(b"inside")];
    let found = sources.find_alternatives(&keys, today, &Silent);
    assert_eq!(found.matches, vec![vec![], vec![0]].into());
    assert_eq!(found.packages[0].sha256, digest());
}

#[test]
fn a_source_that_drips_is_left_for_the_next() {
    let dir = TempDir::new().unwrap();
    let drip = FaultServer::start(|_| Reply::new(200, BYTES).failing(Fault::Drip));
    let good = serving("/good".to_owned());
    let mut sources = sources(dir.path(), &[], &[]);
    let http = Http::new(HttpOptions {
        answer_time: Duration::from_secs(2),
        min_speed: 1_000_000_000,
        ..hasty().options().clone()
    });
    let options = DownloadOptions::new(dir.path().join("cache"));
    sources.downloader = Downloader::new(http.unwrap(), options);
    let urls = [drip.url("/p"), good.url("/good")];
    let package = sources.fetch(&wanted(&urls), &Silent).unwrap();
    assert_eq!(package.origin, Origin::Downloaded(good.url("/good")));
}
