//! Builds the tree of a new snapshot, under a name that is no snapshot's.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use rayon::prelude::*;
use rustix::fs::{Mode, OFlags, openat};

use super::builder::{Builder, Built, NONE};
use super::copy::{CopyError, is_before, wanted};
use super::key::Key;
use super::link::{Linked, NearDirectory};
use super::plan::Fate;
use hashget_files::monitor::{Problem, Progress, Silent, Unit};
use hashget_files::place::apply;
use hashget_files::tree::{DigestKind, HashError, HashedFile, TreeEntry, TreeKind, hash_files_by};

impl<'a> Builder<'a> {
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

    pub(super) fn node(&self, entry: &TreeEntry, directory: &OwnedFd) {
        let TreeKind::Node(node) = &entry.kind else {
            return;
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
}
