//! Builds the tree of a new snapshot, under a name that is no snapshot's.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hashget_words::restore_file::Xattr;
use rayon::prelude::*;
use rustix::fs::{Mode, OFlags, openat};

use super::copy::{CopyError, is_before, wanted};
use super::destination::Destination;
use super::index::Index;
use super::key::Key;
use super::link::{Abilities, Linked, NearDirectory};
use super::options::CreateOptions;
use super::plan::{Fate, SnapshotPlan};
use super::stats::CreateStats;
use hashget_files::monitor::{Monitor, Problem, Progress, Silent, Unit, error_chain};
use hashget_files::place::{Node, apply};
use hashget_files::tree::{
    Describer, DigestKind, HashError, HashedFile, TreeEntry, TreeKind, TreeRoot, hash_files_by,
};

const NONE: u32 = u32::MAX;

/// Builds one tree.
pub(super) struct Builder<'a> {
    pub(super) source: &'a TreeRoot,
    pub(super) destination: &'a Destination,
    /// The new tree.
    pub(super) tree: TreeRoot,
    /// Its number in the index.
    pub(super) tree_number: u32,
    pub(super) options: &'a CreateOptions<'a>,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) describer: Describer<'a>,
    pub(super) abilities: Abilities,
    pub(super) entries: &'a [TreeEntry],
    pub(super) plan: &'a SnapshotPlan,
    index: Mutex<Index>,
    stats: Mutex<CreateStats>,
    /// For each entry the inode that it is.
    inodes: Vec<AtomicU32>,
    /// Whether what was read of an entry can be relied on the next time.
    pub(super) settled: Vec<AtomicBool>,
    failure: Mutex<Option<io::Error>>,
}

/// What was built.
pub(super) struct Built {
    pub(super) index: Index,
    pub(super) stats: CreateStats,
    /// For each entry the inode that it is, and whether the source is known to be like it.
    pub(super) inodes: Vec<Option<(u32, bool)>>,
}

/// What a builder works with.
pub(super) struct Material<'a> {
    pub(super) source: &'a TreeRoot,
    pub(super) destination: &'a Destination,
    pub(super) entries: &'a [TreeEntry],
    pub(super) plan: &'a SnapshotPlan,
    pub(super) options: &'a CreateOptions<'a>,
    pub(super) monitor: &'a dyn Monitor,
}

impl<'a> Builder<'a> {
    /// A builder in the empty directory `tree`, which is number `tree_number` of `index`.
    pub(super) fn new(
        material: &Material<'a>,
        tree: TreeRoot,
        tree_number: u32,
        index: Index,
    ) -> Self {
        let count = material.entries.len();
        Self {
            source: material.source,
            destination: material.destination,
            tree,
            tree_number,
            options: material.options,
            monitor: material.monitor,
            describer: Describer::new(true, material.monitor),
            abilities: Abilities::default(),
            entries: material.entries,
            plan: material.plan,
            index: Mutex::new(index),
            stats: Mutex::default(),
            inodes: (0..count).map(|_| AtomicU32::new(NONE)).collect(),
            settled: (0..count).map(|_| AtomicBool::new(false)).collect(),
            failure: Mutex::default(),
        }
    }

