//! Lists a tree in order.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use hashget_common::rel_path::RelPath;
use rayon::prelude::*;
use rustix::fs::{RawDir, Statx};
use thiserror::Error;

use super::cache_tag;
use super::describe::Describer;
use super::entry::{FileId, TreeEntry};
use super::exclude::PatternSet;
use super::ignored::{self, IgnoreRules, is_ignored};
use super::metadata::{file_id, file_type};
use super::root::{TreeRoot, statx_at, statx_of};
use crate::monitor::{Monitor, Problem, Progress, Unit};
use crate::temp_name::TempNames;

/// What of a tree is looked at.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct WalkOptions {
    /// What is left out, with all that lies below.
    pub exclude: PatternSet,
    /// Whether folders tagged as caches (<https://bford.info/cachedir/>) are left empty but for
    /// the tag.
    pub exclude_caches: bool,
    /// Whether the rules of the `.gitignore` files in the tree are obeyed.
    pub exclude_ignored: bool,
    /// Whether the rules of the `.hashgetignore` files in the tree are obeyed.
    pub exclude_hashgetignored: bool,
    /// Whether folders of other file systems than the root's are left empty.
    pub one_file_system: bool,
    /// Whether names of users and groups are left out.
    pub numeric_owner: bool,
    /// What is left out because it is being written.
    pub omitted: Option<OmittedNames>,
}

/// Names in one folder that a walk does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OmittedNames {
    /// The folder.
    pub folder: FileId,
    /// A name in it, beside the temporary ones.
    pub name: Vec<u8>,
}

impl OmittedNames {
    fn holds(&self, folder: FileId, name: &[u8]) -> bool {
        folder == self.folder
            && (name == self.name || TempNames::of_inode(folder.inode).includes(name))
    }
}

