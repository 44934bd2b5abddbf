//! Lists a tree in order.

mod names;
mod options;
mod pseudo_mounts;
mod rules;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::Xattr;
use rayon::prelude::*;
use rustix::fs::Statx;
use thiserror::Error;

use self::names::{list_names, named};
pub use self::options::{OmittedNames, WalkOptions};
use self::pseudo_mounts::PseudoMounts;
use self::rules::Rules;
use super::cache_tag;
use super::describe::{Describer, kind_at};
use super::entry::{FileId, FileStamp, TreeEntry, TreeKind};
use super::ignored::{self, IgnoreRules, is_ignored};
use super::list::{Common, Directory, NewEntry, TreeList};
use super::metadata::{file_id, file_type, is_file, metadata_of, mode_bits, stamp_of, timestamp};
use super::root::{TreeRoot, statx_at, statx_of};
use crate::monitor::{Monitor, Problem, Progress, Unit};

/// Why something in a tree is not listed.
#[derive(Debug, Error)]
enum WalkError {
    #[error("cannot list the directory")]
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
/// What cannot be read is reported to `monitor`, and the walk goes on.
pub fn walk(root: &TreeRoot, options: &WalkOptions, monitor: &dyn Monitor) -> Vec<TreeEntry> {
    walk_knowing(root, options, &|_| false, monitor).into_entries()
}

/// Lists like [`walk`], but of what `is_known` knows by its status the extended attributes are
/// not read: they are left empty. These are half of what a walk asks the system.
pub fn walk_knowing(
    root: &TreeRoot,
    options: &WalkOptions,
    is_known: &(dyn Fn(&Seen<'_>) -> bool + Sync),
    monitor: &dyn Monitor,
) -> TreeList {
    let walker = Walker {
        root,
        options,
        is_known,
        monitor,
        describer: Describer::new(options.numeric_owner, monitor),
        progress: Progress::start(monitor, "listing files", Unit::Files, None),
        commons: Mutex::default(),
        pseudo: PseudoMounts::default(),
    };
    let list = walker.run();
    walker.pseudo.tell(root, monitor);
    list
}

/// What a walk has seen of an entry.
pub struct Seen<'a> {
    directory: &'a RelPath,
    name: &'a [u8],
    kind: &'a TreeKind,
    status: &'a Statx,
}

impl Seen<'_> {
    /// The stamp of a regular file.
    pub fn stamp(&self) -> Option<FileStamp> {
        is_file(self.status).then(|| stamp_of(self.status))
    }

    /// The entry, but for attributes and the names of owners.
    pub fn entry(&self) -> TreeEntry {
        TreeEntry {
            path: self.directory.child(self.name),
            kind: self.kind.clone(),
            metadata: metadata_of(self.status),
        }
    }
}

/// Device, mode, user and group.
type CommonKey = (u64, u32, u32, u32);

struct Walker<'a> {
    root: &'a TreeRoot,
    options: &'a WalkOptions,
    is_known: &'a (dyn Fn(&Seen<'_>) -> bool + Sync),
    monitor: &'a dyn Monitor,
    describer: Describer<'a>,
    progress: Progress<'a>,
    /// What entries without attributes have in common.
    commons: Mutex<HashMap<CommonKey, Arc<Common>>>,
    /// The mount points that are left empty because of their kind.
    pseudo: PseudoMounts,
}

/// What is in one directory, in order.
#[derive(Default)]
struct Listing {
    directory: Directory,
    /// Which of its entries are directories that are to be entered, and on which device.
    inner: Vec<(u32, u64)>,
    rules: Option<Arc<Rules>>,
}

