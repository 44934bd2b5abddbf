//! Checks packages one by one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hashget_archive::{ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive};
use hashget_words::digest::Digest;
use hashget_words::hash_reader::HashReader;
use hashget_words::restore_file::RestoreFile;

use super::{PackageReport, VerifyOptions};
use crate::restore::list::reference;
use crate::restore::{RestoreSources, SourceReport};
use hashget_files::monitor::{ByHost, Level, Monitor, Problem, Progress, Unit, error_chain};
use hashget_sources::sources::{FetchError, LocalPackage, Origin};

/// What all packages are checked against.
pub(super) struct Check<'a> {
    list: &'a RestoreFile,
    options: &'a VerifyOptions,
    sources: &'a dyn RestoreSources,
    monitor: &'a dyn Monitor,
    wanted: HashSet<Digest>,
    sizes: HashSet<Option<u64>>,
    /// What records say of the packages, by their digests.
    claimed: HashMap<Digest, BTreeSet<Digest>>,
    /// Packages that no source has because hosts do not answer.
    troubles: ByHost,
}

/// What was found about one package.
pub(super) struct Checked {
    pub(super) report: PackageReport,
    pub(super) found: HashSet<Digest>,
    pub(super) downloaded_bytes: u64,
    pub(super) kept: bool,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        list: &'a RestoreFile,
        options: &'a VerifyOptions,
        sources: &'a dyn RestoreSources,
        monitor: &'a dyn Monitor,
    ) -> Self {
        let mut check = Self {
            list,
            options,
            sources,
            monitor,
            wanted: list.files.iter().map(|entry| entry.sha256).collect(),
            sizes: list.files.iter().map(|entry| entry.size).collect(),
            claimed: HashMap::new(),
            troubles: ByHost::default(),
        };
        if options.deep {
            check.ask_records();
        }
        check
    }

    /// Checks the packages `numbers`, several at a time; the answer is in their order.
    pub(super) fn packages(&self, numbers: &[usize]) -> Vec<Checked> {
        let total = numbers.len();
        let progress = Progress::start(
            self.monitor,
            "verifying",
            Unit::Packages,
            Some(total as u64),
        );
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Checked)>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..self.options.jobs.clamp(1, total.max(1)) {
                scope.spawn(|| {
                    while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let checked = self.package(*number);
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.push((*number, checked));
                        progress.advance(1);
                    }
                });
            }
        });
        let ways_out = "name pools or hashservers that have them, or verify again later";
        self.troubles
            .tell("packages could not be asked for", ways_out, self.monitor);
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, checked)| checked).collect()
    }

    /// Records matter for naming lies only; without them nothing is claimed.
    fn ask_records(&mut self) {
        let digests: Vec<Digest> = self.wanted.iter().copied().collect();
        match self.sources.packages_with(&digests, self.monitor) {
            Ok(found) => {
                for (digest, holders) in digests.iter().zip(found.matches.iter()) {
                    for package in holders.iter().filter_map(|at| found.packages.get(*at)) {
                        self.claimed
                            .entry(package.sha256)
                            .or_default()
                            .insert(*digest);
                    }
                }
            }
            Err(error) => {
                let text = format!("cannot ask records: {}", error_chain(&*error));
                self.monitor.message(Level::Warning, &text);
            }
        }
    }

    fn package(&self, number: usize) -> Checked {
        let package = &self.list.packages[number];
        let mut checked = Checked {
            report: PackageReport {
                hash: package.hash,
                url: package.url.clone(),
                sources: Vec::new(),
                alive: false,
                found_files: None,
                lies: Vec::new(),
                why: None,
                trouble: None,
            },
            found: HashSet::new(),
            downloaded_bytes: 0,
            kept: false,
        };
        if self.options.deep {
            self.fetch(number, &mut checked);
        } else {
            let sources = self.sources.probe(&reference(package), self.monitor);
            checked.report.alive = sources.iter().any(|source| source.alive);
            if !checked.report.alive {
                checked.report.why = Some("no source has it".to_owned());
                let troubles = sources.iter().map(|source| source.trouble.clone());
                let troubles: Option<Vec<_>> = troubles.collect();
                checked.report.trouble = troubles.and_then(|all| all.into_iter().next());
            }
            checked.report.sources = sources;
        }
        if let Some(why) = &checked.report.why {
            let problem = Problem::text(package.url.clone(), why.clone());
            match checked.report.trouble.clone() {
                Some(trouble) => self.troubles.add(trouble, problem),
                None => self.monitor.problem(&problem),
            }
        }
        checked
    }

    fn fetch(&self, number: usize, checked: &mut Checked) {
        let package = &self.list.packages[number];
        let mut local = match self.sources.package(&reference(package), self.monitor) {
            Ok(local) => local,
            Err(error) => {
                checked.report.why = Some(error_chain(&*error));
                let fetch = error.downcast_ref::<FetchError>();
                checked.report.trouble = fetch.and_then(FetchError::host_trouble);
                return;
            }
        };
        if matches!(local.origin, Origin::Downloaded(_)) {
            checked.downloaded_bytes = local.size;
        }
        checked.report.sources.push(SourceReport {
            source: origin_text(&local.origin),
            alive: true,
            size: Some(local.size),
            detail: "fetched".to_owned(),
            trouble: None,
        });
        if self.options.add_to_pool {
            match self.sources.keep(&mut local) {
                Ok(kept) => checked.kept = kept,
                Err(error) => {
                    let problem = Problem::new(package.url.clone(), &*error);
                    self.monitor.problem(&problem);
                }
            }
        }
        let digest = local.sha256;
        match self.read(local, &mut checked.found) {
            Ok(()) => checked.report.alive = true,
            Err(why) => checked.report.why = Some(why),
        }
        let found = |entry: &&hashget_words::restore_file::RestoreEntry| {
            checked.found.contains(&entry.sha256)
        };
        let files = self.list.files.iter().filter(found).count();
        checked.report.found_files = Some(files as u64);
        if let Some(claimed) = self.claimed.get(&digest) {
            let lies = claimed.iter().filter(|d| !checked.found.contains(*d));
            checked.report.lies = lies.copied().collect();
        }
        if let (0, None) = (checked.report.lies.len(), &checked.report.why) {
            return;
        }
        for lie in &checked.report.lies {
            let files = self.list.files.iter().filter(|entry| entry.sha256 == *lie);
            for entry in files {
                let what = format!(
                    "a record says that {} holds it, but it does not",
                    package.url
                );
                let problem = Problem::text(entry.file.to_string(), what);
                self.monitor.problem(&problem);
            }
        }
    }

    /// Reads a whole package; notes the wanted contents in it.
    fn read(&self, local: LocalPackage, found: &mut HashSet<Digest>) -> Result<(), String> {
        if self.wanted.contains(&local.sha256) {
            found.insert(local.sha256);
        }
        let file = local.file.try_clone().map_err(|error| error.to_string())?;
        let options = ArchiveOptions {
            recursive: self.options.recursive,
            limits: local.limits(),
            ..ArchiveOptions::default()
        };
        let mut visit = |entry: &Entry, content: &mut dyn Read| {
            let may_be = entry.size.is_none()
                || self.sizes.contains(&entry.size)
                || self.sizes.contains(&None);
            if entry.kind == EntryKind::File && may_be {
                let mut reader = HashReader::new(content);
                std::io::copy(&mut reader, &mut std::io::sink())?;
                let digest = reader.into_hasher().finish();
                if self.wanted.contains(&digest) {
                    found.insert(digest);
                }
            }
            Ok::<(), std::io::Error>(())
        };
        let read = read_archive(Input::File(file), &options, &mut visit);
        // Kept until here, because it may be a temporary file.
        drop(local);
        match read {
            Ok(_) => Ok(()),
            Err(ReadError::Archive(error)) => Err(error_chain(&error)),
            Err(ReadError::Visit(error)) => Err(error_chain(&error)),
        }
    }
}

fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::Given => "given".to_owned(),
        Origin::Pool(place) | Origin::Archive(place) => place.clone(),
        Origin::Cache => "cache".to_owned(),
        Origin::Downloaded(url) => url.clone(),
    }
}