    /// Builds the whole tree. An error means that the destination failed.
    pub(super) fn build(self) -> io::Result<Built> {
        let files = self.plan.fates.iter();
        let files = files.filter(|fate| !matches!(fate, Fate::Directory | Fate::Socket));
        let total = files.count() as u64;
        let progress = Progress::start(self.monitor, "saving files", Unit::Files, Some(total));
        let unread = self.make_directories(&progress);
        unread.par_iter().with_max_len(16).for_each(|number| {
            self.guard(|| self.read(*number));
            progress.advance(1);
        });
        self.further_names(&progress);
        drop(progress);
        self.check()?;
        self.finish_directories();
        self.check()?;
        Ok(self.finish())
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, CreateStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something unless the destination failed; keeps its first failure.
    pub(super) fn guard(&self, act: impl FnOnce() -> io::Result<()>) {
        if self.failure().is_some() {
            return;
        }
        if let Err(error) = act() {
            self.failure().get_or_insert(error);
        }
    }

    fn check(&self) -> io::Result<()> {
        self.failure().take().map_or(Ok(()), Err)
    }

    /// Links to the inode of `key`; whether there is one that can be linked to.
    pub(super) fn link_known(
        &self,
        number: usize,
        key: &Key,
        directory: &OwnedFd,
        near: &mut NearDirectory,
    ) -> io::Result<bool> {
        let entry = &self.entries[number];
        let Some(at) = self.index().by_key(key) else {
            return Ok(false);
        };
        let names = self.plan.names_of(number);
        if self.link(at, entry, directory.as_fd(), names, near)? != Linked::Done {
            return Ok(false);
        }
        self.count_linked(entry, true);
        self.inodes[number].store(at, Ordering::Relaxed);
        Ok(true)
    }

    /// Counts a name that was made; `saves` tells whether it would have been a copy.
    pub(super) fn count_linked(&self, entry: &TreeEntry, saves: bool) {
        let mut stats = self.stats();
        stats.linked_files += 1;
        if let (true, TreeKind::File { size, .. }) = (saves, &entry.kind) {
            stats.saved_bytes += size;
        }
    }

    /// An entry with its extended attributes, which were not read of what is known unchanged.
    fn whole_entry(&self, number: usize) -> io::Result<Cow<'a, TreeEntry>> {
        let entry = &self.entries[number];
        if self.plan.fates[number] == Fate::Read {
            return Ok(Cow::Borrowed(entry));
        }
        let mut entry = entry.clone();
        entry.metadata.xattrs = self.xattrs(&entry)?;
        Ok(Cow::Owned(entry))
    }

    /// The extended attributes that the source has now.
    pub(super) fn xattrs(&self, entry: &TreeEntry) -> io::Result<Vec<Xattr>> {
        let parent = entry.path.parent().unwrap_or_default();
        let name = entry.path.file_name().unwrap_or_default();
        let directory = self.source.open_directory(&parent)?;
        Ok(self
            .describer
            .xattrs(|| entry.path.clone(), directory.as_fd(), name))
    }

    /// Reads a file, and links or copies it.
    fn read(&self, number: usize) -> io::Result<()> {
        let entry = match self.whole_entry(number) {
            Ok(entry) => entry,
            Err(error) => {
                self.missing(&self.entries[number], &error);
                return Ok(());
            }
        };
        let entry = &*entry;
        let parent = entry.path.parent().unwrap_or_default();
        let directory = self.tree.open_directory(&parent)?;
        let mut near = NearDirectory::default();
        let began = SystemTime::now();
        self.stats().read_files += 1;
        let known = match self.hash_first(entry) {
            Ok(known) => known,
            Err(error) => {
                self.missing(entry, &error);
                return Ok(());
            }
        };
        if let Some(content) = &known {
            let key = Key::new(entry, content);
            if self.link_known(number, &key, &directory, &mut near)? {
                let ctime = entry.metadata.ctime;
                self.settled[number].store(is_before(ctime, began), Ordering::Relaxed);
                return Ok(());
            }
        }
        let names = self.plan.names_of(number);
        match self.copy(entry, directory.as_fd(), known.as_ref(), names, &mut near) {
            Ok(copied) => {
                self.inodes[number].store(copied.at, Ordering::Relaxed);
                self.settled[number].store(copied.settled, Ordering::Relaxed);
                Ok(())
            }
            Err(CopyError::Source(error)) => {
                self.missing(entry, &error);
                Ok(())
            }
            Err(CopyError::Destination(error)) => Err(error),
        }
    }

