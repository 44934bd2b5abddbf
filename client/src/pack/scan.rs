//! Step one: what is in the tree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use hashget_common::digest::Digest;
use hashget_common::rel_path::RelPath;

use super::error::PackError;
use super::options::PackOptions;
use super::output::Output;
use super::own_restore_file;
use super::plan::{PackPlan, Wanted};
use crate::hash_cache::HashCache;
use crate::hash_db::PackageLookup;
use crate::monitor::{Counted, Level, Monitor, Progress, Unit};
use crate::tree::{
    FileId, HashedFile, PatternSet, TreeEntry, TreeKind, TreeRoot, WalkOptions, hash_files, walk,
};

/// A tree, walked and hashed.
#[derive(Debug)]
pub struct PackScan {
    pub(super) root: TreeRoot,
    /// Everything in the tree but the restore file at its root, in order.
    pub(super) entries: Vec<TreeEntry>,
    /// What may be left out: every file once, however many names it has.
    pub(super) contents: HashMap<FileId, HashedFile>,
    /// The size of each of these.
    sizes: HashMap<FileId, u64>,
    pub(super) problems: u64,
}

/// Walks `root` and hashes what may be in packages. The file of `output`, and what killed runs
/// left beside it, are not seen (and the latter removed).
pub fn scan(
    root: &Path,
    output: Option<&Output>,
    options: &PackOptions,
    monitor: &dyn Monitor,
) -> Result<PackScan, PackError> {
    let counted = Counted::new(monitor);
    let root = TreeRoot::open(root)?;
    let omitted = output.map(Output::prepare).transpose()?.flatten();
    let walk_options = WalkOptions {
        omitted,
        ..options.walk.clone()
    };
    let mut entries = walk(&root, &walk_options, &counted);
    own_restore_file::take_out(&root, &mut entries, monitor)?;
    let candidates = candidates(&entries, options);
    let sizes: HashMap<FileId, u64> = candidates
        .iter()
        .filter_map(|entry| entry.stamp())
        .map(|stamp| (stamp.id, stamp.size))
        .collect();
    let cache = options.hash_cache.as_ref();
    let contents = hash(&root, &candidates, sizes.values().sum(), cache, monitor);
    Ok(PackScan {
        contents,
        sizes,
        problems: counted.problems(),
        root,
        entries,
    })
}

impl PackScan {
    /// What the tree holds, the root first, without the restore file at its root.
    pub fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    /// The content that is worth leaving out, sorted by digest.
    pub fn wanted(&self) -> Vec<Wanted> {
        self.wanted_of_sizes(|_| true)
    }

    /// The content that is worth a package, and what is not; each sorted by digest.
    fn wanted_and_small(&self, filesz: u64) -> (Vec<Wanted>, Vec<Wanted>) {
        let wanted = self.wanted_of_sizes(|size| size > filesz);
        (wanted, self.wanted_of_sizes(|size| size <= filesz))
    }

    fn wanted_of_sizes(&self, is_wanted: impl Fn(u64) -> bool) -> Vec<Wanted> {
        let mut saved: BTreeMap<Digest, u64> = BTreeMap::new();
        for (id, content) in &self.contents {
            let size = self.sizes.get(id).copied().unwrap_or(0);
            if !is_wanted(size) {
                continue;
            }
            let sum = saved.entry(content.sha256).or_default();
            *sum = sum.saturating_add(size);
        }
        let wanted = |(sha256, saved_bytes)| Wanted {
            sha256,
            saved_bytes,
        };
        saved.into_iter().map(wanted).collect()
    }

    /// Asks `lookup` which packages hold the files, and chooses the packages to rely on.
    pub fn plan<L: PackageLookup>(
        &self,
        lookup: &L,
        options: &PackOptions,
    ) -> Result<PackPlan, PackError> {
        let (wanted, small) = self.wanted_and_small(options.filesz);
        let both = wanted.iter().chain(&small);
        let digests: Vec<Digest> = both.map(|content| content.sha256).collect();
        let found = lookup
            .find(&digests, options.expires)
            .map_err(|error| PackError::Lookup(Box::new(error)))?;
        let mut plan = PackPlan::new(&wanted, &found, options.expires);
        plan.take_along(&small, &found, wanted.len());
        Ok(plan)
    }

