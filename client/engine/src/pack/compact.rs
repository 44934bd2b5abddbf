//! Which files of a tree are untouched members of the packages that it relies on.
//!
//! Such files need no word each in the restore file: it says which directory of which package goes
//! where, and what of it does not.

use std::collections::{BTreeMap, HashMap, HashSet};

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::MembersOwner;
use rayon::prelude::*;

use super::compaction::{Compaction, Group, Mapping};
use super::plan::{PackPlan, PlannedPackage};
use super::scan::PackScan;
use crate::restore::RestoreSources;
use hashget_files::monitor::{Level, Monitor};
use hashget_files::package_members::{Member, MemberMetadata, below, path_in_tree, read_members};
use hashget_files::tree::{EntryIndex, TreeEntry};
use hashget_sources::sources::{LocalPackage, PackageRef};

/// In how many places of the tree one package is looked for.
const MOST_GROUPS: usize = 8;
/// So many places of one content in a package or tree are looked at.
const MOST_TWINS: usize = 4;
/// Mode bits that a program that unpacks may have taken away.
const UMASKS: [u32; 5] = [0, 0o022, 0o002, 0o027, 0o077];

impl PackScan {
    /// Finds the untouched members of the packages of `plan` that `sources` gives without a
    /// download; the files of others are listed one by one.
    pub(super) fn compact(
        &self,
        plan: &PackPlan,
        sources: &dyn RestoreSources,
        monitor: &dyn Monitor,
    ) -> Compaction {
        let mut tree = Tree::new(self);
        let mut groups = Vec::new();
        let processors = rayon::current_num_threads();
        // Some at a time, so that the members of few packages are in memory.
        // A group may lie anywhere, and what only hints name may not.
        let packages = plan.packages.iter().filter(|package| !package.is_of_hint());
        let packages: Vec<&PlannedPackage> = packages.collect();
        for packages in packages.chunks(processors.max(1)) {
            let threads = processors.div_ceil(packages.len());
            let threads = u32::try_from(threads).unwrap_or(u32::MAX);
            let read = |package: &&PlannedPackage| {
                let opened = at_hand(package, sources, monitor);
                opened.map(|it| read_members(it.limits(), it.file, threads))
            };
            let found: Vec<_> = packages.par_iter().map(read).collect();
            for (package, members) in packages.iter().zip(found) {
                match members {
                    Some(Ok(members)) => groups.extend(tree.groups(package.sha256, &members)),
                    Some(Err(error)) => {
                        let error = hashget_files::monitor::error_chain(&error);
                        let text = format!("{}: {error}", package.url);
                        monitor.message(Level::Warning, &text);
                    }
                    None => {
                        let url = &package.url;
                        let text = format!("{url} is not at hand: its files are listed one by one");
                        monitor.message(Level::Info, &text);
                    }
                }
            }
        }
        Compaction { groups }
    }
}

/// The package, its hash checked, if a pool or the cache has it.
fn at_hand(
    package: &PlannedPackage,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Option<LocalPackage> {
    let wanted = PackageRef {
        sha256: Some(package.sha256),
        size: package.size,
        urls: vec![package.url.clone()],
    };
    let indexes = sources.at_hand(std::slice::from_ref(&wanted), false, monitor);
    indexes.first()?.as_ref()?;
    sources.package(&wanted, monitor).ok()
}

/// What of a tree can be a member of a package.
struct Tree<'a> {
    scan: &'a PackScan,
    by_digest: HashMap<Digest, Vec<EntryIndex>>,
    taken: HashSet<EntryIndex>,
}

impl<'a> Tree<'a> {
    fn new(scan: &'a PackScan) -> Self {
        let mut by_digest: HashMap<Digest, Vec<EntryIndex>> = HashMap::new();
        for index in scan.entries.indexes() {
            if let Some(digest) = whole_content(scan, index) {
                by_digest.entry(digest).or_default().push(index);
            }
        }
        Self {
            scan,
            by_digest,
            taken: HashSet::new(),
        }
    }

    /// The groups of one package, as long as each is worth its words.
    fn groups(&mut self, package: Digest, members: &[Member]) -> Vec<Group> {
        let mut groups = Vec::new();
        while groups.len() < MOST_GROUPS {
            let Some(mapping) = self.best_mapping(members) else {
                break;
            };
            let Some(group) = self.group(package, mapping, members) else {
                break;
            };
            let indexes = group.members.iter().filter_map(|(_, index)| *index);
            self.taken.extend(indexes);
            groups.push(group);
        }
        groups
    }

