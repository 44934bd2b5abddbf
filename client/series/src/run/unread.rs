//! What of the source cannot be read: told at every run, marked in the list, kept out of the archive.

use std::collections::BTreeMap;

use hashget_words::rel_path::RelPath;

use super::super::change_list::{Change, Kind, Status};
use hashget_engine::pack::{PackScan, Unread};
use hashget_files::monitor::{Monitor, Problem};
use hashget_files::tree::EntryIndex;

/// What of a scanned source is not to be had.
pub(super) struct Unreadable {
    found: BTreeMap<RelPath, Unread>,
}

impl Unreadable {
    /// Looks for it, tells it and keeps it out of what is written of the scan.
    pub(super) fn find(scan: &mut PackScan, monitor: &dyn Monitor) -> Self {
        let unread = scan.unread();
        let indexes: Vec<EntryIndex> = unread.iter().map(|(index, _)| *index).collect();
        scan.omit(&indexes);
        let mut new = Self {
            found: BTreeMap::new(),
        };
        for (index, why) in unread {
            let entry = scan.entries().entry(index);
            // The walk told of a directory.
            if entry.stamp().is_some() {
                tell(&entry.path, &why, monitor);
            }
            new.found.insert(entry.path, why);
        }
        new
    }

    /// Takes files for unreadable.
    #[cfg(test)]
    pub(super) fn add_broken(
        &mut self,
        scan: &mut PackScan,
        broken: &std::collections::BTreeSet<RelPath>,
        monitor: &dyn Monitor,
    ) {
        for path in broken {
            if let Some(index) = scan.index_of(path) {
                scan.omit(&[index]);
                let why = Unread::Failed("broken".to_owned());
                tell(path, &why, monitor);
                self.found.insert(path.clone(), why);
            }
        }
    }

    /// Adds what could not be written, which the archive's writer told.
    pub(super) fn add_lost(&mut self, scan: &mut PackScan, paths: &[RelPath]) {
        for path in paths {
            if let Some(index) = scan.index_of(path) {
                let why = scan.why_unread(index);
                scan.omit(&[index]);
                self.found.insert(path.clone(), why);
            }
        }
    }

    /// How many cannot be read.
    pub(super) fn count(&self) -> u64 {
        let failed = self.found.values().filter(|why| **why != Unread::Gone);
        failed.count() as u64
    }

    /// Marks what cannot be read, and leaves out what is no longer there.
    pub(super) fn mark(&self, mut tree: Vec<Change>) -> Vec<Change> {
        tree.retain(|change| self.found.get(&change.path) != Some(&Unread::Gone));
        for change in &mut tree {
            if self.found.contains_key(&change.path) {
                change.unreadable = true;
                if change.kind == Kind::File {
                    change.sha256 = None;
                }
            }
        }
        tree
    }

    /// Of what was in a directory that cannot be read nobody knows that it was deleted.
    pub(super) fn hide(&self, mut changes: Vec<Change>) -> Vec<Change> {
        let is_hidden = |path: &RelPath| {
            let mut above = path.parent();
            while let Some(directory) = above {
                if matches!(self.found.get(&directory), Some(Unread::Failed(_))) {
                    return true;
                }
                above = directory.parent();
            }
            false
        };
        for change in &mut changes {
            if change.status == Status::Deleted && is_hidden(&change.path) {
                change.status = Status::Updated;
                change.unreadable = true;
                change.sha256 = None;
            }
        }
        changes
    }
}

fn tell(path: &RelPath, why: &Unread, monitor: &dyn Monitor) {
    if let Unread::Failed(why) = why {
        let text = format!("not packed, cannot read: {why}");
        monitor.problem(&Problem::text(path.to_string(), text));
    }
}