    /// How many names of files `plan` leaves out, as far as none changes until it is written.
    pub fn left_out_files(&self, plan: &PackPlan) -> u64 {
        let left_out: HashSet<Digest> = plan.left_out.iter().map(|it| it.sha256).collect();
        let contents = self
            .entries
            .iter()
            .filter_map(|entry| self.content_of(entry));
        contents
            .filter(|content| left_out.contains(&content.sha256))
            .count() as u64
    }

    /// The digest of a regular file's content, if it was looked at.
    pub fn digest_of(&self, entry: &TreeEntry) -> Option<Digest> {
        self.content_of(entry).map(|content| content.sha256)
    }

    /// The content of a regular file, if it may be left out.
    pub(super) fn content_of(&self, entry: &TreeEntry) -> Option<&HashedFile> {
        match entry.kind {
            TreeKind::File { id, .. } => self.contents.get(&id),
            _ => None,
        }
    }
}

/// The files to look for in packages: the first name of each.
fn candidates<'e>(entries: &'e [TreeEntry], options: &PackOptions) -> Vec<&'e TreeEntry> {
    let skipped = skipped_files(entries, &options.skip);
    let smallest = options.smallest();
    let mut seen = HashSet::new();
    let is_candidate = |entry: &&TreeEntry| match entry.kind {
        TreeKind::File {
            size,
            id,
            allocated_bytes,
            ..
        } => {
            size >= smallest
                && !is_mostly_hole(size, allocated_bytes)
                && !skipped.contains(&id)
                && seen.insert(id)
        }
        _ => false,
    };
    entries.iter().filter(is_candidate).collect()
}

/// Whether hashing all the zeros of a big sparse file costs more than storing its little data.
fn is_mostly_hole(size: u64, allocated_bytes: u64) -> bool {
    const BIG_BYTES: u64 = 64 * 1024 * 1024;
    size > BIG_BYTES && allocated_bytes < size / 16
}

/// The files that are put into the archive as they are. One name in there makes all names of a
/// hard-linked file links to it, which costs nothing.
fn skipped_files(entries: &[TreeEntry], skip: &PatternSet) -> HashSet<FileId> {
    let mut skipped = HashSet::new();
    if skip.is_empty() {
        return skipped;
    }
    // All that is in a folder comes right after it.
    let mut folder: Option<&RelPath> = None;
    for entry in entries {
        if folder.is_some_and(|folder| !entry.path.starts_with(folder)) {
            folder = None;
        }
        let is_folder = entry.kind == TreeKind::Directory;
        if folder.is_none() && !skip.matches(&entry.path, is_folder) {
            continue;
        }
        match entry.kind {
            TreeKind::File { id, .. } => {
                skipped.insert(id);
            }
            TreeKind::Directory if folder.is_none() => folder = Some(&entry.path),
            _ => {}
        }
    }
    skipped
}

fn hash(
    root: &TreeRoot,
    candidates: &[&TreeEntry],
    bytes: u64,
    cache: Option<&HashCache>,
    monitor: &dyn Monitor,
) -> HashMap<FileId, HashedFile> {
    let progress = Progress::start(monitor, "hashing", Unit::Bytes, Some(bytes));
    let results = match cache {
        Some(cache) => {
            let hashed = cache.hash_files(root, candidates, &progress, monitor);
            hashed.results
        }
        None => hash_files(root, candidates, &progress),
    };
    drop(progress);
    let mut contents = HashMap::with_capacity(candidates.len());
    for (entry, result) in candidates.iter().zip(results) {
        match (result, entry.stamp()) {
            (Ok(content), Some(stamp)) => {
                contents.insert(stamp.id, content);
            }
            // Nothing is lost: the file goes into the archive, and if it cannot be read for
            // that either, it is told then.
            (Err(error), _) => {
                let error = crate::monitor::error_chain(&error);
                let text = format!("{} is not looked for in packages: {error}", entry.path);
                monitor.message(Level::Detail, &text);
            }
            (Ok(_), None) => {}
        }
    }
    contents
}
