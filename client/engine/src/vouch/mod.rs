//! Checks what others say of packages before anything is left out on their word.
//!
//! A record in a project that nobody named is the word of whoever may publish there. So a package of such a record is relied
//! on only once it was seen to be there; for a backup of a series, once it was read. Some are read in any case,
//! chosen by a secret of this machine. Who publishes a lie is then found out, and named.

mod error;
mod memory;
mod read;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use jiff::civil::Date;

pub use self::error::VouchError;
use self::memory::Memory;
use crate::index::RecordOptions;
use hashget_files::monitor::{Level, Monitor, Progress, Unit, error_chain};
use hashget_sources::hash_db::{
    CombinedLookup, Found, HashDbError, PackageLookup, Reliance, Trust, Vouched, whose,
};
use hashget_sources::sources::{PackageRef, PackageSources};

/// How packages of projects that nobody named are checked.
#[derive(Clone, Debug)]
pub struct VouchOptions {
    /// Whether each is read, instead of only seen to be there.
    pub read_all: bool,
    /// One in so many is read in any case; 0 stands for none.
    pub read_one_in: u64,
    /// How many bytes of packages are downloaded for that at most. What is not read for want of them is packed.
    pub max_download: u64,
    /// How many packages are checked at once.
    pub jobs: usize,
    /// The directory that remembers what was checked.
    pub state: PathBuf,
    /// The day of the check.
    pub today: Date,
    /// How packages that are read are recorded.
    pub record: RecordOptions,
}

impl VouchOptions {
    /// The default of [`read_one_in`](Self::read_one_in).
    pub const READ_ONE_IN: u64 = 50;
    /// The default of [`max_download`](Self::max_download), in bytes.
    pub const MAX_DOWNLOAD: u64 = 2 << 30;
}

/// A look-up that refuses what nobody vouches for.
pub struct CheckedLookup<'a> {
    pub lookup: CombinedLookup<'a>,
    /// Where packages are.
    pub sources: &'a PackageSources,
    pub options: VouchOptions,
}

/// The same, of which servers were asked ahead.
struct CheckedAhead<'a, L> {
    ahead: L,
    checked: &'a CheckedLookup<'a>,
}

impl PackageLookup for CheckedLookup<'_> {
    type Error = VouchError;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, VouchError> {
        Ok(self.lookup.find(digests, needed)?)
    }

    fn refuse(&self, reliances: &[Reliance<'_>]) -> Result<Vec<usize>, VouchError> {
        let is_in_question = |reliance: &Reliance<'_>| {
            let mut records = reliance.records.iter();
            records.all(|record| record.vouched == Vouched::Unnamed)
        };
        let places = 0..reliances.len();
        let questions: Vec<usize> = places
            .filter(|place| is_in_question(&reliances[*place]))
            .collect();
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        Checking::new(self, reliances).run(&questions)
    }

    fn ahead<T>(
        &self,
        needed: Expiry,
        work: impl FnOnce(&(dyn Fn(&[Digest]) + Sync)) -> T,
    ) -> (T, impl PackageLookup<Error = VouchError>) {
        let (done, ahead) = self.lookup.ahead(needed, work);
        let checked = self;
        (done, CheckedAhead { ahead, checked })
    }
}

impl<L: PackageLookup<Error = HashDbError>> PackageLookup for CheckedAhead<'_, L> {
    type Error = VouchError;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, VouchError> {
        Ok(self.ahead.find(digests, needed)?)
    }

    fn refuse(&self, reliances: &[Reliance<'_>]) -> Result<Vec<usize>, VouchError> {
        self.checked.refuse(reliances)
    }
}

/// What came of checking one package.
enum Verdict {
    /// It may be relied on.
    Good,
    /// It may not, and why.
    Refused(String),
    /// It was not read, as that would download more than is allowed.
    TooMuch,
}

/// One round of checks.
struct Checking<'a> {
    checked: &'a CheckedLookup<'a>,
    reliances: &'a [Reliance<'a>],
    memory: Mutex<Memory>,
    downloaded: AtomicU64,
}

