//! Step one: what is in the tree.

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
use super::plan::Wanted;
use super::unread::Unread;
use hashget_files::hash_cache::{HashedFiles, Recalled, TellDigests};
use hashget_files::monitor::{Counted, Level, Monitor, Progress, Unit, error_chain};
use hashget_files::tree::{
    EntryIndex, FileId, FileIndex, FileList, FileStamp, HashError, ListedFile, PatternSet, Seen,
    TreeList, TreeRoot, WalkOptions, is_mostly_hole, walk_knowing,
};

/// A tree, walked and hashed.
#[derive(Debug)]
pub struct PackScan {
    pub(super) root: TreeRoot,
    /// Everything in the tree but the restore file at its root.
    pub(super) entries: TreeList,
    /// What may be left out.
    pub(super) contents: Contents,
    /// The files whose content could not be read.
    pub(super) failures: HashMap<EntryIndex, Unread>,
    /// What goes into no archive.
    pub(super) omitted: HashSet<EntryIndex>,
    pub(super) problems: u64,
    /// When listing the tree began.
    pub(super) began: Instant,
    /// How it was scanned, and is to be packed.
    pub(super) options: PackOptions,
}

impl PackScan {
    /// Walks `root` and hashes what may be in packages. The file of `output`, and what killed runs
    /// left beside it, are not seen (and the latter removed).
    pub fn new(
        root: &Path,
        output: Option<&Output>,
        options: &PackOptions,
        monitor: &dyn Monitor,
    ) -> Result<Self, PackError> {
        Self::telling(root, output, options, &|_| (), monitor)
    }

    /// Like [`PackScan::new`], and each digest is told to `tell` as soon as it is known.
    pub(super) fn telling(
        root: &Path,
        output: Option<&Output>,
        options: &PackOptions,
        tell: &TellDigests<'_>,
        monitor: &dyn Monitor,
    ) -> Result<Self, PackError> {
        let began = Instant::now();
        let counted = Counted::new(monitor);
        let root = TreeRoot::open(root)?;
        let omitted = output.map(Output::prepare).transpose()?.flatten();
        if let Some(output) = output.filter(|output| output.is_open_to_others()) {
            let path = output.path().display();
            let text = format!("{path} was open to other users: the new archive is not");
            monitor.message(Level::Info, &text);
        }
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
        Ok(Self {
            contents,
            failures,
            omitted: HashSet::new(),
            problems: counted.problems(),
            root,
            entries,
            began,
            options: options.clone(),
        })
    }

    /// What the tree holds, the root first, without the restore file at its root.
    pub fn entries(&self) -> &TreeList {
        &self.entries
    }

    /// The content that is worth leaving out, sorted by digest.
    pub fn wanted(&self) -> Vec<Wanted> {
        let there = self.contents.there();
        there
            .map(|content| self.contents.wanted(content).0)
            .collect()
    }

    /// The digest of the content of the regular file at `index`, if it was looked at.
    pub fn digest_of(&self, index: EntryIndex) -> Option<Digest> {
        self.contents.digest(index)
    }
}

/// Some of the files of a tree.
struct Candidates<'a> {
    entries: &'a TreeList,
    indexes: &'a [EntryIndex],
}

impl FileList for Candidates<'_> {
    fn count(&self) -> usize {
        self.indexes.len()
    }

    fn path(&self, number: FileIndex) -> RelPath {
        self.entries.path(self.indexes[number.get()])
    }

    fn stamp(&self, number: FileIndex) -> Option<FileStamp> {
        let file = self.entries.file(self.indexes[number.get()]);
        file.map(|file| file.stamp)
    }

    fn is_plain(&self, number: FileIndex) -> bool {
        self.entries.is_plain(self.indexes[number.get()])
    }
}

/// The files to look for in packages: the first name of each.
fn candidates(entries: &TreeList, options: &PackOptions) -> Vec<EntryIndex> {
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
    let mut indexes = Vec::with_capacity(entries.len());
    for index in entries.indexes() {
        if entries.file(index).is_some_and(|file| is_candidate(&file)) {
            indexes.push(index);
        }
    }
    indexes
}

/// The files that are put into the archive as they are. One name in there makes all names of a
/// hard-linked file links to it, which costs nothing.
fn skipped_files(entries: &TreeList, skip: &PatternSet) -> HashSet<FileId> {
    let mut skipped = HashSet::new();
    if skip.is_empty() {
        return skipped;
    }
    for index in entries.indexes() {
        if skip.selects(&entries.path(index), entries.is_directory(index)) {
            skipped.extend(entries.file(index).map(|file| file.stamp.id));
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
) -> (Contents, HashMap<EntryIndex, Unread>) {
    let indexes = candidates(entries, options);
    let files = Candidates {
        entries,
        indexes: &indexes,
    };
    let numbers = (0..indexes.len()).map(FileIndex::from);
    let stamps = numbers.filter_map(|number| files.stamp(number));
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
            failures.insert(indexes[number.get()], Unread::new(error));
        }
        // Nothing is lost: the file goes into the archive, and if it cannot be read for
        // that either, it is told then.
        let (path, error) = (files.path(*number), error_chain(error));
        let text = format!("{path} is not looked for in packages: {error}");
        monitor.message(Level::Detail, &text);
    }
    (Contents::new(entries, indexes, hashed), failures)
}
