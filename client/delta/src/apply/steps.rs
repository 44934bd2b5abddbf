//! What has to be done, in which order.

use std::collections::{BTreeMap, BTreeSet};

use hashget_words::rel_path::RelPath;
use serde::{Deserialize, Serialize};

use crate::change::Content;
use crate::diff::DiffIndex;
use crate::entry::IndexEntry;
use crate::index::find;

/// What has to be done to get from one state to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    /// What goes, each with its name in the stage: of a directory that goes with all that is in it
    /// only the directory.
    pub(super) removed: Vec<Numbered>,
    /// The directories that are new, in the order of their paths.
    pub(super) made: Vec<RelPath>,
    /// Everything else that is new, each with its name in the stage.
    pub(super) placed: Vec<Numbered>,
    /// Whose metadata is set at the end, the deepest first.
    pub(super) set: Vec<IndexEntry>,
    /// Whose metadata may be disturbed, as it was before, the deepest first.
    pub(super) disturbed: Vec<IndexEntry>,
    /// Where the content of what is placed comes from.
    pub(super) contents: BTreeMap<RelPath, Content>,
}

/// Something with its name in the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub(super) path: RelPath,
    pub(super) number: u64,
}

impl Steps {
    /// Plans the way from `old` to `new`, between which lies `diff`.
    pub(super) fn plan(old: &[IndexEntry], new: &[IndexEntry], diff: &DiffIndex) -> Self {
        let fresh = fresh(old, new);
        let goes =
            |entry: &&IndexEntry| find(new, &entry.path).is_none() || fresh.contains(&entry.path);
        let mut removed: Vec<Numbered> = Vec::new();
        for entry in old.iter().filter(goes) {
            let within = |last: &Numbered| entry.path.starts_with(&last.path);
            if !removed.last().is_some_and(within) {
                removed.push(numbered(&entry.path, removed.len()));
            }
        }
        let mut steps = Self {
            removed,
            ..Self::default()
        };
        for entry in new.iter().filter(|entry| fresh.contains(&entry.path)) {
            if entry.is_directory() {
                steps.made.push(entry.path.clone());
            } else {
                let number = steps.placed.len();
                steps.placed.push(numbered(&entry.path, number));
            }
        }
        for change in &diff.changes {
            if let Some(content) = &change.content {
                steps.contents.insert(change.path(), content.clone());
            }
        }
        steps.plan_metadata(old, new, &fresh);
        steps
    }

    fn plan_metadata(&mut self, old: &[IndexEntry], new: &[IndexEntry], fresh: &BTreeSet<RelPath>) {
        let all = self
            .removed
            .iter()
            .chain(&self.placed)
            .map(|step| &step.path);
        // Moving something disturbs the directory it was in.
        let parents: BTreeSet<RelPath> =
            all.chain(&self.made).filter_map(RelPath::parent).collect();
        for entry in new.iter().rev() {
            let was = find(old, &entry.path).filter(|_| !fresh.contains(&entry.path));
            let made = was.is_none() && entry.is_directory();
            let changed = was.is_some_and(|was| !was.is_same(entry));
            let disturbed = was.is_some() && parents.contains(&entry.path);
            if made || changed || disturbed {
                self.set.push(entry.clone());
            }
            if let Some(was) = was.filter(|_| changed || disturbed) {
                self.disturbed.push(was.clone());
            }
        }
        let directories = self.removed.iter().filter_map(|step| find(old, &step.path));
        let directories: Vec<IndexEntry> = directories
            .filter(|entry| entry.is_directory())
            .cloned()
            .collect();
        self.disturbed.extend(directories);
        self.disturbed.sort_by(|a, b| b.path.cmp(&a.path));
    }
}

/// The paths where something else comes: not only other metadata.
fn fresh(old: &[IndexEntry], new: &[IndexEntry]) -> BTreeSet<RelPath> {
    let mut fresh = BTreeSet::new();
    for entry in new {
        let stays = find(old, &entry.path).is_some_and(|was| was.is_same_thing(entry));
        // The first name comes before the others: where it is a new file, so are they.
        let first = entry.file().and_then(|file| file.hardlink.as_ref());
        if !stays || first.is_some_and(|first| fresh.contains(first)) {
            fresh.insert(entry.path.clone());
        }
    }
    fresh
}

fn numbered(path: &RelPath, number: usize) -> Numbered {
    Numbered {
        path: path.clone(),
        number: number as u64,
    }
}
