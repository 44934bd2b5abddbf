//! Untouched members of packages in a tree, and the words for them in the restore file.

use std::collections::HashSet;

use hashget_words::digest::{Digest, HashSpec};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{MembersOwner, MembersSum, RestoreMembers};

use super::plan::PackPlan;
use super::recheck::{Fate, look_again};
use super::scan::PackScan;
use hashget_files::monitor::Monitor;
use hashget_files::tree::EntryIndex;

/// Untouched members of packages in a tree.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    pub(super) groups: Vec<Group>,
}

/// Members of one package that lie together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) package: Digest,
    pub(super) mapping: Mapping,
    pub(super) umask: u32,
    pub(super) owner: Option<MembersOwner>,
    /// Every member below `mapping.from`, by path, with where it is in the tree if it is untouched.
    pub(super) members: Vec<(RelPath, Option<EntryIndex>)>,
}

/// Which directory of a package lies where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mapping {
    pub(super) from: RelPath,
    pub(super) into: RelPath,
}

/// What is left of a compaction after the tree was looked at again.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    pub(super) members: Vec<RestoreMembers>,
    /// The entries of the tree that these are.
    pub(super) indexes: HashSet<EntryIndex>,
}

impl Compaction {
    /// Leaves out of the archive what is still untouched, as far as `plan` relies on its package.
    pub(super) fn finish(
        &self,
        scan: &PackScan,
        plan: &PackPlan,
        fates: &mut [Fate],
        monitor: &dyn Monitor,
    ) -> Compacted {
        let mut compacted = Compacted::default();
        let relied: HashSet<Digest> = plan.packages.iter().map(|it| it.sha256).collect();
        for group in self.groups.iter().filter(|it| relied.contains(&it.package)) {
            let mut indexes = HashSet::new();
            let mut statuses = scan.root.statuses();
            for index in group.members.iter().filter_map(|(_, index)| *index) {
                let is_directory = scan.entries.is_directory(index);
                if fates[index.get()] == Fate::Archive && !is_directory {
                    fates[index.get()] = look_again(scan, index, &mut statuses, monitor);
                }
                if is_directory {
                    fates[index.get()] = Fate::LeaveOut;
                }
                if fates[index.get()] == Fate::LeaveOut {
                    indexes.insert(index);
                }
            }
            if !indexes.is_empty() {
                compacted.members.push(group.words(scan, &indexes));
                compacted.indexes.extend(indexes);
            }
        }
        compacted
    }
}

impl Group {
    /// Whether naming the exceptions takes less than listing the files.
    pub(super) fn is_worth_it(&self) -> bool {
        const WORDS_BYTES: usize = 300;
        const LISTED_BYTES: usize = 100;
        let (except, except_below) = self.exceptions(&|index| index);
        let named = except.iter().chain(&except_below);
        let words: usize = named.map(|path| path.as_bytes().len() + 8).sum();
        let taken = self.members.iter().filter(|(_, index)| index.is_some());
        words + WORDS_BYTES < taken.count() * LISTED_BYTES
    }

    /// The members that are not meant: single ones, and directories of which nothing is.
    fn exceptions(
        &self,
        left_out: &dyn Fn(Option<EntryIndex>) -> Option<EntryIndex>,
    ) -> (Vec<RelPath>, Vec<RelPath>) {
        let mut used: HashSet<RelPath> = HashSet::new();
        for (rest, index) in &self.members {
            if left_out(*index).is_none() {
                continue;
            }
            let mut at = Some(rest.clone());
            while let Some(path) = at.filter(|path| used.insert(path.clone())) {
                at = path.parent();
            }
        }
        let mut except = Vec::new();
        let mut except_below: Vec<RelPath> = Vec::new();
        // All that is in a directory comes right after it.
        let mut dead: Option<&RelPath> = None;
        for (number, (rest, index)) in self.members.iter().enumerate() {
            if left_out(*index).is_some() || dead.is_some_and(|dead| rest.starts_with(dead)) {
                continue;
            }
            let next = self.members.get(number + 1);
            let is_leaf = next.is_none_or(|(next, _)| !next.starts_with(rest));
            if is_leaf || used.contains(rest) {
                except.push(rest.clone());
            } else {
                dead = Some(rest);
                except_below.push(rest.clone());
            }
        }
        (except, except_below)
    }

    fn words(&self, scan: &PackScan, indexes: &HashSet<EntryIndex>) -> RestoreMembers {
        let (except, except_below) =
            self.exceptions(&|index| index.filter(|index| indexes.contains(index)));
        let mut sorted: Vec<EntryIndex> = indexes.iter().copied().collect();
        sorted.sort_unstable();
        let mut words = RestoreMembers {
            package: HashSpec::from(self.package),
            from: self.mapping.from.clone(),
            into: self.mapping.into.clone(),
            files: 0,
            bytes: 0,
            directories: 0,
            sum: Digest::of(b""),
            except,
            except_below,
            umask: self.umask,
            owner: self.owner.clone(),
        };
        for index in &sorted {
            match scan.entries.file(*index) {
                Some(file) => {
                    words.files += 1;
                    words.bytes = words.bytes.saturating_add(file.stamp.size);
                }
                None => words.directories += 1,
            }
        }
        let mut sum = MembersSum::default();
        for index in sorted {
            let entry = scan.entries.entry(index);
            let content = scan.digest_of(index);
            sum.add(&entry.path, content.as_ref(), entry.metadata.mode);
        }
        words.sum = sum.finish();
        words
    }
}