/// Why something in a tree is not listed.
#[derive(Debug, Error)]
enum WalkError {
    #[error("cannot list the folder")]
    List(#[source] io::Error),
    #[error("cannot read its status")]
    Status(#[source] io::Error),
    #[error("cannot read the ignore rules")]
    Rules(#[source] io::Error),
    #[error("cannot read the cache tag")]
    Tag(#[source] io::Error),
}

/// Lists everything in the tree, the root first, in the order of [`RelPath`], on the threads of rayon.
///
/// What cannot be read is told to `monitor`, and the walk goes on.
pub fn walk(root: &TreeRoot, options: &WalkOptions, monitor: &dyn Monitor) -> Vec<TreeEntry> {
    walk_knowing(root, options, &|_| false, monitor)
}

/// Lists like [`walk`], but of what `is_known` knows by its status the extended attributes are
/// not read: they are left empty. These are half of what a walk asks the system.
pub(crate) fn walk_knowing(
    root: &TreeRoot,
    options: &WalkOptions,
    is_known: &(dyn Fn(&TreeEntry) -> bool + Sync),
    monitor: &dyn Monitor,
) -> Vec<TreeEntry> {
    let walker = Walker {
        root,
        options,
        is_known,
        monitor,
        describer: Describer::new(options.numeric_owner, monitor),
        progress: Progress::start(monitor, "listing files", Unit::Files, None),
    };
    walker.run()
}

struct Walker<'a> {
    root: &'a TreeRoot,
    options: &'a WalkOptions,
    is_known: &'a (dyn Fn(&TreeEntry) -> bool + Sync),
    monitor: &'a dyn Monitor,
    describer: Describer<'a>,
    progress: Progress<'a>,
}

/// What is in one folder, in order.
#[derive(Default)]
struct Listing {
    children: Vec<Child>,
    rules: Option<Arc<Rules>>,
}

struct Child {
    entry: TreeEntry,
    is_folder: bool,
    device: u64,
    /// The number of the listing of what is in it.
    listing: Option<usize>,
}

/// The ignore rules of a folder, and of those above it.
struct Rules {
    own: Vec<IgnoreRules>,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// All of them, the outermost first.
    fn chain(rules: Option<&Arc<Self>>) -> Vec<&IgnoreRules> {
        let mut levels = Vec::new();
        let mut at = rules;
        while let Some(rules) = at {
            levels.push(&rules.own);
            at = rules.above.as_ref();
        }
        levels.into_iter().rev().flatten().collect()
    }
}

impl Walker<'_> {
    /// Lists the folders of one depth beside each other, then those in them: without recursion, as
    /// a tree may be deeper than any stack.
    fn run(&self) -> Vec<TreeEntry> {
        let Some(top) = self.look_at_root() else {
            return Vec::new();
        };
        let device = top.device;
        let mut listings = vec![Listing {
            children: vec![top],
            rules: None,
        }];
        let mut done = 0;
        while done < listings.len() {
            let folders: Vec<(usize, usize)> = (done..listings.len())
                .flat_map(|number| {
                    let children = listings[number].children.iter().enumerate();
                    let enters = |child: &Child| {
                        child.is_folder && (!self.options.one_file_system || child.device == device)
                    };
                    children
                        .filter(move |(_, child)| enters(child))
                        .map(move |(place, _)| (number, place))
                })
                .collect();
            done = listings.len();
            let found: Vec<Listing> = folders
                .par_iter()
                .map(|(number, place)| {
                    let listing = &listings[*number];
                    self.enter(&listing.children[*place].entry.path, listing.rules.as_ref())
                })
                .collect();
            for ((number, place), listing) in folders.into_iter().zip(found) {
                listings[number].children[place].listing = Some(listings.len());
                listings.push(listing);
            }
        }
        in_order(listings)
    }

    fn look_at_root(&self) -> Option<Child> {
        let path = RelPath::root();
        let folder = self.or_problem(&path, self.root.open_folder(&path), WalkError::List)?;
        let status = statx_of(&folder).map_err(io::Error::from);
        let status = self.or_problem(&path, status, WalkError::Status)?;
        let child = self.describe(&folder, b".", path, &status);
        self.progress.advance(1);
        child
    }

    /// Lists what is in the folder at `path`; `above` are the rules of the folders above it.
    fn enter(&self, path: &RelPath, above: Option<&Arc<Rules>>) -> Listing {
        let folder = self.root.open_folder(path);
        let Some(folder) = self.or_problem(path, folder, WalkError::List) else {
            return Listing::default();
        };
        let status = statx_of(&folder).map_err(io::Error::from);
        let Some(status) = self.or_problem(path, status, WalkError::Status) else {
            return Listing::default();
        };
        let (mut names, listed) = list_names(&folder);
        // What was listed before the error counts.
        self.or_problem(path, listed, WalkError::List);
        if self.options.exclude_caches && self.is_cache(path, &names) {
            names.retain(|name| name == cache_tag::NAME);
        }
        let own = self.rules(path, &names);
        let rules = if own.is_empty() {
            above.cloned()
        } else {
            let above = above.cloned();
            Some(Arc::new(Rules { own, above }))
        };
        let chain = Rules::chain(rules.as_ref());
        let id = file_id(&status);
        let children: Vec<Child> = names
            .iter()
            .filter(|name| !self.is_omitted(id, name))
            .filter_map(|name| self.look_at(&folder, path, name, &chain))
            .collect();
        self.progress.advance(children.len() as u64);
        Listing { children, rules }
    }

    fn is_omitted(&self, folder: FileId, name: &[u8]) -> bool {
        let omitted = self.options.omitted.as_ref();
        omitted.is_some_and(|omitted| omitted.holds(folder, name))
    }

    fn is_cache(&self, folder: &RelPath, names: &[Vec<u8>]) -> bool {
        let Some(tag) = named(folder, names, cache_tag::NAME) else {
            return false;
        };
        let valid = cache_tag::is_valid(self.root, &tag);
        self.or_problem(&tag, valid, WalkError::Tag)
            .unwrap_or(false)
    }

    fn rules(&self, folder: &RelPath, names: &[Vec<u8>]) -> Vec<IgnoreRules> {
        let kinds = [
            (self.options.exclude_ignored, ignored::GIT_NAME),
            (self.options.exclude_hashgetignored, ignored::OWN_NAME),
        ];
        let wanted = kinds.into_iter().filter(|(wanted, _)| *wanted);
        wanted
            .filter_map(|(_, name)| {
                let file = named(folder, names, name)?;
                let rules = IgnoreRules::read(self.root, folder, name, |what| {
                    self.monitor.problem(&Problem::text(file.to_string(), what));
                });
                self.or_problem(&file, rules, WalkError::Rules)
            })
            .collect()
    }

    fn look_at(
        &self,
        folder: &OwnedFd,
        parent: &RelPath,
        name: &[u8],
        rules: &[&IgnoreRules],
    ) -> Option<Child> {
        let path = parent.join(name).map_err(io::Error::other);
        let path = self.or_problem(parent, path, WalkError::List)?;
        let status = statx_at(folder.as_fd(), name).map_err(io::Error::from);
        let status = self.or_problem(&path, status, WalkError::Status)?;
        let is_folder = file_type(&status).is_dir();
        let rules = rules.iter().copied();
        if self.options.exclude.matches(&path, is_folder) || is_ignored(rules, &path, is_folder) {
            return None;
        }
        self.describe(folder, name, path, &status)
    }

    fn describe(
        &self,
        folder: &OwnedFd,
        name: &[u8],
        path: RelPath,
        status: &Statx,
    ) -> Option<Child> {
        let shown = path.clone();
        let entry = self.describer.plain(folder.as_fd(), name, path, status);
        let mut entry = self.or_problem(&shown, entry, WalkError::Status)?;
        if !(self.is_known)(&entry) {
            entry.metadata.xattrs = self.describer.xattrs(&shown, folder.as_fd(), name);
        }
        Some(Child {
            entry,
            is_folder: file_type(status).is_dir(),
            device: file_id(status).device,
            listing: None,
        })
    }

    fn or_problem<T>(
        &self,
        path: &RelPath,
        result: io::Result<T>,
        act: impl FnOnce(io::Error) -> WalkError,
    ) -> Option<T> {
        result
            .map_err(|error| {
                self.monitor
                    .problem(&Problem::new(path.to_string(), &act(error)));
            })
            .ok()
    }
}

/// Puts every listing right behind its folder.
fn in_order(mut listings: Vec<Listing>) -> Vec<TreeEntry> {
    let count = listings.iter().map(|listing| listing.children.len()).sum();
    let mut entries = Vec::with_capacity(count);
    let mut take = |number: usize| {
        let listing = listings.get_mut(number).map(std::mem::take);
        listing.unwrap_or_default().children.into_iter()
    };
    let mut levels = vec![take(0)];
    while let Some(level) = levels.last_mut() {
        let Some(child) = level.next() else {
            levels.pop();
            continue;
        };
        entries.push(child.entry);
        if let Some(listing) = child.listing {
            levels.push(take(listing));
        }
    }
    entries
}

/// The path of `name`, if `names`, which are sorted, hold it.
fn named(folder: &RelPath, names: &[Vec<u8>], name: &[u8]) -> Option<RelPath> {
    names
        .binary_search_by(|known| known.as_slice().cmp(name))
        .ok()
        .and_then(|_| folder.join(name).ok())
}

/// The names in a folder, sorted, and whether these are all.
fn list_names(folder: &OwnedFd) -> (Vec<Vec<u8>>, io::Result<()>) {
    let mut buffer = vec![const { MaybeUninit::<u8>::uninit() }; 32 * 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Vec::new();
    let mut result = Ok(());
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => {
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    names.push(name.to_vec());
                }
            }
            Err(error) => {
                result = Err(error.into());
                break;
            }
        }
    }
    names.sort_unstable();
    (names, result)
}

#[cfg(test)]
mod tests;
