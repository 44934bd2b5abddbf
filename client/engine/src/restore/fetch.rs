//! Fetches packages and reads the wanted files from them.

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use hashget_archive::{ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive};
use hashget_words::digest::Digest;

use super::ahead::ReadyPackages;
use super::file_restorer::{Batch, FileRestorer, Stop};
use super::plan::{PlannedFetch, PlannedPackage, RestorePlan};
use super::sources::RestoreSources;
use hashget_files::monitor::{ByHost, HostTrouble, Level, Problem, error_chain};
use hashget_sources::sources::{FetchError, LocalPackage, Origin, PackageRef};

const WAYS_OUT: &str = "name pools or hashservers that have them (--pool, --hashserver), or run the \
                        same command again later";

/// Gets bytes for a [`FileRestorer`].
pub(super) struct Fetcher<'a> {
    pub(super) restorer: &'a FileRestorer<'a>,
    /// Packages that need not be fetched any more.
    pub(super) ready: &'a ReadyPackages,
    pub(super) sources: &'a dyn RestoreSources,
    pub(super) recursive: bool,
    pub(super) jobs: usize,
    /// Packages that could not be fetched because hosts do not answer.
    pub(super) troubles: ByHost,
    /// True if only some of the files are wanted for which the packages were chosen.
    pub(super) partial: bool,
}

