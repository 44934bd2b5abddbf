//! Looks at the directory again, before the new state counts.

use std::collections::{BTreeSet, HashMap};

use hashget_words::rel_path::RelPath;

use super::Job;
use crate::entry::IndexEntry;
use crate::error::{DeltaError, Difference, Differences};
use crate::index::{IndexOptions, entries, find, first_names, list_tree};
use crate::stage_directory::StageDirectory;
use hashget_files::monitor::{Progress, Unit};
use hashget_files::tree::{HashedFile, TreeEntry, hash_files_by};

/// Checks that the directory is in the new state. What was placed is read again; of the rest, what
/// shows no change since it was read.
pub(super) fn verify(job: &Job<'_>, stage: &StageDirectory) -> Result<(), DeltaError> {
    let omitted = stage
        .omitted()
        .map_err(DeltaError::act("look at", &RelPath::root()))?;
    let options = IndexOptions {
        rules: job.diff.rules.clone(),
        omitted,
        ..IndexOptions::default()
    };
    let root = &job.before.root;
    let tree = list_tree(root, &options, job.monitor)?;
    let placed: BTreeSet<&RelPath> = job.steps.placed.iter().map(|step| &step.path).collect();
    let mut hashed = HashMap::new();
    let mut unread = Vec::new();
    for entry in first_names(&tree) {
        match known(job, entry).filter(|_| !placed.contains(&entry.path)) {
            Some(file) => {
                hashed.insert(entry.path.clone(), file);
            }
            None => unread.push(entry),
        }
    }
    let kind = job.diff.rules.digest_kind();
    let progress = Progress::start(job.monitor, "verifying", Unit::Bytes, None);
    for (entry, outcome) in unread
        .iter()
        .zip(hash_files_by(kind, root, &unread, &progress))
    {
        let file = outcome.map_err(|source| DeltaError::Hash {
            path: entry.path.clone(),
            source,
        })?;
        hashed.insert(entry.path.clone(), file);
    }
    compare(&entries(&tree, &hashed)?, job.after)
}

/// What was read of a file before, if it is the same and shows no change.
fn known(job: &Job<'_>, entry: &TreeEntry) -> Option<HashedFile> {
    let tree = &job.before.tree;
    let place = tree
        .binary_search_by(|was| was.path.cmp(&entry.path))
        .ok()?;
    let (was, is) = (tree[place].stamp()?, entry.stamp()?);
    if (was.id, was.size, was.mtime) != (is.id, is.size, is.mtime) {
        return None;
    }
    let file = find(&job.before.index.entries, &entry.path)?.file()?;
    Some(HashedFile {
        sha256: file.sha256,
        extents: file.extents.clone(),
    })
}

fn compare(is: &[IndexEntry], wanted: &[IndexEntry]) -> Result<(), DeltaError> {
    let mut differences = Vec::new();
    let mut differs = |path: &RelPath, what: String| {
        let path = path.clone();
        differences.push(Difference { path, what });
    };
    for entry in wanted {
        match find(is, &entry.path) {
            None => differs(&entry.path, "is missing".to_owned()),
            Some(is) if is.is_same(entry) => {}
            Some(is) => {
                let what = entry.differences(is).join(", ");
                differs(&entry.path, format!("{what} should be otherwise"));
            }
        }
    }
    for entry in is
        .iter()
        .filter(|entry| find(wanted, &entry.path).is_none())
    {
        differs(&entry.path, "should not be there".to_owned());
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(DeltaError::WrongResult {
        differences: Differences(differences),
    })
}
