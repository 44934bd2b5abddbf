//! Which files of a tree are untouched members of the packages that it relies on.
//!
//! Such files need no entry each in the restore file: it says which directory of which package goes
//! where, and what of it does not.

use std::collections::{BTreeMap, HashMap, HashSet};

use hashget_words::digest::{Digest, HashSpec};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{MembersOwner, MembersSum, RestoreMembers};
use rayon::prelude::*;

use super::plan::{PackPlan, PlannedPackage};
use super::recheck::{Fate, look_again};
use super::scan::PackScan;
use hashget_files::monitor::{Level, Monitor};
use hashget_files::package_members::{Member, MemberMetadata, below, path_in_tree, read_members};
use hashget_files::tree::TreeEntry;
use hashget_sources::sources::LocalPackage;

/// In how many places of the tree one package is looked for.
const MOST_GROUPS: usize = 8;
/// So many places of one content in a package or tree are looked at.
const MOST_TWINS: usize = 4;
/// Mode bits that a program that unpacks may have taken away.
const UMASKS: [u32; 5] = [0, 0o022, 0o002, 0o027, 0o077];

/// Untouched members of packages in a tree.
#[derive(Debug, Default)]
pub struct Compaction {
    groups: Vec<Group>,
}

/// Members of one package that lie together.
#[derive(Debug)]
struct Group {
    package: Digest,
    mapping: Mapping,
    umask: u32,
    owner: Option<MembersOwner>,
    /// Every member below `mapping.from`, by path, with its place in the tree if it is untouched.
    members: Vec<(RelPath, Option<usize>)>,
}

/// Which directory of a package lies where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Mapping {
    from: RelPath,
    into: RelPath,
}