impl Fetcher<'_> {
    /// Fetches the packages of the plan, then tries other sources for files that are still missing.
    pub(super) fn run(&self, plan: &RestorePlan) {
        for file in plan.files.iter().filter(|file| file.single) {
            self.single(&file.sha256);
        }
        let chosen = |fetch: &PlannedFetch| {
            matches!(fetch, PlannedFetch::AtHand(_) | PlannedFetch::Download)
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = plan
            .packages
            .iter()
            .partition(|package| chosen(&package.fetch));
        first.sort_by_key(|package| std::cmp::Reverse(package.size));
        self.read_all(&first, self.jobs);
        // Which of these is needed is not known, so that one too many costs a download.
        let (maybe, last): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|package| package.fetch == PlannedFetch::IfNeeded);
        self.read_all(&maybe, if self.partial { 1 } else { self.jobs });
        self.read_all(&last, 1);
        self.other_packages(plan);
        for digest in self.missing() {
            self.single(&digest);
        }
        self.troubles.tell(
            "packages could not be fetched",
            WAYS_OUT,
            self.restorer.monitor,
        );
    }

    /// What is still wanted; nothing once nothing can be placed.
    fn missing(&self) -> Vec<Digest> {
        if self.restorer.is_broken() {
            return Vec::new();
        }
        self.restorer.wanted.digests()
    }

    fn is_over(&self) -> bool {
        self.restorer.wanted.is_empty() || self.restorer.is_broken()
    }

    /// Reads packages, several at a time, until nothing is wanted.
    fn read_all(&self, packages: &[&PlannedPackage], jobs: usize) {
        let queue: Mutex<VecDeque<_>> = Mutex::new(packages.iter().collect());
        let next = || {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let left = queue.len();
            queue.pop_front().map(|package| (package, left))
        };
        let jobs = jobs.clamp(1, packages.len().max(1));
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some((package, left)) = next().filter(|_| !self.is_over()) {
                        // Processors that no other package keeps busy decompress this one.
                        let busy = u32::try_from(left.min(jobs)).unwrap_or(u32::MAX);
                        let threads = processors().div_ceil(busy.max(1));
                        if !self.package(&package.reference(), threads) {
                            self.restorer.tally().stats.failed_packages += 1;
                        }
                    }
                });
            }
        });
    }

    /// Packages that the restore file does not name, but records do.
    fn other_packages(&self, plan: &RestorePlan) {
        let missing = self.missing();
        if missing.is_empty() {
            return;
        }
        let found = match self.sources.packages_with(&missing, self.restorer.monitor) {
            Ok(found) => found,
            Err(error) => {
                let text = format!("cannot look for other packages: {}", error_chain(&*error));
                self.restorer.monitor.message(Level::Warning, &text);
                return;
            }
        };
        let mut tried: HashSet<_> = plan.packages.iter().filter_map(|p| p.sha256).collect();
        for (digest, holders) in missing.iter().zip(found.matches.iter()) {
            for holder in holders {
                if self.restorer.is_broken() || !self.restorer.wanted.contains(digest) {
                    break;
                }
                let Some(package) = found.packages.get(*holder) else {
                    continue;
                };
                if tried.insert(package.sha256) {
                    let text = format!("another package may have it: {}", package.url);
                    self.restorer.monitor.message(Level::Info, &text);
                    self.package(
                        &PackageRef {
                            sha256: Some(package.sha256),
                            size: package.size,
                            urls: vec![package.url.clone()],
                        },
                        processors(),
                    );
                }
            }
        }
    }

    /// Fetches and reads one package; whether it could be read to the end, or as far as needed.
    fn package(&self, package: &PackageRef, threads: u32) -> bool {
        let name = name_of(package);
        let ready = package.sha256.and_then(|sha256| self.ready.take(&sha256));
        let local =
            match ready.map_or_else(|| self.sources.package(package, self.restorer.monitor), Ok) {
                Ok(local) => local,
                Err(error) => {
                    let trouble = error.downcast_ref::<FetchError>();
                    let trouble = trouble.and_then(FetchError::host_trouble);
                    return self.failed(&name, &error_chain(&*error), trouble);
                }
            };
        self.count(&local);
        match self.read(local, threads) {
            Ok(()) => {
                self.restorer.tally().stats.read_packages += 1;
                true
            }
            Err(why) => self.failed(&name, &why, None),
        }
    }

    fn failed(&self, name: &str, why: &str, trouble: Option<HostTrouble>) -> bool {
        let problem = Problem::text(name, why);
        match trouble {
            Some(trouble) => self.troubles.add(trouble, problem),
            None => self.restorer.monitor.problem(&problem),
        }
        self.restorer
            .tally()
            .package_failures
            .push(format!("{name}: {why}"));
        false
    }

    /// Offers the package itself, then everything in it.
    fn read(&self, local: LocalPackage, threads: u32) -> Result<(), String> {
        let mut file = local.file.try_clone().map_err(|error| error.to_string())?;
        if self.restorer.wanted.contains(&local.sha256) {
            if self.restorer.offer(&mut file, Some(local.size)).is_err() {
                return Ok(());
            }
            file.seek(SeekFrom::Start(0))
                .map_err(|error| error.to_string())?;
        }
        let options = ArchiveOptions {
            recursive: self.recursive,
            threads,
            limits: local.limits(),
            ..ArchiveOptions::default()
        };
        let mut batch = Batch::new();
        let mut visit = |entry: &Entry, content: &mut dyn Read| match entry.kind {
            EntryKind::File => self
                .restorer
                .offer_one_of_many(content, entry.size, &mut batch),
            _ => Ok(()),
        };
        let read = read_archive(Input::File(file), &options, &mut visit);
        // Members that came before an error are sound. Whether to go on is asked before the next package.
        let _stop = self.restorer.place_batch(&mut batch);
        // Kept until here, because it may be a temporary file.
        drop(local);
        match read {
            Ok(_) | Err(ReadError::Visit(Stop::Done | Stop::Fatal)) => Ok(()),
            Err(ReadError::Archive(error)) => Err(error_chain(&error)),
        }
    }

    /// Fetches one file by itself, if it is still wanted.
    fn single(&self, digest: &Digest) {
        if self.restorer.is_broken() || !self.restorer.wanted.contains(digest) {
            return;
        }
        match self.sources.single_file(digest, self.restorer.monitor) {
            Ok(mut local) => {
                self.count(&local);
                let mut tally = self.restorer.tally();
                tally.stats.single_files += 1;
                tally.stats.single_bytes += local.size;
                drop(tally);
                // Whether to go on is asked before the next one.
                let _stop = self.restorer.offer(&mut local.file, Some(local.size));
            }
            Err(error) => {
                let text = format!("sha256:{digest}: {}", error_chain(&*error));
                self.restorer.monitor.message(Level::Detail, &text);
            }
        }
    }

    fn count(&self, local: &LocalPackage) {
        let mut tally = self.restorer.tally();
        let bytes = match &local.origin {
            Origin::Downloaded(_) => &mut tally.stats.downloaded_bytes,
            Origin::Pool(_) | Origin::Archive(_) => &mut tally.stats.pool_bytes,
            Origin::Cache | Origin::Given => &mut tally.stats.cached_bytes,
        };
        *bytes += local.size;
    }
}

/// How many threads the machine runs at once.
pub(super) fn processors() -> u32 {
    let processors = std::thread::available_parallelism();
    processors.map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// What to call a package.
pub(crate) fn name_of(package: &PackageRef) -> String {
    match (package.urls.first(), package.sha256) {
        (Some(url), _) => url.clone(),
        (None, Some(digest)) => format!("sha256:{digest}"),
        (None, None) => "a package without a name".to_owned(),
    }
}
