//! The client's services against a real hashserver.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use hashget_api::{ChangeRequest, ListQuery, LookupRequest, PublishRequest, SpecQuery};
use hashget_engine::publish::{PublishOptions, WithFiles, publish};
use hashget_files::monitor::{Level, Monitor, Problem, Silent, Task};
use hashget_server::auth::{Scope, TokenFile};
use hashget_server::settings::{Settings, SettingsLayer};
use hashget_server::startup::Server;
use hashget_sources::hash_db::{
    CombinedLookup, Found, LocalHashDb, PackageLookup, ProjectFilter, Trust,
};
use hashget_sources::hash_server::{HashServer, LookupMode, ServerKind};
use hashget_sources::http::{Http, HttpOptions};
use hashget_sources::sources::{DownloadOptions, Downloader, PackageRef, PackageSources};
use hashget_tests::deb_builder::DebBuilder;
use hashget_tests::fault_server::dead_url;
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;
use jiff::civil::{Date, date};
use tempfile::TempDir;

const TODAY: Date = date(2026, 1, 1);

struct TestServer {
    server: Server,
    token: String,
    _data: TempDir,
}

fn server() -> TestServer {
    let data = tempfile::tempdir().unwrap();
    let layer = SettingsLayer {
        listen: Some("127.0.0.1:0".to_owned()),
        data: Some(data.path().to_owned()),
        workers: Some(1),
        ..SettingsLayer::default()
    };
    let settings = Settings::from_layer(layer).unwrap();
    let tokens = TokenFile::new(settings.tokens_path());
    let token = tokens.add(vec![Scope::Admin], None, TODAY.to_string());
    TestServer {
        server: Server::start(settings).unwrap(),
        token: token.unwrap().secret,
        _data: data,
    }
}

fn http() -> Http {
    Http::new(HttpOptions {
        retries: 0,
        ..HttpOptions::default()
    })
    .unwrap()
}

