//! Random trees with every oddity come back exactly: packed against random packages, extracted
//! and restored by us and by GNU tar, compared in all that the system tells of them.
//!
//! `HASHGET_RANDOM_ROUNDS` sets the number of cases, `HASHGET_SEED` the first one's seed: a failed
//! case names its own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use hashget_engine::index::RecordOptions;
use hashget_engine::pack::{Compression, Output, PackOptions, PackStats, Packing};
use hashget_engine::restore::{RestoreError, RestoreOptions, RestoreStats, extract, restore};
use hashget_files::monitor::{Level, Monitor, Problem, Task};
use hashget_files::tree::PatternSet;
use hashget_sources::http::{Http, HttpOptions};
use hashget_sources::sources::{DownloadOptions, Downloader, PackageSources, Pool};
use hashget_tests::{Random, RandomTree, assert_same_listing, listing_without_sockets};

use rustix::process::geteuid;

use crate::random_packages::{Places, Records};
use hashget_tests::programs::{WebServer, succeed};

const CHILD: &str = "HASHGET_TEST_FIDELITY_CHILD";
const DEFAULT_ROUNDS: u64 = 60;

#[test]
fn random_trees_come_back_exactly() {
    let temp = tempfile::tempdir().unwrap();
    run_cases(temp.path(), number("HASHGET_RANDOM_ROUNDS", DEFAULT_ROUNDS));
}

#[test]
fn random_trees_of_an_ordinary_user_come_back_exactly() {
    if !geteuid().is_root() {
        // The other test does it.
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    chown(temp.path(), Some(65534), Some(65534)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "fidelity::child", "--nocapture"])
        .env(CHILD, temp.path())
        .current_dir("/");
    eprintln!("{}", succeed(&mut command));
}

/// What the ordinary user does; does nothing when run as a test.
#[test]
fn child() {
    if let Some(work) = std::env::var_os(CHILD) {
        let rounds = number("HASHGET_RANDOM_ROUNDS", DEFAULT_ROUNDS) / 2;
        run_cases(Path::new(&work), rounds.max(1));
    }
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

/// Runs cases with successive seeds on two threads.
fn run_cases(work: &Path, rounds: u64) {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let first = number("HASHGET_SEED", clock.unwrap().as_secs() * 1_000_000);
    let web = WebServer::start(work);
    let http = Http::new(HttpOptions::default()).unwrap();
    let next = AtomicU64::new(0);
    let counts = Mutex::new(Counts::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        break;
                    }
                    let named = NamesSeed(first.wrapping_add(round));
                    Case::new(work, &web, &http, named.0).run(&counts);
                }
            });
        }
    });
    eprintln!("{rounds} cases from seed {first}: {counts:?}");
}

/// What all cases had, to show that they tried something.
#[derive(Debug, Default)]
struct Counts {
    entries: usize,
    left_out: u64,
    packages: u64,
    sockets: u64,
    by_tar: u64,
    resumed: u64,
}

/// Names the seed of a case that panics.
struct NamesSeed(u64);

impl Drop for NamesSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the case failed with HASHGET_SEED={}", self.0);
        }
    }
}

/// One tree, its packages and its archive.
struct Case {
    directory: PathBuf,
    random: Random,
    records: Records,
    recursive: bool,
    /// What `--filesz` says.
    filesz: Option<u64>,
    http: Http,
    told: Told,
}

