//! Backup series in the pool of a real hashserver.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hashget_api::PublishRequest;
use hashget_engine::restore::{RestoreOptions, RestoreSources, SourceFailure, SourceReport};
use hashget_files::monitor::{Kept, Monitor, Silent};
use hashget_series::{
    self as series, BackupId, Outcome, RunOptions, RunReport, Section, SeriesError, SeriesFile,
};
use hashget_server::auth::{Scope, TokenFile};
use hashget_server::settings::{Settings, SettingsLayer};
use hashget_server::startup::Server;
use hashget_sources::hash_db::{Found, PackageLookup};
use hashget_sources::hash_server::HashServer;
use hashget_sources::http::{Http, HttpOptions};
use hashget_sources::sources::{LocalPackage, PackageRef};
use hashget_tests::{Random, tree_listing};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;
use hashget_words::rel_path::RelPath;
use jiff::{Timestamp, ToSpan, Zoned};
use tempfile::TempDir;

/// Knows no packages; what is done when it is asked is the test's.
struct Lookup<'a>(&'a (dyn Fn() + Sync));

impl PackageLookup for Lookup<'_> {
    type Error = std::convert::Infallible;

    fn find(&self, digests: &[Digest], _: Expiry) -> Result<Found, Self::Error> {
        (self.0)();
        Ok(Found {
            packages: Vec::new(),
            matches: vec![Vec::new(); digests.len()].into(),
        })
    }
}

struct Nothing;

impl RestoreSources for Nothing {
    fn package(&self, _: &PackageRef, _: &dyn Monitor) -> Result<LocalPackage, SourceFailure> {
        Err("nobody has it".into())
    }

    fn probe(&self, _: &PackageRef, _: &dyn Monitor) -> Vec<SourceReport> {
        Vec::new()
    }
}