impl TestServer {
    fn client(&self) -> HashServer {
        HashServer::new(&self.server.url(), Some(self.token.clone()), http()).unwrap()
    }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn project(name: &str) -> ProjectName {
    name.parse().unwrap()
}

fn record(name: &str, files: &[&str]) -> HashPackage {
    HashPackage {
        url: format!("http://example.org/{name}.deb"),
        files: files.iter().map(|file| digest(file)).collect(),
        anchors: files.iter().take(1).map(|file| digest(file)).collect(),
        signatures: [("deb".to_owned(), format!("{name}_1_all"))].into(),
        hashes: vec![digest(name).into()],
        ..HashPackage::default()
    }
}

fn records() -> Vec<HashPackage> {
    let mut short = record("short", &["a", "b"]);
    short.expires = "2100-06-01".parse().unwrap();
    let mut gone = record("gone", &["a"]);
    gone.expires = "2020-06-01".parse().unwrap();
    vec![
        record("one", &["a", "b", "c"]),
        record("two", &["b", "d"]),
        record("three", &["e"]),
        short,
        gone,
    ]
}

fn db(dir: &Path) -> LocalHashDb {
    LocalHashDb::new(dir.join("db"), ProjectFilter::All)
}

fn sources(dir: &Path) -> PackageSources {
    PackageSources {
        pools: Vec::new(),
        downloader: Downloader::new(http(), DownloadOptions::new(dir.join("cache"))),
        servers: Vec::new(),
        db: None,
    }
}

fn options(with_files: WithFiles) -> PublishOptions {
    PublishOptions {
        spec: PackageSpec::All,
        project: None,
        into: None,
        with_files,
        today: TODAY,
    }
}

fn find(db: &LocalHashDb, servers: &[HashServer], needed: Expiry, monitor: &dyn Monitor) -> Found {
    let lookup = CombinedLookup {
        db,
        named: &hashget_sources::hash_db::NOBODY,
        servers,
        trust: Trust::Servers,
        today: TODAY,
        monitor,
    };
    let keys = ["a", "b", "c", "d", "x"].map(digest);
    lookup.find(&keys, needed).unwrap()
}

/// The answer without what only tells where a record came from.
fn plain(found: &Found) -> Vec<(Digest, String, Option<u64>, Expiry)> {
    let packages = found.packages.iter();
    packages
        .map(|p| (p.sha256, p.url.clone(), p.size, p.expires))
        .collect()
}

#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Monitor for Listener {
    fn message(&self, level: Level, text: &str) {
        if level == Level::Warning {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
    fn problem(&self, problem: &Problem) {
        self.0.lock().unwrap().push(problem.subject.clone());
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

#[test]
fn equal_records_give_equal_answers_wherever_they_are() {
    let server = server();
    let dir = TempDir::new().unwrap();
    let own = db(&dir.path().join("own"));
    own.save(&project("p"), &records(), &Silent).unwrap();
    let stats = publish(
        &own,
        &server.client(),
        &sources(dir.path()),
        &options(WithFiles::default()),
        &Silent,
    );
    let stats = stats.unwrap();
    assert_eq!((stats.published_packages, stats.expired_packages), (4, 1));

    for needed in [Expiry::Never, Expiry::On(date(2100, 5, 1))] {
        let here = find(&own, &[], needed, &Silent);
        let empty = db(&dir.path().join(needed.to_string()));
        let first = find(&empty, &[server.client()], needed, &Silent);
        assert_eq!(plain(&first), plain(&here));
        assert_eq!(first.matches, here.matches);
        assert!(
            here.packages
                .iter()
                .all(hashget_sources::hash_db::FoundPackage::is_derived)
        );
        assert!(first.packages.iter().all(|package| !package.is_derived()));
        // The next run needs no network.
        assert_eq!(find(&empty, &[], needed, &Silent), first);
        let cached = empty.projects(&Silent).unwrap();
        let theirs = ProjectName::cached_from(server.client().url(), &project("p"));
        assert_eq!(cached, [theirs]);
        let own_only = CombinedLookup {
            db: &empty,
            named: &hashget_sources::hash_db::NOBODY,
            servers: &[server.client()],
            trust: Trust::Own,
            today: TODAY,
            monitor: &Silent,
        };
        assert!(
            own_only
                .find(&[digest("a")], needed)
                .unwrap()
                .packages
                .is_empty()
        );
    }
}

#[test]
fn what_is_asked_ahead_is_not_asked_again() {
    let server = server();
    let dir = TempDir::new().unwrap();
    let own = db(&dir.path().join("own"));
    let names: Vec<String> = (0..32 * 1024).map(|number| number.to_string()).collect();
    let half = &names[..names.len() / 2];
    let held: Vec<&str> = half.iter().map(String::as_str).collect();
    let mut all = records();
    all.push(record("big", &held));
    own.save(&project("p"), &all, &Silent).unwrap();
    let client = server.client();
    let options = options(WithFiles::default());
    publish(&own, &client, &sources(dir.path()), &options, &Silent).unwrap();

    let digests: Vec<Digest> = names.iter().map(|name| digest(name)).collect();
    let here = db(&dir.path().join("empty"));
    let there = db(&dir.path().join("plain"));
    let servers = [server.client()];
    let listener = Listener::default();
    let lookup = |db| CombinedLookup {
        db,
        named: &hashget_sources::hash_db::NOBODY,
        servers: &servers,
        trust: Trust::Servers,
        today: TODAY,
        monitor: &listener,
    };
    let (here, there) = (lookup(&here), lookup(&there));
    let ((), ahead) = here.ahead(Expiry::Never, |tell| digests.chunks(500).for_each(tell));
    let asked_at_once = there.find(&digests, Expiry::Never).unwrap();
    assert_eq!(asked_at_once.packages.len(), 1);
    drop(server);
    // Nothing is left to ask, but what was told last: too little for a request of its own.
    let told = digests.len() / 16_500 * 16_500;
    let found = ahead.find(&digests[..told], Expiry::Never).unwrap();
    assert_eq!(found.packages, asked_at_once.packages);
    let places = (0..told).map(|key| found.matches[key].to_vec());
    let right = (0..told).map(|key| asked_at_once.matches[key].to_vec());
    assert!(places.eq(right));
    assert!(listener.0.lock().unwrap().is_empty());
    // The records are kept.
    let kept = here.db.find_digests(&digests[..1], &Silent).unwrap();
    assert_eq!(kept.packages.len(), 1);
    // Another question is asked anew, of a server that is not there any more.
    let later = Expiry::On(date(2030, 1, 1));
    ahead.find(&digests, later).unwrap();
    assert_eq!(listener.0.lock().unwrap().len(), 1);
}

#[test]
fn a_dead_server_does_not_hide_a_living_one() {
    let server = server();
    let dir = TempDir::new().unwrap();
    let own = db(&dir.path().join("own"));
    own.save(&project("p"), &records(), &Silent).unwrap();
    publish(
        &own,
        &server.client(),
        &sources(dir.path()),
        &options(WithFiles::default()),
        &Silent,
    )
    .unwrap();
    let dead = HashServer::new(&dead_url("/"), None, http()).unwrap();
    let dead_name = dead.url().to_owned();
    let servers = [dead, server.client()];
    let empty = db(&dir.path().join("empty"));
    let listener = Listener::default();
    for _ in 0..2 {
        assert_eq!(
            find(&empty, &servers, Expiry::Never, &listener)
                .packages
                .len(),
            2
        );
    }
    assert_eq!(*listener.0.lock().unwrap(), [dead_name]);
}

#[test]
fn signatures_and_anchors_are_pulled() {
    let server = server();
    let dir = TempDir::new().unwrap();
    server
        .client()
        .publish(&hashget_api::PublishRequest {
            project: project("p"),
            packages: records(),
        })
        .unwrap();
    let empty = db(dir.path());
    let servers = [server.client()];
    let lookup = CombinedLookup {
        db: &empty,
        named: &hashget_sources::hash_db::NOBODY,
        servers: &servers,
        trust: Trust::Servers,
        today: TODAY,
        monitor: &Silent,
    };
    let signature = |text: &str| text.parse().unwrap();
    let found = lookup
        .find_signatures(&["deb:two_1_all", "deb:x_1_all"].map(signature))
        .unwrap();
    assert_eq!(
        found[0].as_ref().unwrap().package,
        record("two", &["b", "d"])
    );
    assert!(found[1].is_none());
    let pulled = lookup.pull_anchors(&["a", "b", "zzz"].map(digest)).unwrap();
    assert_eq!((pulled.asked, pulled.pulled_packages), (2, 2));
    let again = lookup.pull_anchors(&["a", "b"].map(digest)).unwrap();
    assert_eq!((again.asked, again.pulled_packages), (0, 0));
    // The same by the original's wire.
    let client = server.client();
    let by_anchor = client.package_by_anchor(&digest("e")).unwrap();
    assert_eq!(by_anchor, Some(record("three", &["e"])));
    let by_signature = client
        .package_by_signature(&signature("deb:one_1_all"))
        .unwrap();
    assert_eq!(by_signature.unwrap().url, "http://example.org/one.deb");
}

#[test]
fn every_endpoint_has_its_method() {
    let server = server();
    let client = server.client();
    assert_eq!(client.kind().unwrap(), ServerKind::Api);
    let request = hashget_api::PublishRequest {
        project: project("p"),
        packages: records(),
    };
    assert_eq!(client.publish(&request).unwrap().ids.len(), 5);
    assert_eq!(client.status().unwrap().packages, 5);
    let query = ListQuery {
        limit: Some(2),
        ..ListQuery::default()
    };
    let listed: Vec<_> = client.list(query).map(Result::unwrap).collect();
    assert_eq!(listed.len(), 4);
    let spec: PackageSpec = "name:one.deb".parse().unwrap();
    let set = [("expires".to_owned(), "2101-01-01".into())]
        .into_iter()
        .collect();
    let change = ChangeRequest {
        spec: spec.clone(),
        project: None,
        set,
    };
    assert_eq!(client.change(&change).unwrap().changed_packages, 1);
    let gone = SpecQuery {
        spec,
        project: Some(project("p")),
    };
    assert_eq!(client.remove(&gone).unwrap().removed_packages, 1);
    assert!(client.add_project(&project("q")).unwrap());
    assert!(!client.add_project(&project("q")).unwrap());
    assert!(client.remove_project(&project("q")).unwrap());
    assert!(!client.remove_project(&project("q")).unwrap());
    let stranger = HashServer::new(&server.server.url(), None, http()).unwrap();
    let refused = stranger.remove(&gone).unwrap_err();
    assert!(refused.to_string().contains("status 401: "), "{refused}");
    assert!(!stranger.is_down());
    client.motd().unwrap();
}

#[test]
fn packages_and_anchors_are_published_and_fetched() {
    let server = server();
    let dir = TempDir::new().unwrap();
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let deb = DebBuilder::new().file("usr/lib/big", &content).build();
    let path = dir.path().join("pool/x.deb");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &deb).unwrap();
    let mut package = record("x", &[]);
    package.hashes = vec![Digest::of(&deb).into()];
    package.anchors = vec![Digest::of(&content)];
    package.files = package.anchors.clone();
    let own = db(dir.path());
    own.save(
        &project("p"),
        &[package, record("unavailable", &["q"])],
        &Silent,
    )
    .unwrap();
    let mut sources = sources(dir.path());
    let pool = dir.path().join("pool");
    sources.pools = vec![hashget_sources::sources::Pool::new(
        pool.as_os_str(),
        &dir.path().join("cache"),
    )];
    let all = WithFiles {
        packages: true,
        anchors: true,
    };
    let listener = Listener::default();
    let stats = publish(&own, &server.client(), &sources, &options(all), &listener).unwrap();
    assert_eq!(stats.published_packages, 2);
    assert_eq!((stats.uploaded_files, stats.failed_packages), (2, 1));
    assert_eq!(stats.uploaded_bytes, (deb.len() + content.len()) as u64);
    assert_eq!(*listener.0.lock().unwrap(), ["unavailable.deb"]);
    let again = publish(&own, &server.client(), &sources, &options(all), &Silent).unwrap();
    assert_eq!((again.uploaded_files, again.present_files), (0, 2));

    let elsewhere = TempDir::new().unwrap();
    let mut sources = self::sources(elsewhere.path());
    sources.servers = vec![server.client()];
    let anchor = sources.fetch_file(&Digest::of(&content), &Silent).unwrap();
    assert_eq!(anchor.size, content.len() as u64);
    let wanted = PackageRef {
        sha256: Some(Digest::of(&deb)),
        size: None,
        urls: vec![dead_url("/x")],
    };
    let fetched = sources.fetch(&wanted, &Silent).unwrap();
    assert_eq!(fetched.size, deb.len() as u64);
    let have = sources.pool_have(&[Digest::of(&content), digest("x")], &Silent);
    assert_eq!(
        have.get(&Digest::of(&content)),
        Some(&(content.len() as u64))
    );
}

#[test]
fn every_way_to_look_up_finds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let server = server();
    let plain = server.client();
    let request = PublishRequest {
        project: project("p"),
        packages: records(),
    };
    plain.publish(&request).unwrap();
    let mut keys: Vec<Digest> = ["a", "x", "b", "e", "a"].map(digest).to_vec();
    keys.extend((0..500).map(|n| digest(&format!("private {n}"))));
    let question = LookupRequest {
        digests: keys,
        signatures: vec!["deb:two_1_all".parse().unwrap()],
        expires: None,
    };
    let urls = |client: &HashServer| {
        let told = client.lookup(&question).unwrap();
        let url = |place: &u32| told.packages[*place as usize].url.clone();
        let name = |(key, places): &(u32, Vec<u32>)| -> (u32, Vec<String>) {
            (*key, places.iter().map(url).collect())
        };
        let digests: Vec<_> = told.digests.iter().map(name).collect();
        let signatures: Vec<_> = told.signatures.iter().map(name).collect();
        (digests, signatures)
    };
    let expected = urls(&plain);
    assert_eq!(expected.0.len(), 4);
    // Twice: the second time the pieces come from the directory.
    for mode in [
        LookupMode::Auto,
        LookupMode::Filter,
        LookupMode::Range,
        LookupMode::Filter,
    ] {
        let client = server.client().with_lookup(mode, dir.path());
        assert_eq!(urls(&client), expected, "{mode:?}");
    }
    let nothing = LookupRequest {
        digests: vec![digest("nobody's")],
        ..LookupRequest::default()
    };
    for mode in [LookupMode::Filter, LookupMode::Range] {
        let client = server.client().with_lookup(mode, dir.path());
        assert_eq!(client.lookup(&nothing).unwrap().packages, []);
    }
}
