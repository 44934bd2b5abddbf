//! What changed between two states of a directory.

use std::collections::{BTreeMap, BTreeSet};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;

use super::base::Bases;
use super::change::{Change, ChangeKind, Content, KeptDirectory};
use super::entry::IndexEntry;
use super::error::DeltaError;
use super::index::{DirIndex, find};
use super::rules::IndexRules;

/// What changed between two states of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffIndex {
    /// What of the directory is seen in both states.
    pub rules: IndexRules,
    /// What changed, in the order of the paths.
    pub changes: Vec<Change>,
    /// What did not, directory by directory.
    pub kept: Vec<KeptDirectory>,
    /// The digest of the old state.
    pub old_state: Digest,
    /// The digest of the new state.
    pub new_state: Digest,
}

impl DiffIndex {
    /// Compares two states of a directory, seen by the same rules.
    pub fn compute(old: &DirIndex, new: &DirIndex) -> Result<Self, DeltaError> {
        let encode = |source: serde_json::Error| {
            DeltaError::io("write", "the digest of the state")(source.into())
        };
        let mut changes = changed(&old.entries, &new.entries);
        let bases = Bases::new(&old.entries, &changes);
        for change in &mut changes {
            change.content = bases.content(change);
        }
        let touched: BTreeSet<RelPath> = changes.iter().map(Change::path).collect();
        let kept = kept_directories(&new.entries, &touched).map_err(encode)?;
        let kept = kept.into_iter();
        Ok(Self {
            rules: new.rules.clone(),
            changes,
            kept: kept
                .map(|(directory, sha256)| KeptDirectory { directory, sha256 })
                .collect(),
            old_state: old.state().map_err(encode)?,
            new_state: new.state().map_err(encode)?,
        })
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What kind every change is.
    pub fn kinds(&self) -> Vec<ChangeKind> {
        let mut gone: BTreeSet<&RelPath> = self
            .changes
            .iter()
            .filter(|change| change.new.is_none())
            .filter_map(|change| change.old.as_ref().map(|old| &old.path))
            .collect();
        let kind = |change: &'_ Change| match (&change.old, &change.new) {
            (None, _) => match &change.content {
                // Only once: further files with that content are copies.
                Some(Content::Old(from)) if gone.remove(from) => ChangeKind::Renamed(from.clone()),
                _ => ChangeKind::New,
            },
            (Some(_), None) => ChangeKind::Deleted,
            (Some(_), Some(_)) if change.is_metadata() => ChangeKind::Metadata,
            (Some(_), Some(_)) => ChangeKind::Updated,
        };
        self.changes.iter().map(kind).collect()
    }

    /// The entries of the new state, if `old` are those of the old one.
    pub(super) fn new_entries(&self, old: &[IndexEntry]) -> Vec<IndexEntry> {
        let mut entries: BTreeMap<RelPath, IndexEntry> = old
            .iter()
            .map(|entry| (entry.path.clone(), entry.clone()))
            .collect();
        for change in &self.changes {
            match &change.new {
                Some(new) => entries.insert(new.path.clone(), new.clone()),
                None => entries.remove(&change.path()),
            };
        }
        entries.into_values().collect()
    }
}

fn changed(old: &[IndexEntry], new: &[IndexEntry]) -> Vec<Change> {
    let mut changes = Vec::new();
    for was in old {
        if find(new, &was.path).is_none() {
            changes.push(Change {
                old: Some(was.clone()),
                new: None,
                content: None,
            });
        }
    }
    for is in new {
        let was = find(old, &is.path);
        if was.is_none_or(|was| !was.is_same(is)) {
            changes.push(Change {
                old: was.cloned(),
                new: Some(is.clone()),
                content: None,
            });
        }
    }
    changes.sort_by_key(Change::path);
    changes
}

/// The digests of what is not `touched`, by directory.
pub(super) fn kept_directories(
    entries: &[IndexEntry],
    touched: &BTreeSet<RelPath>,
) -> Result<BTreeMap<RelPath, Digest>, serde_json::Error> {
    let mut hashers: BTreeMap<RelPath, Hasher> = BTreeMap::new();
    for entry in entries.iter().filter(|e| !touched.contains(&e.path)) {
        // The directory itself counts as lying in itself.
        let directory = entry.path.parent().unwrap_or_else(RelPath::root);
        let line = entry.canonical()?;
        hashers.entry(directory).or_default().update(&line);
    }
    let done = hashers.into_iter();
    Ok(done.map(|(path, hasher)| (path, hasher.finish())).collect())
}