    /// The content of a file, if it may well be in the destination already. A file of a size that
    /// nothing there has is hashed while it is copied.
    fn hash_first(&self, entry: &TreeEntry) -> io::Result<Option<HashedFile>> {
        let size = entry.stamp().map_or(0, |stamp| stamp.size);
        if !self.index().has_size(size) {
            return Ok(None);
        }
        let progress = Progress::start(&Silent, "", Unit::Bytes, None);
        match hash_files_by(DigestKind::Data, self.source, &[entry], &progress).pop() {
            Some(Ok(content)) => Ok(Some(content)),
            // It is looked at anew.
            Some(Err(HashError::Changed)) | None => Ok(None),
            Some(Err(HashError::Read(error))) => Err(error),
        }
    }

    fn missing(&self, entry: &TreeEntry, error: &io::Error) {
        let what = format!("is not in the snapshot: {}", error_chain(error));
        self.monitor
            .problem(&Problem::text(entry.path.to_string(), what));
    }

    pub(super) fn node(&self, entry: &TreeEntry, directory: &OwnedFd) {
        let node = match &entry.kind {
            TreeKind::Symlink { target } => Node::Symlink(target.clone()),
            TreeKind::Fifo => Node::Fifo,
            TreeKind::CharDevice { major, minor } => Node::CharDevice(*major, *minor),
            TreeKind::BlockDevice { major, minor } => Node::BlockDevice(*major, *minor),
            TreeKind::File { .. } | TreeKind::Directory | TreeKind::Socket => return,
        };
        let name = OsStr::from_bytes(entry.path.file_name().unwrap_or_default());
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = node
            .make_at(directory.as_fd(), name)
            .and_then(|()| openat(directory, name, flags, Mode::empty()));
        match made {
            Ok(made) => {
                self.stats().special_files += 1;
                self.report(entry, &apply(made.as_fd(), &wanted(entry)));
            }
            Err(error) => self.missing(entry, &error.into()),
        }
    }

    /// Gives hard links of the source their further names.
    fn further_names(&self, progress: &Progress<'_>) {
        let mut near = NearDirectory::default();
        for (number, fate) in self.plan.fates.iter().enumerate() {
            let Fate::SameAs(first) = fate else { continue };
            self.guard(|| self.further_name(number, *first, &mut near));
            progress.advance(1);
        }
    }

    fn further_name(
        &self,
        number: usize,
        first: usize,
        near: &mut NearDirectory,
    ) -> io::Result<()> {
        let entry = &self.entries[number];
        let at = self.inodes[first].load(Ordering::Relaxed);
        if at == NONE {
            let first = &self.entries[first].path;
            let what = format!("is not in the snapshot: nor is {first}, which is the same file");
            self.monitor
                .problem(&Problem::text(entry.path.to_string(), what));
            return Ok(());
        }
        let parent = entry.path.parent().unwrap_or_default();
        let directory = self.tree.open_directory(&parent)?;
        if self.link(at, entry, directory.as_fd(), 1, near)? == Linked::Done {
            self.count_linked(entry, false);
            self.inodes[number].store(at, Ordering::Relaxed);
            let settled = self.settled[first].load(Ordering::Relaxed);
            self.settled[number].store(settled, Ordering::Relaxed);
            return Ok(());
        }
        // Without hard links the content at least is kept.
        self.read(number)
    }

    fn finish(self) -> Built {
        let inodes = self.inodes.iter().zip(&self.settled);
        let inodes: Vec<Option<(u32, bool)>> = inodes
            .map(|(inode, settled)| match inode.load(Ordering::Relaxed) {
                NONE => None,
                at => Some((at, settled.load(Ordering::Relaxed))),
            })
            .collect();
        let mut stats = *self.stats();
        for ((entry, inode), fate) in self.entries.iter().zip(&inodes).zip(&self.plan.fates) {
            if let (Some(_), TreeKind::File { size, .. }) = (inode, &entry.kind) {
                stats.tree_files += 1;
                if !matches!(fate, Fate::SameAs(_)) {
                    stats.tree_bytes += size;
                }
            }
        }
        Built {
            index: self
                .index
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            stats,
            inodes,
        }
    }
}