    /// The mapping that puts most files of the package to places where they are in the tree.
    fn best_mapping(&self, members: &[Member]) -> Option<Mapping> {
        let mut votes: BTreeMap<Mapping, u64> = BTreeMap::new();
        for member in members {
            let Some(content) = member.content.filter(|content| content.size > 0) else {
                continue;
            };
            let indexes = self.by_digest.get(&content.sha256).into_iter().flatten();
            let free = indexes.filter(|index| !self.taken.contains(index));
            let mapping =
                |index: &EntryIndex| mapping(&member.path, &self.scan.entries.path(*index));
            let best = free.take(MOST_TWINS).filter_map(mapping).max();
            if let Some((_, mapping)) = best {
                *votes.entry(mapping).or_default() += 1;
            }
        }
        let best = votes.into_iter().max_by(|a, b| {
            // Of equals the first.
            a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))
        });
        best.map(|(mapping, _)| mapping)
    }

    /// The group of a mapping, if it is worth its words.
    fn group(&self, package: Digest, mapping: Mapping, members: &[Member]) -> Option<Group> {
        let mut inside: Vec<(&Member, RelPath, Option<EntryIndex>)> = Vec::new();
        for member in members {
            if let Some(rest) = below(&member.path, &mapping.from) {
                let index = self.same_content(member, &mapping);
                inside.push((member, rest, index));
            }
        }
        let entry = |index: EntryIndex| self.scan.entries.entry(index);
        let fits =
            |member: &Member, index: EntryIndex, umask: u32, owner: Option<&MembersOwner>| {
                member.metadata.in_tree(umask, owner) == Some(metadata_of(&entry(index)))
            };
        let mut owners: BTreeMap<_, (u64, MembersOwner)> = BTreeMap::new();
        for index in inside.iter().filter_map(|(_, _, index)| *index) {
            let owner = owner_of(&entry(index));
            let key = (
                owner.uid,
                owner.gid,
                owner.user.clone(),
                owner.group.clone(),
            );
            owners.entry(key).or_insert((0, owner)).0 += 1;
        }
        let usual = owners.into_values().max_by_key(|(count, _)| *count);
        let ways = [None, usual.map(|(_, owner)| owner)];
        let ways = ways
            .iter()
            .flat_map(|owner| UMASKS.map(|umask| (umask, owner)));
        let count = |umask: u32, owner: &Option<MembersOwner>| {
            let fitting = inside.iter().filter(|(member, _, index)| {
                index.is_some_and(|index| fits(member, index, umask, owner.as_ref()))
            });
            fitting.count()
        };
        // Of equals the first, which says least.
        let (best, umask, owner) = ways
            .map(|(umask, owner)| (count(umask, owner), umask, owner.clone()))
            .rev()
            .max_by_key(|(count, _, _)| *count)?;
        let members: Vec<(RelPath, Option<EntryIndex>)> = inside
            .into_iter()
            .map(|(member, rest, index)| {
                let index = index.filter(|index| fits(member, *index, umask, owner.as_ref()));
                (rest, index)
            })
            .collect();
        let group = Group {
            package,
            mapping,
            umask,
            owner,
            members,
        };
        (best > 0 && group.is_worth_it()).then_some(group)
    }

    /// Where the member is in the tree by `mapping`, if it has the same content there.
    fn same_content(&self, member: &Member, mapping: &Mapping) -> Option<EntryIndex> {
        let path = path_in_tree(&member.path, &mapping.from, &mapping.into)?;
        let entries = &self.scan.entries;
        let index = entries.find(&path)?;
        let same = match (&member.content, entries.file(index)) {
            (None, None) => entries.is_directory(index),
            (Some(content), Some(file)) => {
                file.stamp.size == content.size
                    && whole_content(self.scan, index) == Some(content.sha256)
            }
            _ => false,
        };
        (same && !self.taken.contains(&index)).then_some(index)
    }
}

/// The digest of a file that has one name and no holes.
fn whole_content(scan: &PackScan, index: EntryIndex) -> Option<Digest> {
    let file = scan.entries.file(index).filter(|file| file.links == 1)?;
    let is_whole = scan.contents.extents(file.stamp.id).is_none();
    scan.digest_of(index).filter(|_| is_whole)
}

fn owner_of(entry: &TreeEntry) -> MembersOwner {
    MembersOwner {
        uid: entry.metadata.uid,
        gid: entry.metadata.gid,
        user: entry.metadata.user.clone(),
        group: entry.metadata.group.clone(),
    }
}

fn metadata_of(entry: &TreeEntry) -> MemberMetadata {
    MemberMetadata {
        mode: entry.metadata.mode,
        owner: Some(owner_of(entry)),
        mtime: entry.metadata.mtime,
        xattrs: entry.metadata.xattrs.clone(),
    }
}

/// The directories of a member and a file from which on their paths are the same, and how many
/// components are; at least the name must be.
fn mapping(member: &RelPath, file: &RelPath) -> Option<(usize, Mapping)> {
    let pairs = member.components().rev().zip(file.components().rev());
    let common = pairs.take_while(|(a, b)| a == b).count();
    if common == 0 {
        return None;
    }
    let front = |path: &RelPath| {
        let kept = path.components().count() - common;
        let parts: Vec<&[u8]> = path.components().take(kept).collect();
        RelPath::new(&parts.join(&b'/')).unwrap_or_default()
    };
    let mapping = Mapping {
        from: front(member),
        into: front(file),
    };
    Some((common, mapping))
}