impl Walker<'_> {
    /// Lists the directories of one depth beside each other, then those in them: without recursion, as
    /// a tree may be deeper than any stack.
    fn run(&self) -> TreeList {
        let Some((top, device)) = self.look_at_root() else {
            return TreeList::default();
        };
        let mut directories = vec![top];
        let mut below: Vec<Vec<(u32, u32)>> = vec![Vec::new()];
        // The directories of one depth: the number of the one that it is in, which of its entries it
        // is, and the rules there.
        let mut depth: Vec<(usize, u32, Option<Arc<Rules>>)> = vec![(0, 0, None)];
        while !depth.is_empty() {
            let found: Vec<Listing> = depth
                .par_iter()
                .map(|(number, child, rules)| {
                    let path = directories[*number].path_at(*child as usize);
                    self.enter(path, rules.as_ref())
                })
                .collect();
            let mut next = Vec::new();
            for ((above, child, _), listing) in depth.into_iter().zip(found) {
                let number = directories.len();
                below[above].push((child, u32::try_from(number).unwrap_or(u32::MAX)));
                let entered = listing
                    .inner
                    .iter()
                    .filter(|(_, on)| !self.options.one_file_system || *on == device);
                next.extend(entered.map(|(child, _)| (number, *child, listing.rules.clone())));
                directories.push(listing.directory);
                below.push(Vec::new());
            }
            depth = next;
        }
        TreeList::new(directories, &below)
    }

    /// A directory with the root as its only entry, and the root's device.
    fn look_at_root(&self) -> Option<(Directory, u64)> {
        let path = RelPath::root();
        let directory = self.or_problem(&path, self.root.open_directory(&path), WalkError::List)?;
        let status = statx_of(&directory).map_err(io::Error::from);
        let status = self.or_problem(&path, status, WalkError::Status)?;
        let mut listing = Listing::default();
        self.describe(&mut listing, &directory, (b"", b"."), &status)?;
        self.progress.advance(1);
        Some((listing.directory, file_id(&status).device))
    }

    /// Lists the directory at `path`; `above` are the rules of the directories above it.
    fn enter(&self, path: RelPath, above: Option<&Arc<Rules>>) -> Listing {
        let mut listing = Listing::default();
        let directory = self.root.open_directory(&path);
        let Some(directory) = self.or_problem(&path, directory, WalkError::List) else {
            return listing;
        };
        let status = statx_of(&directory).map_err(io::Error::from);
        let Some(status) = self.or_problem(&path, status, WalkError::Status) else {
            return listing;
        };
        let (mut names, listed) = list_names(&directory);
        self.or_problem(&path, listed, WalkError::List); // What was listed before it counts.
        if self.options.exclude_caches && self.is_cache(&path, &names) {
            names.retain(|name| name == cache_tag::NAME);
        }
        let own = self.rules(&path, &names);
        listing.rules = if own.is_empty() {
            above.cloned()
        } else {
            let above = above.cloned();
            Some(Arc::new(Rules { own, above }))
        };
        let rules = listing.rules.clone();
        let chain = Rules::chain(rules.as_ref());
        let id = file_id(&status);
        listing.directory = Directory::new(path);
        for name in names.iter().filter(|name| !self.is_omitted(id, name)) {
            self.look_at(&mut listing, &directory, name, &chain);
        }
        listing.directory.finish();
        let path_at = |child: u32| listing.directory.path_at(child as usize);
        let enters = |(child, on): &(u32, u64)| *on == id.device || self.enters(&path_at(*child));
        listing.inner.retain(enters);
        self.progress.advance(listing.directory.len() as u64);
        listing
    }

    /// Whether to look into the directory at `mount_point`.
    fn enters(&self, mount_point: &RelPath) -> bool {
        // On one file system the walk stops there anyhow.
        self.options.pseudo_file_systems
            || self.options.one_file_system
            || !self.pseudo.holds(self.root, mount_point)
    }

    fn is_omitted(&self, directory: FileId, name: &[u8]) -> bool {
        let omitted = self.options.omitted.as_ref();
        omitted.is_some_and(|omitted| omitted.holds(directory, name))
    }

    fn is_cache(&self, directory: &RelPath, names: &[Vec<u8>]) -> bool {
        let Some(tag) = named(directory, names, cache_tag::NAME) else {
            return false;
        };
        let valid = cache_tag::is_valid(self.root, &tag);
        self.or_problem(&tag, valid, WalkError::Tag)
            .unwrap_or(false)
    }

    fn rules(&self, directory: &RelPath, names: &[Vec<u8>]) -> Vec<IgnoreRules> {
        let kinds = [
            (self.options.exclude_ignored, ignored::GIT_NAME),
            (self.options.exclude_hashgetignored, ignored::OWN_NAME),
        ];
        let wanted = kinds.into_iter().filter(|(wanted, _)| *wanted);
        wanted
            .filter_map(|(_, name)| {
                let file = named(directory, names, name)?;
                let rules = IgnoreRules::read(self.root, directory, name, |what| {
                    self.monitor.problem(&Problem::text(file.to_string(), what));
                });
                self.or_problem(&file, rules, WalkError::Rules)
            })
            .collect()
    }

    fn look_at(
        &self,
        listing: &mut Listing,
        directory: &OwnedFd,
        name: &[u8],
        rules: &[&IgnoreRules],
    ) -> Option<()> {
        let parent = listing.directory.path();
        let status = statx_at(directory.as_fd(), name).map_err(io::Error::from);
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                return self.or_problem(&parent.child(name), Err(error), WalkError::Status);
            }
        };
        if !self.options.exclude.is_empty() || !rules.is_empty() {
            let path = parent.child(name);
            let is_directory = file_type(&status).is_dir();
            let rules = rules.iter().copied();
            if self.options.exclude.matches(&path, is_directory)
                || is_ignored(rules, &path, is_directory)
            {
                return None;
            }
        }
        self.describe(listing, directory, (name, name), &status)
    }

    /// Puts what is called `name` into the listing; `real` is what the system calls it.
    fn describe(
        &self,
        listing: &mut Listing,
        directory: &OwnedFd,
        (name, real): (&[u8], &[u8]),
        status: &Statx,
    ) -> Option<()> {
        let kind = match kind_at(directory.as_fd(), real, status) {
            Ok(kind) => kind,
            Err(error) => {
                let path = listing.directory.path().child(name);
                return self.or_problem(&path, Err(error), WalkError::Status);
            }
        };
        let seen = Seen {
            directory: listing.directory.path(),
            name,
            kind: &kind,
            status,
        };
        let xattrs = if (self.is_known)(&seen) {
            Vec::new()
        } else {
            let path = || listing.directory.path().child(name);
            self.describer.xattrs(path, directory.as_fd(), real)
        };
        let common = self.common(&listing.directory, status, xattrs);
        if file_type(status).is_dir() {
            let number = u32::try_from(listing.directory.len()).unwrap_or(u32::MAX);
            listing.inner.push((number, file_id(status).device));
        }
        listing.directory.push(NewEntry {
            name,
            kind: &kind,
            common,
            atime: timestamp(status.stx_atime),
            mtime: timestamp(status.stx_mtime),
            ctime: timestamp(status.stx_ctime),
        });
        Some(())
    }

    /// What the entry has in common with others.
    fn common(&self, directory: &Directory, status: &Statx, xattrs: Vec<Xattr>) -> Arc<Common> {
        let device = file_id(status).device;
        let mode = mode_bits(status);
        let (uid, gid) = (status.stx_uid, status.stx_gid);
        let fits = |common: &Common| {
            (common.device, common.mode, common.uid, common.gid) == (device, mode, uid, gid)
                && common.xattrs == xattrs
        };
        if let Some(common) = directory.common(fits) {
            return common;
        }
        let is_plain = xattrs.is_empty();
        let common = || {
            Arc::new(Common {
                device,
                mode,
                uid,
                gid,
                user: self.describer.user(uid),
                group: self.describer.group(gid),
                xattrs,
            })
        };
        if !is_plain {
            return common();
        }
        // What a thread that panicked has put there is whole.
        let mut commons = self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        let known = commons.entry((device, mode, uid, gid));
        known.or_insert_with(common).clone()
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

#[cfg(test)]
mod tests;