impl PackScan {
    /// Finds the untouched members of the packages of `plan`. `open` gives a package if it is at
    /// hand, its hash checked; the files of others are listed one by one.
    pub fn compact(
        &self,
        plan: &PackPlan,
        open: impl Fn(&PlannedPackage) -> Option<LocalPackage> + Sync,
        monitor: &dyn Monitor,
    ) -> Compaction {
        let mut tree = Tree::new(self);
        let mut groups = Vec::new();
        let processors = rayon::current_num_threads();
        // Some at a time, so that the members of few packages are in memory.
        for packages in plan.packages.chunks(processors.max(1)) {
            let threads = processors.div_ceil(packages.len());
            let threads = u32::try_from(threads).unwrap_or(u32::MAX);
            let read =
                |package| open(package).map(|it| read_members(it.limits(), it.file, threads));
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

/// What of a tree can be a member of a package.
struct Tree<'a> {
    scan: &'a PackScan,
    by_digest: HashMap<Digest, Vec<usize>>,
    taken: HashSet<usize>,
}

impl<'a> Tree<'a> {
    fn new(scan: &'a PackScan) -> Self {
        let mut by_digest: HashMap<Digest, Vec<usize>> = HashMap::new();
        for place in 0..scan.entries.len() {
            if let Some(digest) = whole_content(scan, place) {
                by_digest.entry(digest).or_default().push(place);
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
            let places = group.members.iter().filter_map(|(_, place)| *place);
            self.taken.extend(places);
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
            let places = self.by_digest.get(&content.sha256).into_iter().flatten();
            let free = places.filter(|place| !self.taken.contains(place));
            let mapping = |place: &usize| mapping(&member.path, &self.scan.entries.path(*place));
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
        let mut inside: Vec<(&Member, RelPath, Option<usize>)> = Vec::new();
        for member in members {
            if let Some(rest) = below(&member.path, &mapping.from) {
                let place = self.same_content(member, &mapping);
                inside.push((member, rest, place));
            }
        }
        let entry = |place: usize| self.scan.entries.entry(place);
        let fits = |member: &Member, place: usize, umask: u32, owner: Option<&MembersOwner>| {
            member.metadata.in_tree(umask, owner) == Some(metadata_of(&entry(place)))
        };
        let mut owners: BTreeMap<_, (u64, MembersOwner)> = BTreeMap::new();
        for place in inside.iter().filter_map(|(_, _, place)| *place) {
            let owner = owner_of(&entry(place));
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
            let fitting = inside.iter().filter(|(member, _, place)| {
                place.is_some_and(|place| fits(member, place, umask, owner.as_ref()))
            });
            fitting.count()
        };
        // Of equals the first, which says least.
        let (best, umask, owner) = ways
            .map(|(umask, owner)| (count(umask, owner), umask, owner.clone()))
            .rev()
            .max_by_key(|(count, _, _)| *count)?;
        let members: Vec<(RelPath, Option<usize>)> = inside
            .into_iter()
            .map(|(member, rest, place)| {
                let place = place.filter(|place| fits(member, *place, umask, owner.as_ref()));
                (rest, place)
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
    fn same_content(&self, member: &Member, mapping: &Mapping) -> Option<usize> {
        let path = path_in_tree(&member.path, &mapping.from, &mapping.into)?;
        let entries = &self.scan.entries;
        let place = entries.find(&path)?;
        let same = match (&member.content, entries.file(place)) {
            (None, None) => entries.is_directory(place),
            (Some(content), Some(file)) => {
                file.stamp.size == content.size
                    && whole_content(self.scan, place) == Some(content.sha256)
            }
            _ => false,
        };
        (same && !self.taken.contains(&place)).then_some(place)
    }
}

impl Group {
    /// Whether naming the exceptions takes less than listing the files.
    fn is_worth_it(&self) -> bool {
        const WORDS_BYTES: usize = 300;
        const LISTED_BYTES: usize = 100;
        let (except, except_below) = self.exceptions(&|place| place);
        let named = except.iter().chain(&except_below);
        let words: usize = named.map(|path| path.as_bytes().len() + 8).sum();
        let taken = self.members.iter().filter(|(_, place)| place.is_some());
        words + WORDS_BYTES < taken.count() * LISTED_BYTES
    }

    /// The members that are not meant: single ones, and directories of which nothing is.
    fn exceptions(
        &self,
        left_out: &dyn Fn(Option<usize>) -> Option<usize>,
    ) -> (Vec<RelPath>, Vec<RelPath>) {
        let mut used: HashSet<RelPath> = HashSet::new();
        for (rest, place) in &self.members {
            if left_out(*place).is_none() {
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
        for (number, (rest, place)) in self.members.iter().enumerate() {
            if left_out(*place).is_some() || dead.is_some_and(|dead| rest.starts_with(dead)) {
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
}

/// What is left of a compaction after the tree was looked at again.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    pub(super) members: Vec<RestoreMembers>,
    /// The entries of the tree that these are, by place.
    pub(super) places: HashSet<usize>,
}

impl Compaction {
    /// Leaves out untouched members of the packages that `plan` relies on.
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
            let mut places = HashSet::new();
            let mut statuses = scan.root.statuses();
            for place in group.members.iter().filter_map(|(_, place)| *place) {
                let is_directory = scan.entries.is_directory(place);
                if fates[place] == Fate::Archive && !is_directory {
                    fates[place] = look_again(scan, place, &mut statuses, monitor);
                }
                if is_directory {
                    fates[place] = Fate::LeaveOut;
                }
                if fates[place] == Fate::LeaveOut {
                    places.insert(place);
                }
            }
            if !places.is_empty() {
                compacted.members.push(group.words(scan, &places));
                compacted.places.extend(places);
            }
        }
        compacted
    }
}

impl Group {
    fn words(&self, scan: &PackScan, places: &HashSet<usize>) -> RestoreMembers {
        let (except, except_below) =
            self.exceptions(&|place| place.filter(|place| places.contains(place)));
        let mut sorted: Vec<usize> = places.iter().copied().collect();
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
        for place in &sorted {
            match scan.entries.file(*place) {
                Some(file) => {
                    words.files += 1;
                    words.bytes = words.bytes.saturating_add(file.stamp.size);
                }
                None => words.directories += 1,
            }
        }
        let mut sum = MembersSum::default();
        for place in sorted {
            let entry = scan.entries.entry(place);
            let content = scan.digest_of(place);
            sum.add(&entry.path, content.as_ref(), entry.metadata.mode);
        }
        words.sum = sum.finish();
        words
    }
}

/// The digest of a file that has one name and no holes.
fn whole_content(scan: &PackScan, place: usize) -> Option<Digest> {
    let file = scan.entries.file(place).filter(|file| file.links == 1)?;
    let is_whole = scan.contents.extents(file.stamp.id).is_none();
    scan.digest_of(place).filter(|_| is_whole)
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