/// A server that is read and written with one token, which may publish to one project.
struct Bed {
    server: Server,
    token: String,
    directory: TempDir,
    now: Mutex<Zoned>,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layer = SettingsLayer {
            listen: Some("127.0.0.1:0".to_owned()),
            data: Some(directory.path().join("data")),
            workers: Some(1),
            open_reading: Some(false),
            ..SettingsLayer::default()
        };
        let settings = Settings::from_layer(layer).unwrap();
        let tokens = TokenFile::new(settings.tokens_path());
        fs::create_dir(directory.path().join("source")).unwrap();
        let scope: Scope = "publish:backups".parse().unwrap();
        let server = Server::start(settings).unwrap();
        let token = tokens.add(vec![scope], None, "2026-01-01".to_owned());
        let now = Timestamp::from_second(1_767_236_400).unwrap();
        Self {
            server,
            token: token.unwrap().secret,
            directory,
            now: Mutex::new(now.to_zoned(jiff::tz::TimeZone::UTC)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn client(&self) -> HashServer {
        self.client_with(&self.token)
    }

    fn client_with(&self, token: &str) -> HashServer {
        let options = HttpOptions {
            retries: 0,
            ..HttpOptions::default()
        };
        let http = Http::new(options).unwrap();
        HashServer::new(&self.server.url(), Some(token.to_owned()), http).unwrap()
    }

    /// The section as `machine` knows it: by the series file, the URL and the token alone.
    fn section(&self, machine: &str, options: &str) -> Section {
        let text = format!(
            "[profile.Home.Docs]\nsource='{}'\ndestination='{}'\nproject='backups'\n{options}\n",
            self.path("source").display(),
            self.server.url(),
        );
        let file = SeriesFile::parse(&text, Path::new("series.toml")).unwrap();
        let mut section = file.sections.into_iter().next().unwrap();
        let project = section.server.clone().unwrap().project;
        section.connect(self.client(), project, self.path(machine));
        section
    }

    fn run_with(
        &self,
        section: &Section,
        asked: &(dyn Fn() + Sync),
    ) -> Result<Outcome, SeriesError> {
        Ok(self.report(section, asked, &Silent)?.outcome)
    }

    fn report(
        &self,
        section: &Section,
        asked: &(dyn Fn() + Sync),
        monitor: &dyn Monitor,
    ) -> Result<RunReport, SeriesError> {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(1.day()).unwrap();
        let options = RunOptions {
            hints: hashget_engine::hint_scope::HintScopes::default(),
            allow_empty: false,
            new_destination: false,
            state: None,
            hash_cache: None,
            force: true,
            full: false,
            comment: None,
            now: now.clone(),
        };
        drop(now);
        series::run(section, &options, &Lookup(asked), monitor)
    }

    fn run(&self, section: &Section) -> BackupId {
        match self.run_with(section, &|| ()).unwrap() {
            Outcome::Made { backup, .. } => backup,
            Outcome::Unchanged { .. } => unreachable!("it was forced"),
        }
    }

    /// Every file of the pool.
    fn pool(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.path("data/pool/sha256")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }

    fn restored(&self, section: &Section, id: BackupId) -> Vec<String> {
        let target = tempfile::tempdir_in(self.directory.path()).unwrap();
        let options = RestoreOptions::default();
        let target = target.path();
        let stats = series::restore(section, id, target, &options, &Nothing, &Silent).unwrap();
        assert!(stats.is_complete(), "{id}: {stats:?}");
        tree_listing(target)
    }
}

fn ids(section: &Section) -> Vec<String> {
    let listed = series::list(section).unwrap();
    assert!(listed.iter().all(|backup| backup.damage.is_none()));
    let ids = listed.iter().map(|backup| backup.backup.to_string());
    ids.collect()
}

fn cycle(options: &str) {
    let bed = Bed::new();
    let section = bed.section(
        "one",
        &format!("max_series = 2\nmax_series_length = 3\n{options}"),
    );
    let mut random = Random::new(5);
    let large = bed.path("source/large");
    fs::write(&large, random.bytes(300_000)).unwrap();
    let mut trees = BTreeMap::new();
    for run in 0..8 {
        let mut bytes = fs::read(&large).unwrap();
        bytes[run * 1000] ^= 1;
        fs::write(&large, bytes).unwrap();
        fs::write(bed.path(&format!("source/new{run}")), random.bytes(2000)).unwrap();
        let id = bed.run(&section);
        trees.insert(id, tree_listing(&bed.path("source")));
        // Rotation frees the pool: of each backup there are the archive and its manifest.
        assert_eq!(bed.pool().len(), 2 * ids(&section).len(), "run {run}");
    }
    let expected = ["002", "002[02]", "003", "003[01]"];
    assert_eq!(ids(&section), expected);
    // A machine that knows the URL, the token and the names alone.
    let fresh = bed.section(
        "two",
        &format!("max_series = 2\nmax_series_length = 3\n{options}"),
    );
    assert_eq!(ids(&fresh), expected);
    assert!(series::verify(&fresh).unwrap().is_good());
    for id in expected {
        let id: BackupId = id.parse().unwrap();
        for section in [&section, &fresh] {
            assert!(bed.restored(section, id) == trees[&id], "{id}");
        }
        let mut output = Vec::new();
        let path = RelPath::new(b"new1").unwrap();
        series::cat(&fresh, id, &path, &mut output, &Nothing, &Silent).unwrap();
        assert_eq!(output, fs::read(bed.path("source/new1")).unwrap());
    }
    let shown = series::show(&fresh, "003[01]".parse().unwrap()).unwrap();
    assert_eq!(shown.backup.new_files, 1);
    // It goes on where the other one was.
    assert_eq!(bed.run(&fresh).to_string(), "003[02]");
    assert_eq!(ids(&section).len(), 4, "what it last heard");
    assert_eq!(bed.run(&section).to_string(), "004");
    let mut now = bed.now.lock().unwrap();
    *now = now.checked_add(400.days()).unwrap();
    let mut expiring = bed.section("one", "max_series = 2\nmax_series_length = 3");
    expiring.keep.daily = 1;
    let removed = series::prune(&expiring, &now).unwrap();
    assert!(!removed.is_empty());
    assert_eq!(ids(&expiring), ["004"]);
    assert_eq!(bed.pool().len(), 2);
}

#[test]
fn a_series_lives_in_a_pool() {
    cycle("");
}

#[test]
fn patches_live_in_a_pool() {
    cycle("delta = true");
}

#[test]
fn what_killed_runs_leave_does_not_count_and_is_removed() {
    let bed = Bed::new();
    let section = bed.section("one", "max_series = 2\nmax_series_length = 3");
    fs::write(bed.path("source/a"), "a").unwrap();
    bed.run(&section);
    // As a run that was killed between its uploads, or in the midst of a removal, leaves it.
    let bytes = bed.path("half");
    fs::write(&bytes, "half an archive").unwrap();
    let digest = Digest::of(b"half an archive");
    let base = "hashget-series:Home/Docs/(Home)Docs_001[01].tar.gz";
    let archive = HashPackage {
        url: base.to_owned(),
        hashes: vec![digest.into()],
        ..HashPackage::default()
    };
    let marker = HashPackage {
        url: format!("{base}.unfinished"),
        ..HashPackage::default()
    };
    let project: ProjectName = "backups".parse().unwrap();
    let packages = vec![marker, archive];
    let client = bed.client();
    client
        .publish(&PublishRequest {
            project: project.clone(),
            packages,
        })
        .unwrap();
    let file = fs::File::open(&bytes).unwrap();
    client.pool_put(&digest, &file, 15, &project).unwrap();
    assert_eq!(bed.pool().len(), 3);
    let fresh = bed.section("two", "max_series = 2\nmax_series_length = 3");
    assert_eq!(ids(&fresh), ["001"]);
    assert_eq!(bed.run(&fresh).to_string(), "001[01]");
    assert_eq!(ids(&fresh), ["001", "001[01]"]);
    assert_eq!(bed.pool().len(), 4);
}

/// It was taken for removed, and stayed for ever.
#[test]
fn a_file_that_the_server_does_not_remove_is_reported() {
    let bed = Bed::new();
    let section = bed.section("one", "max_series = 2\nmax_series_length = 3");
    fs::write(bed.path("source/a"), "a").unwrap();
    bed.run(&section);
    let tokens = TokenFile::new(bed.path("data/tokens.json"));
    let scope = "publish:other".parse().unwrap();
    let other = tokens.add(vec![scope], None, "2026-01-01".to_owned());
    let other = bed.client_with(&other.unwrap().secret);
    let (mine, others) = ("backups".parse().unwrap(), "other".parse().unwrap());
    for path in bed.pool() {
        let bytes = fs::read(&path).unwrap();
        let (digest, file) = (Digest::of(&bytes), fs::File::open(&path).unwrap());
        let size = bytes.len() as u64;
        other.pool_put(&digest, &file, size, &others).unwrap();
        assert!(bed.client().pool_remove(&digest, &mine).unwrap());
        assert!(bed.client().pool_remove(&digest, &mine).is_err());
    }
    let marker = HashPackage {
        url: "hashget-series:Home/Docs/(Home)Docs_001.tar.gz.unfinished".to_owned(),
        ..HashPackage::default()
    };
    let request = PublishRequest {
        project: mine,
        packages: vec![marker],
    };
    bed.client().publish(&request).unwrap();
    let problems = Kept::default();
    let fresh = bed.section("two", "max_series = 2\nmax_series_length = 3");
    let report = bed.report(&fresh, &|| (), &problems).unwrap();
    assert!(matches!(report.outcome, Outcome::Made { .. }));
    let problems = problems.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("backup 001 of "), "{problems:?}");
    assert!(
        problems[0].contains("was not put here for backups"),
        "{problems:?}"
    );
    assert_eq!(bed.pool().len(), 4);
}

#[test]
fn damage_on_the_server_is_told_and_never_restored() {
    let bed = Bed::new();
    let section = bed.section("one", "max_series = 2\nmax_series_length = 3");
    fs::write(bed.path("source/a"), Random::new(1).bytes(50_000)).unwrap();
    let id = bed.run(&section);
    for path in bed.pool() {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    // The machine that made it still has it.
    assert_eq!(
        bed.restored(&section, id),
        tree_listing(&bed.path("source"))
    );
    let fresh = bed.section("two", "max_series = 2\nmax_series_length = 3");
    let check = series::verify(&fresh).unwrap();
    assert!(check.backups[0].damage.is_some());
    let target = bed.path("out");
    let options = RestoreOptions::default();
    let restored = series::restore(&fresh, id, &target, &options, &Nothing, &Silent);
    assert!(restored.is_err() && !target.exists());
}

#[test]
fn a_change_by_another_machine_is_noticed() {
    let bed = Bed::new();
    let one = bed.section("one", "max_series = 2\nmax_series_length = 3");
    let two = bed.section("two", "max_series = 2\nmax_series_length = 3");
    fs::write(bed.path("source/a"), Random::new(1).bytes(50_000)).unwrap();
    let meanwhile = || {
        bed.run(&two);
    };
    let error = bed.run_with(&one, &meanwhile).unwrap_err();
    assert!(matches!(error, SeriesError::Changed { .. }), "{error}");
    assert_eq!(
        ids(&bed.section("three", "max_series = 2\nmax_series_length = 3")),
        ["001"]
    );
    assert_eq!(bed.run(&one).to_string(), "001[01]");
}

#[test]
fn what_needs_a_directory_says_so() {
    let bed = Bed::new();
    let section = bed.section("one", "max_series = 2\nmax_series_length = 3");
    let id = bed.run(&section);
    let kept = series::keep_backup(&section, id, &Nothing, &Silent);
    assert!(matches!(kept, Err(SeriesError::NeedsDirectory { .. })));
    let file = bed.path("one.tar");
    series::export(&section, id, &file, true, &Nothing, &Silent).unwrap();
    assert!(file.exists());
}
