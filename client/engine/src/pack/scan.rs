//! Step one: lists the tree and hashes its files.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::contents::Contents;
use super::error::PackError;
use super::options::PackOptions;
use super::output::Output;
use super::own_restore_file;
use super::plan::{PackPlan, Wanted};
use super::unread::Unread;
use hashget_files::hash_cache::{HashedFiles, Recalled, TellDigests};
use hashget_files::monitor::{Counted, Level, Monitor, Progress, Unit, error_chain};
use hashget_files::tree::{
    FileId, FileList, FileStamp, HashError, ListedFile, PatternSet, Seen, TreeList, TreeRoot,
    WalkOptions, is_mostly_hole, walk_knowing,
};
use hashget_sources::hash_db::{Found, PackageLookup};

/// A tree, walked and hashed.
#[derive(Debug)]
pub struct PackScan {
    pub(super) root: TreeRoot,
    /// Everything in the tree but the restore file at its root.
    pub(super) entries: TreeList,
    /// What may be left out.
    pub(super) contents: Contents,
    /// The files whose content could not be read, by place.
    pub(super) failures: HashMap<usize, Unread>,
    /// What goes into no archive, by place.
    pub(super) omitted: HashSet<usize>,
    pub(super) problems: u64,
    /// When listing the tree began.
    pub(super) began: Instant,
}

/// Walks `root` and hashes what may be in packages. The file of `output`, and what killed runs
/// left beside it, are not seen (and the latter removed).
pub fn scan(
    root: &Path,
    output: Option<&Output>,
    options: &PackOptions,
    monitor: &dyn Monitor,
) -> Result<PackScan, PackError> {
    scan_telling(root, output, options, &|_| (), monitor)
}

/// Like [`scan`], and each digest is passed to `tell` as soon as it is known.
pub fn scan_telling(
    root: &Path,
    output: Option<&Output>,
    options: &PackOptions,
    tell: &TellDigests<'_>,
    monitor: &dyn Monitor,
) -> Result<PackScan, PackError> {
    let began = Instant::now();
    let counted = Counted::new(monitor);
    let root = TreeRoot::open(root)?;
    let omitted = output.map(Output::prepare).transpose()?.flatten();
    let walk_options = WalkOptions {
        omitted,
        ..options.walk.clone()
    };
    let cache = options.hash_cache.as_ref();
    let recalled = cache.map(|cache| cache.recall(&root, monitor));
    let recalled = recalled.unwrap_or_default();
    let is_plain = |seen: &Seen<'_>| seen.stamp().is_some_and(|it| recalled.is_plain(&it));
    let mut entries = walk_knowing(&root, &walk_options, &is_plain, &counted);
    own_restore_file::take_out(&root, &mut entries, monitor)?;
    let (contents, failures) = hash(&root, &entries, recalled, options, tell, monitor);
    Ok(PackScan {
        contents,
        failures,
        omitted: HashSet::new(),
        problems: counted.problems(),
        root,
        entries,
        began,
    })
}

impl PackScan {
    /// What the tree holds, the root first, without the restore file at its root.
    pub fn entries(&self) -> &TreeList {
        &self.entries
    }

    /// The content that is worth leaving out, sorted by digest.
    pub fn wanted(&self) -> Vec<Wanted> {
        let numbers = 0..self.contents.digests().len();
        let there = numbers.filter(|number| self.contents.is_there(*number));
        there.map(|number| self.contents.wanted(number).0).collect()
    }

