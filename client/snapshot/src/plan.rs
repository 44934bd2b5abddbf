//! What becomes of each thing in the source.

use std::collections::HashMap;

use super::key::Key;
use super::state::SourceState;
use hashget_files::tree::{FileId, TreeEntry, TreeKind};

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A directory is made.
    Directory,
    /// A symbolic link, pipe or device is made.
    Node,
    /// A socket, which nobody could use, is left out.
    Socket,
    /// The file is as it was: it gets a name more, and is not read.
    Known(Key),
    /// The file is read.
    Read,
    /// It is a further name of the file that the entry of this number is.
    SameAs(usize),
}

/// What becomes of everything in the source.
#[derive(Debug)]
pub(super) struct SnapshotPlan {
    /// One for each entry, in order.
    pub(super) fates: Vec<Fate>,
    /// How many names the files have that have several, by the number of their first.
    pub(super) names: HashMap<usize, u64>,
}

impl SnapshotPlan {
    /// Plans for `entries`; what `state` knows unchanged is not read.
    pub(super) fn new(entries: &[TreeEntry], state: &SourceState) -> Self {
        let mut first_names: HashMap<FileId, usize> = HashMap::new();
        let mut names: HashMap<usize, u64> = HashMap::new();
        let mut fate = |(number, entry): (usize, &TreeEntry)| match &entry.kind {
            TreeKind::Directory => Fate::Directory,
            TreeKind::Socket => Fate::Socket,
            TreeKind::Node(_) => Fate::Node,
            TreeKind::File { id, links, .. } => {
                if *links > 1 {
                    let first = *first_names.entry(*id).or_insert(number);
                    *names.entry(first).or_default() += 1;
                    if first != number {
                        return Fate::SameAs(first);
                    }
                }
                state.unchanged(entry).map_or(Fate::Read, Fate::Known)
            }
        };
        Self {
            fates: entries.iter().enumerate().map(&mut fate).collect(),
            names,
        }
    }

    /// How many names the file has whose first is entry `number`.
    pub(super) fn names_of(&self, number: usize) -> u64 {
        self.names.get(&number).copied().unwrap_or(1)
    }
}
