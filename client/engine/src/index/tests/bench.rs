//! Everything that indexing stands on, in temporary directories and on loopback.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use hashget_tests::deb_builder::DebBuilder;
use hashget_words::digest::Digest;
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;
use jiff::civil::{Date, date};
use tempfile::TempDir;

use crate::heuristics::stand_in::Site;
use crate::heuristics::{HeuristicSet, HeuristicSettings, SnapshotService, SnapshotSettings};
use crate::index::{IndexOptions, IndexServices, RecordOptions};
use hashget_files::monitor::{Level, Monitor, Problem, Task};
use hashget_sources::hash_db::{CombinedLookup, LocalHashDb, ProjectFilter, Trust};
use hashget_sources::hash_server::HashServer;
use hashget_sources::http::{Http, HttpOptions};
use hashget_sources::sources::{DownloadOptions, Downloader, PackageSources, Pool};

pub(crate) const TODAY: Date = date(2030, 1, 2);

/// Keeps all it is told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) messages: Mutex<Vec<String>>,
    pub(crate) problems: Mutex<Vec<Problem>>,
}

impl Monitor for Heard {
    fn message(&self, _: Level, text: &str) {
        self.messages.lock().unwrap().push(text.to_owned());
    }
    fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap().push(problem.clone());
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

pub(crate) struct Bench {
    /// Packages, snapshot service and hashserver in one.
    pub(crate) site: Site,
    pub(crate) directory: TempDir,
    pub(crate) db: LocalHashDb,
    pub(crate) sources: PackageSources,
    pub(crate) snapshot: SnapshotService,
    pub(crate) heard: Heard,
    pub(crate) trust: Trust,
}

impl Bench {
    /// Without hashservers and pools.
    pub(crate) fn new() -> Self {
        let (site, directory) = (Site::start(), tempfile::tempdir().unwrap());
        let http = Http::new(HttpOptions {
            retries: 1,
            backoff: Duration::from_millis(1),
            ..HttpOptions::default()
        })
        .unwrap();
        let settings = SnapshotSettings {
            base: site.url("/").parse().unwrap(),
            cache: None,
            sleep: Duration::ZERO,
        };
        Self {
            db: LocalHashDb::new(directory.path().join("db"), ProjectFilter::All),
            sources: PackageSources {
                pools: Vec::new(),
                downloader: Downloader::new(
                    http.clone(),
                    DownloadOptions::new(directory.path().join("cache")),
                ),
                servers: Vec::new(),
                db: None,
            },
            snapshot: SnapshotService::new(http, settings).unwrap(),
            heard: Heard::default(),
            trust: Trust::Servers,
            site,
            directory,
        }
    }

    /// The site is a hashserver, too.
    pub(crate) fn with_server(mut self) -> Self {
        let http = self.sources.downloader.http().clone();
        let server = HashServer::new(&self.site.url("/"), None, http).unwrap();
        self.sources.servers.push(server);
        self
    }

    /// Downloads are kept in a pool.
    pub(crate) fn with_pool(mut self) -> Self {
        let pool = self.directory.path().join("pool");
        fs::create_dir(&pool).unwrap();
        let cache = self.sources.downloader.cache_dir().to_owned();
        self.sources.pools.push(Pool::new(pool.as_os_str(), &cache));
        self
    }

    pub(crate) fn run<T>(&self, act: impl FnOnce(&IndexServices<'_>) -> T) -> T {
        let lookup = CombinedLookup {
            db: &self.db,
            named: &hashget_sources::hash_db::NOBODY,
            servers: &self.sources.servers,
            trust: self.trust,
            today: TODAY,
            monitor: &self.heard,
        };
        act(&IndexServices {
            lookup: &lookup,
            sources: &self.sources,
            hint_sources: &self.sources,
            snapshot: &self.snapshot,
        })
    }

    /// The tree to index.
    pub(crate) fn root(&self) -> PathBuf {
        let root = self.directory.path().join("root");
        fs::create_dir_all(&root).unwrap();
        root
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a dpkg status with these packages installed.
    pub(crate) fn write_status(&self, packages: &[(&str, &str)]) {
        let mut text = String::new();
        for (name, version) in packages {
            write!(
                text,
                "Package: {name}\nStatus: install ok installed\nArchitecture: all\n\
                 Version: {version}\n\n"
            )
            .unwrap();
        }
        self.write("var/lib/dpkg/status", text);
    }

    /// A record that this machine has.
    pub(crate) fn save(&self, project: &str, record: &HashPackage) {
        let project = project.parse().unwrap();
        self.db
            .save(&project, std::slice::from_ref(record), &self.heard)
            .unwrap();
    }

    /// URLs and projects of all local records.
    pub(crate) fn saved(&self) -> Vec<(String, ProjectName)> {
        let all = self.db.list(&PackageSpec::All, None, TODAY, &self.heard);
        let mut saved: Vec<_> = all
            .unwrap()
            .into_iter()
            .map(|package| (package.url, package.project))
            .collect();
        saved.sort();
        saved
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.heard.problems.lock().unwrap().clone()
    }
}

pub(crate) fn record_options() -> RecordOptions {
    RecordOptions::new(TODAY.at(3, 4, 5, 0))
}

pub(crate) fn index_options() -> IndexOptions {
    let settings = HeuristicSettings {
        private_hints: true,
        ..HeuristicSettings::new("http://localhost:9/").unwrap()
    };
    IndexOptions {
        heuristics: HeuristicSet::new(&["all"], &settings).unwrap(),
        record: record_options(),
        project: None,
        hint_project: None,
        pull: false,
        jobs: 4,
        one_file_system: false,
        pseudo_file_systems: false,
    }
}

/// A package of one large file.
pub(crate) fn deb(name: &str, version: &str) -> Vec<u8> {
    DebBuilder::new()
        .control(format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\n"
        ))
        .file(format!("usr/bin/{name}"), content_of(name))
        .build()
}

/// The file in [`deb`]: an anchor.
pub(crate) fn content_of(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(200_000).collect()
}

/// A record of a package that holds `content`.
pub(crate) fn record(url: &str, package: &[u8], content: &[u8]) -> HashPackage {
    HashPackage {
        url: url.to_owned(),
        files: vec![Digest::of(content)],
        anchors: vec![Digest::of(content)],
        signatures: [("url".to_owned(), url.to_owned())].into(),
        hashes: vec![Digest::of(package).into()],
        attrs: Attributes {
            size: Some(package.len() as u64),
            ..Attributes::default()
        },
        ..HashPackage::default()
    }
}

/// What lies in a directory, at any depth.
pub(crate) fn files_below(directory: &Path) -> usize {
    let count = |entry: fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path())
        } else {
            1
        }
    };
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| count(entry.unwrap()))
        .sum()
}