    /// Asks `lookup` which packages hold the files, and chooses the packages to rely on.
    pub fn plan<L: PackageLookup>(
        &self,
        lookup: &L,
        options: &PackOptions,
    ) -> Result<PackPlan, PackError> {
        let digests = self.contents.digests();
        let is_there = |number: &usize| self.contents.is_there(*number);
        let there = || (0..digests.len()).filter(is_there);
        let asked: Cow<'_, [Digest]> = if there().count() == digests.len() {
            Cow::Borrowed(digests)
        } else {
            there().map(|number| digests[number]).collect()
        };
        let found = lookup
            .find(&asked, options.expires)
            .map_err(|error| PackError::Lookup(Box::new(error)))?;
        drop(asked);
        // First the content that is worth a package, then what is not.
        let held = there().zip(found.matches.iter());
        let held = held.filter(|(_, holders)| !holders.is_empty());
        let held = held.map(|(number, holders)| (self.contents.wanted(number), holders));
        let (wanted, small): (Vec<_>, Vec<_>) =
            held.partition(|((_, size), _)| *size > options.filesz);
        let first = wanted.len();
        let matches = wanted.iter().chain(&small).map(|(_, holders)| *holders);
        let matches = matches.map(|holders| holders.iter().copied()).collect();
        let contents_of = |held: &[((Wanted, u64), &[usize])]| -> Vec<Wanted> {
            held.iter().map(|((content, _), _)| *content).collect()
        };
        let (wanted, small) = (contents_of(&wanted), contents_of(&small));
        let found = Found {
            packages: found.packages.clone(),
            matches,
        };
        let mut plan = PackPlan::new(&wanted, &found, options.expires);
        plan.take_along(&small, &found, first);
        Ok(plan)
    }

    /// How many names of files `plan` leaves out, as far as none changes until it is written.
    pub fn left_out_files(&self, plan: &PackPlan) -> u64 {
        let left_out = self
            .contents
            .marked(plan.left_out.iter().map(|it| it.sha256));
        let places = 0..self.entries.len();
        places.filter(|place| left_out.has(*place)).count() as u64
    }

    /// The digest of the content of the regular file at `place`, if it was looked at.
    pub fn digest_of(&self, place: usize) -> Option<Digest> {
        self.contents.digest(place)
    }
}

/// Files of a tree, by number.
struct Candidates<'a> {
    entries: &'a TreeList,
    places: &'a [u32],
}

impl FileList for Candidates<'_> {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn path(&self, number: usize) -> RelPath {
        self.entries.path(self.places[number] as usize)
    }

    fn stamp(&self, number: usize) -> Option<FileStamp> {
        let file = self.entries.file(self.places[number] as usize);
        file.map(|file| file.stamp)
    }

    fn is_plain(&self, number: usize) -> bool {
        self.entries.is_plain(self.places[number] as usize)
    }
}

/// The places of the files to look for in packages: the first name of each.
fn candidates(entries: &TreeList, options: &PackOptions) -> Vec<u32> {
    let skipped = skipped_files(entries, &options.skip);
    let smallest = options.smallest();
    let mut seen = HashSet::new();
    let mut is_candidate = |file: &ListedFile| {
        let FileStamp { id, size, .. } = file.stamp;
        size >= smallest
            && !is_mostly_hole(size, file.allocated_bytes)
            && !skipped.contains(&id)
            && (file.links == 1 || seen.insert(id))
    };
    let mut places = Vec::with_capacity(entries.len());
    for place in 0..entries.len() {
        if let (Some(file), Ok(place)) = (entries.file(place), u32::try_from(place))
            && is_candidate(&file)
        {
            places.push(place);
        }
    }
    places
}

/// The files that are put into the archive as they are. One name in there makes all names of a
/// hard-linked file links to it, which costs nothing.
fn skipped_files(entries: &TreeList, skip: &PatternSet) -> HashSet<FileId> {
    let mut skipped = HashSet::new();
    if skip.is_empty() {
        return skipped;
    }
    for place in 0..entries.len() {
        if skip.selects(&entries.path(place), entries.is_directory(place)) {
            skipped.extend(entries.file(place).map(|file| file.stamp.id));
        }
    }
    skipped
}

fn hash(
    root: &TreeRoot,
    entries: &TreeList,
    recalled: Recalled,
    options: &PackOptions,
    tell: &TellDigests<'_>,
    monitor: &dyn Monitor,
) -> (Contents, HashMap<usize, Unread>) {
    let places = candidates(entries, options);
    let files = Candidates {
        entries,
        places: &places,
    };
    let stamps = (0..places.len()).filter_map(|number| files.stamp(number));
    let bytes = stamps.fold(0_u64, |sum, stamp| sum.saturating_add(stamp.size));
    let progress = Progress::start(monitor, "hashing", Unit::Bytes, Some(bytes));
    let hashed = match &options.hash_cache {
        Some(cache) => cache.hash_files(root, &files, recalled, &progress, tell, monitor),
        None => HashedFiles::of(root, &files, &progress, tell),
    };
    drop(progress);
    let mut failures = HashMap::new();
    for (number, error) in hashed.errors() {
        if let HashError::Read(error) = error {
            failures.insert(places[*number] as usize, Unread::new(error));
        }
        // Nothing is lost: the file goes into the archive, and if it cannot be read for
        // that either, it is told then.
        let (path, error) = (files.path(*number), error_chain(error));
        let text = format!("{path} is not looked for in packages: {error}");
        monitor.message(Level::Detail, &text);
    }
    (Contents::new(entries, places, hashed), failures)
}
