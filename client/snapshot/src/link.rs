//! Gives files that the destination has already their names in a new snapshot.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;

use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, linkat};
use rustix::io::Errno;

use super::builder::Builder;
use super::index::{Judgement, Stored};
use super::key::Seen;
use hashget_files::monitor::{Level, Problem, Progress, Silent, Unit};
use hashget_files::tree::{DigestKind, TreeEntry, TreeRoot, hash_files_by, status_at};

/// What came of trying to link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linked {
    /// The file has the name.
    Done,
    /// It cannot have more names.
    Full,
    /// It is not there any more, or not what it was.
    Gone,
    /// The file system does not allow it.
    Refused,
}

/// The directory that files were last linked from; mostly the next one lies there too.
#[derive(Debug, Default)]
pub(super) struct NearDirectory(Option<(u32, RelPath, OwnedFd)>);

impl NearDirectory {
    fn open(&mut self, builder: &Builder<'_>, stored: &Stored) -> io::Result<BorrowedFd<'_>> {
        let parent = stored.path.parent().ok_or(Errno::ISDIR)?;
        let is_near =
            matches!(&self.0, Some((root, path, _)) if *root == stored.root && *path == parent);
        if !is_near {
            let root = builder.index().roots.get(stored.root as usize).cloned();
            let path = root.ok_or(Errno::NOENT)?.join_path(&parent);
            let directory = builder.destination.root().open_directory(&path)?;
            self.0 = Some((stored.root, parent, directory));
        }
        match &self.0 {
            Some((_, _, directory)) => Ok(directory.as_fd()),
            None => Err(Errno::NOENT.into()),
        }
    }
}

impl Builder<'_> {
    /// Gives inode `at` of the index the name of `entry`, in `directory`. `names` more names will
    /// be needed in all.
    pub(super) fn link(
        &self,
        at: u32,
        entry: &TreeEntry,
        directory: BorrowedFd<'_>,
        names: u64,
        near: &mut NearDirectory,
    ) -> Result<Linked, io::Error> {
        let Some(stored) = self.index().get(at).cloned() else {
            return Ok(Linked::Gone);
        };
        if self.abilities.no_links.load(Ordering::Relaxed) {
            return Ok(Linked::Refused);
        }
        let old_name = stored.path.file_name().unwrap_or_default().to_vec();
        let Some(seen) = self.look(at, &stored, entry, near) else {
            return Ok(Linked::Gone);
        };
        if seen.links.saturating_add(names) > self.options.most_links {
            return Ok(Linked::Full);
        }
        let old = near.open(self, &stored)?;
        let name = OsStr::from_bytes(entry.path.file_name().unwrap_or_default());
        match linkat(
            old,
            OsStr::from_bytes(&old_name),
            directory,
            name,
            AtFlags::empty(),
        ) {
            Ok(()) => {
                let mut index = self.index();
                index.linked(at, seen.links + 1, self.tree_number, &entry.path);
                Ok(Linked::Done)
            }
            Err(Errno::MLINK) => Ok(Linked::Full),
            Err(Errno::NOENT) => Ok(self.gone(at)),
            Err(error @ (Errno::PERM | Errno::OPNOTSUPP | Errno::XDEV | Errno::NOSYS)) => {
                self.refused(&stored, error);
                Ok(Linked::Refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The inode as it is now, if it is what the index says.
    pub(super) fn look(
        &self,
        at: u32,
        stored: &Stored,
        entry: &TreeEntry,
        near: &mut NearDirectory,
    ) -> Option<Seen> {
        let name = stored.path.file_name().unwrap_or_default();
        let status = near
            .open(self, stored)
            .and_then(|directory| Ok(status_at(directory, name)?));
        let Ok(status) = status else {
            self.gone(at);
            return None;
        };
        let seen = Seen::of(&status);
        if seen.id.device != self.destination.id().device {
            // Another file system is mounted there, where no link can lead to.
            self.gone(at);
            return None;
        }
        let touched = self.index().is_touched(at);
        let good = match stored.judge(&seen, touched) {
            Judgement::Good => true,
            Judgement::Suspect => self.is_still(stored, entry),
            Judgement::Changed => false,
        };
        if good {
            return Some(seen);
        }
        self.gone(at);
        let place = self.place_of(stored);
        let what = "was changed in the destination since it was saved: its source is saved anew, and \
                    the other snapshots that it is in have the change";
        self.monitor.problem(&Problem::text(place, what));
        None
    }

    fn gone(&self, at: u32) -> Linked {
        self.index().forget(at);
        Linked::Gone
    }

    fn place_of(&self, stored: &Stored) -> String {
        let root = self.index().roots.get(stored.root as usize).cloned();
        root.unwrap_or_default().join_path(&stored.path).to_string()
    }

    /// Reads the file and compares all with what is known and wanted.
    fn is_still(&self, stored: &Stored, entry: &TreeEntry) -> bool {
        let Ok((file, root, found)) = self.open_stored(stored) else {
            return false;
        };
        drop(file);
        let progress = Progress::start(&Silent, "", Unit::Bytes, None);
        let contents = hash_files_by(DigestKind::Data, &root, &[&found], &progress);
        matches!(&contents[..], [Ok(content)] if content.sha256 == stored.digest)
            && self
                .xattrs(entry)
                .is_ok_and(|xattrs| xattrs == found.metadata.xattrs)
    }

    /// Opens an inode of the index by the name that is known of it.
    pub(super) fn open_stored(&self, stored: &Stored) -> io::Result<(File, TreeRoot, TreeEntry)> {
        let root = self.index().roots.get(stored.root as usize).cloned();
        let root = root.ok_or(Errno::NOENT)?.under(self.destination.path());
        let root = TreeRoot::open(&root).map_err(|error| error.source)?;
        let file = root.open_file(&stored.path)?;
        let entry = self.describer.open_file(&file, &stored.path)?;
        Ok((file, root, entry))
    }

    fn refused(&self, stored: &Stored, error: Errno) {
        // One file may be special; a file system that lacks links fails for all.
        if stored.links <= 1
            && error != Errno::XDEV
            && !self.abilities.no_links.swap(true, Ordering::Relaxed)
        {
            let text = format!(
                "{} does not take hard links ({}): files are copied, and every snapshot takes as \
                 much space as its source",
                self.destination.path().display(),
                io::Error::from(error),
            );
            self.monitor.message(Level::Warning, &text);
        }
    }
}