impl<'a> Checking<'a> {
    fn new(checked: &'a CheckedLookup<'a>, reliances: &'a [Reliance<'a>]) -> Self {
        let options = &checked.options;
        Self {
            checked,
            reliances,
            memory: Mutex::new(Memory::load(&options.state, options.today)),
            downloaded: AtomicU64::new(0),
        }
    }

    /// Checks the reliances at `questions`; gives the places of those that are refused.
    fn run(self, questions: &[usize]) -> Result<Vec<usize>, VouchError> {
        let monitor = self.monitor();
        let total = Some(questions.len() as u64);
        let progress = Progress::start(monitor, "checking packages", Unit::Packages, total);
        let next = AtomicUsize::new(0);
        let verdicts = Mutex::new(Vec::new());
        let work = || {
            while let Some(place) = questions.get(next.fetch_add(1, Ordering::Relaxed)) {
                let verdict = self.judge(&self.reliances[*place]);
                progress.advance(1);
                let is_end = verdict.is_err();
                let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                verdicts.push((*place, verdict));
                if is_end {
                    next.store(questions.len(), Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.checked.options.jobs.clamp(1, questions.len()) {
                scope.spawn(work);
            }
        });
        drop(progress);
        let verdicts = verdicts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = memory.save() {
            let text = format!(
                "what was checked is not remembered: {}",
                error_chain(&error)
            );
            monitor.message(Level::Detail, &text);
        }
        let mut refused = Vec::new();
        for (place, verdict) in verdicts {
            match verdict? {
                Verdict::Good => {}
                Verdict::Refused(why) => refused.push((place, why)),
                Verdict::TooMuch => {
                    let why = "reading it would download more than --max-download allows";
                    refused.push((place, why.to_owned()));
                }
            }
        }
        refused.sort_unstable();
        self.name_refused(&refused);
        Ok(refused.into_iter().map(|(place, _)| place).collect())
    }

    fn judge(&self, reliance: &Reliance<'_>) -> Result<Verdict, VouchError> {
        let Some(package) = package_of(reliance) else {
            return Ok(Verdict::Good);
        };
        let options = &self.checked.options;
        let (is_known, is_sample) = {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let sha256 = package.sha256.unwrap_or(Digest::of(b""));
            let sample = memory.is_sample(&sha256, options.read_one_in);
            (memory.was_there(&sha256), sample)
        };
        if options.read_all || self.checked.lookup.trust == Trust::Verified {
            return self.read(&package, reliance);
        }
        if is_known {
            return Ok(Verdict::Good);
        }
        let state = self.checked.sources.first_alive(&package, self.monitor());
        if let Err(why) = state {
            return Ok(Verdict::Refused(why));
        }
        if is_sample {
            match self.read(&package, reliance)? {
                Verdict::Good => {}
                // It is there, and is to be read another time.
                Verdict::TooMuch => return Ok(Verdict::Good),
                refused @ Verdict::Refused(_) => return Ok(refused),
            }
        }
        if let Some(sha256) = &package.sha256 {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.note(sha256);
        }
        Ok(Verdict::Good)
    }

    fn monitor(&self) -> &'a dyn Monitor {
        self.checked.lookup.monitor
    }

    /// One line a reason, and each with `-v`.
    fn name_refused(&self, refused: &[(usize, String)]) {
        let mut by_project: HashMap<String, (u64, String)> = HashMap::new();
        for (place, why) in refused {
            let Some(record) = self.reliances[*place].records.first() else {
                continue;
            };
            let whose = whose(&record.project, self.checked.lookup.servers);
            let text = format!("{} of {whose} is not relied on: {why}", record.url);
            self.monitor().message(Level::Detail, &text);
            let first = || (0, format!("{}: {why}", record.url));
            by_project.entry(whose).or_insert_with(first).0 += 1;
        }
        let mut lines: Vec<String> = by_project
            .into_iter()
            .map(|(whose, (count, first))| {
                let (packages, are) = match count {
                    1 => ("package", "is"),
                    _ => ("packages", "are"),
                };
                format!(
                    "{count} {packages} of {whose} {are} not relied on, what they hold is packed ({first}); \
                     --trust server={whose} takes that project at its word"
                )
            })
            .collect();
        lines.sort_unstable();
        for line in lines {
            self.monitor().message(Level::Warning, &line);
        }
    }
}

/// The package that a plan would rely on.
fn package_of(reliance: &Reliance<'_>) -> Option<PackageRef> {
    let first = reliance.records.first()?;
    let mut urls: Vec<String> = Vec::new();
    for record in &reliance.records {
        if !urls.contains(&record.url) {
            urls.push(record.url.clone());
        }
    }
    Some(PackageRef {
        sha256: Some(first.sha256),
        size: reliance.records.iter().find_map(|record| record.size),
        urls,
    })
}