impl Case {
    fn new(work: &Path, web: &WebServer, http: &Http, seed: u64) -> Self {
        let directory = work.join(seed.to_string());
        for name in ["", "tree", "pool", "www"] {
            fs::create_dir(directory.join(name)).unwrap();
        }
        let mut random = Random::new(seed);
        let contents =
            RandomTree::grow_with_extremes(&directory.join("tree"), 40, &mut random).unwrap();
        let recursive = random.one_in(5);
        let filesz = *random.pick(&[None, None, Some(0), Some(5000)]);
        let places = Places {
            pool: &directory.join("pool"),
            www: &directory.join("www"),
            url: web.url(&format!("{seed}/www/")),
        };
        let mut options = RecordOptions {
            recursive,
            ..RecordOptions::new(jiff::civil::datetime(2020, 2, 3, 4, 5, 6, 0))
        };
        if filesz.is_some() {
            options.filesz = filesz;
        }
        let records = Records::of(&contents, &places, &options, &mut random);
        Self {
            directory,
            random,
            records,
            recursive,
            filesz,
            http: http.clone(),
            told: Told::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn run(mut self, counts: &Mutex<Counts>) {
        let before = listing_without_sockets(&self.path("tree"));
        let compression = *self.random.pick(&[
            Compression::None,
            Compression::Gzip(1),
            Compression::Zstd(1),
        ]);
        let stats = self.pack(compression);
        self.extract(&before);
        let mut counted = counts.lock().unwrap();
        counted.entries += before.len();
        counted.left_out += stats.deduplicated_files;
        counted.packages += stats.packages;
        counted.sockets += stats.socket_files;
        drop(counted);
        // GNU tar cannot read zstd without help, make paths of this length, or set the attributes
        // of read-only files without root's powers.
        let is_beyond_tar = |line: &String| {
            let has_attributes = line.contains(" user.");
            line.contains(&"d".repeat(250)) || (has_attributes && !geteuid().is_root())
        };
        if compression != Compression::Zstd(1) && !before.iter().any(is_beyond_tar) {
            self.untar(&before);
            counts.lock().unwrap().by_tar += 1;
        }
        if self.random.one_in(3) {
            self.extract_in_two_steps(&before);
            counts.lock().unwrap().resumed += 1;
        }
        assert_eq!(self.told.problems(), Vec::<String>::new());
        assert_same_listing(&before, &listing_without_sockets(&self.path("tree")));
        remove(&self.directory);
    }

    fn pack(&mut self, compression: Compression) -> PackStats {
        let patterns = ["f*", "**/f1*", "**/\\*", "f2/", "**/*e*"];
        let skip = self.random.one_in(3).then(|| *self.random.pick(&patterns));
        let options = PackOptions {
            skip: PatternSet::new(skip).unwrap(),
            filesz: self.filesz.unwrap_or(PackOptions::FILESZ),
            small_files: self.filesz.is_none(),
            compact: self.random.one_in(4),
            compression,
            ..PackOptions::default()
        };
        let output = Output::File(self.path("archive"));
        let tree = self.path("tree");
        let packing = Packing::new(&tree, &output, &options, &self.records, &self.told).unwrap();
        let sources = self.sources("cache-of-packing", &["pool"]);
        let stats = packing.write(output, Some(&sources), &self.told).unwrap();
        assert_eq!(stats.problems, 0, "{:?}", self.told.problems());
        stats
    }

    /// A pool and a web server with the packages, and an empty cache.
    fn sources(&self, cache: &str, pools: &[&str]) -> PackageSources {
        let cache = self.path(cache);
        let pool = |name: &&str| Pool::new(self.path(name).as_os_str(), &cache);
        PackageSources {
            pools: pools.iter().map(pool).collect(),
            downloader: Downloader::new(self.http.clone(), DownloadOptions::new(cache.clone())),
            servers: Vec::new(),
            db: None,
        }
    }

    fn options(&self) -> RestoreOptions {
        RestoreOptions {
            recursive: self.recursive,
            jobs: 2,
            ..RestoreOptions::default()
        }
    }

    fn extract(&self, before: &[String]) {
        let (archive, target) = (self.path("archive"), self.path("extracted"));
        let sources = self.sources("cache", &["pool"]);
        let stats = extract(&archive, &target, &self.options(), &sources, &self.told).unwrap();
        assert_eq!(self.told.problems(), Vec::<String>::new());
        assert_eq!(stats.failed_members, 0);
        assert_eq!(
            (stats.unset_owner_files, stats.unset_metadata_files),
            (0, 0)
        );
        check(stats.restore.as_ref());
        assert_same_listing(before, &listing_without_sockets(&target));
        remove(&target);
    }

    fn untar(&self, before: &[String]) {
        let target = self.path("unpacked");
        fs::create_dir(&target).unwrap();
        succeed(
            Command::new("tar")
                .args(["--xattrs", "--xattrs-include=*", "--warning=none", "-xpf"])
                .arg(self.path("archive"))
                .arg("-C")
                .arg(&target),
        );
        self.restore(&target, before);
    }

    /// Once without the packages, which fails for each of them, then with.
    fn extract_in_two_steps(&self, before: &[String]) {
        let (archive, target) = (self.path("archive"), self.path("resumed"));
        let sources = self.sources("cache2", &[]);
        let told = Told::default();
        let www = self.path("www");
        fs::rename(&www, self.path("gone")).unwrap();
        let stats = extract(&archive, &target, &self.options(), &sources, &told).unwrap();
        fs::rename(self.path("gone"), &www).unwrap();
        if stats.is_complete() {
            assert_same_listing(before, &listing_without_sockets(&target));
        } else {
            self.restore(&target, before);
        }
    }

    fn restore(&self, target: &Path, before: &[String]) {
        let sources = self.sources("cache3", &["pool"]);
        let list = target.join(".hashget-restore.json");
        // A process that another thread starts shares the extraction's lock until it is a program.
        let stats = loop {
            match restore(target, &self.options(), &sources, &self.told) {
                Err(RestoreError::Busy { .. }) => std::thread::yield_now(),
                other => break other.unwrap(),
            }
        };
        check(Some(&stats));
        assert!(!list.exists());
        assert_same_listing(before, &listing_without_sockets(target));
        remove(target);
    }
}

fn check(stats: Option<&RestoreStats>) {
    let Some(stats) = stats else { return };
    assert_eq!((&stats.missing[..], stats.failed_packages), (&[][..], 0));
    assert_eq!(
        (stats.unset_owner_files, stats.unset_metadata_files),
        (0, 0)
    );
    assert!(stats.restore_file_removed);
}

/// Removes a tree, directories included that their owner may not write to.
fn remove(tree: &Path) {
    if !geteuid().is_root() {
        let arguments = [OsStr::new("-R"), OsStr::new("u+w"), tree.as_os_str()];
        succeed(Command::new("chmod").args(arguments));
    }
    fs::remove_dir_all(tree).unwrap();
}

/// Keeps the problems.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn problems(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Monitor for Told {
    fn message(&self, _: Level, _: &str) {}
    fn problem(&self, problem: &Problem) {
        let line = format!("{}: {}", problem.subject, problem.what);
        self.0.lock().unwrap().push(line);
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}
