//! Brings files into the destination that it does not have.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use hashget_archive::Timestamp;
use hashget_words::hash_reader::Hasher;
use rustix::fs::{AtFlags, Mode, OFlags, ioctl_ficlone, openat, unlinkat};

use super::builder::Builder;
use super::index::Stored;
use super::key::{Key, Seen};
use super::link::NearDirectory;
use hashget_files::monitor::Problem;
use hashget_files::place::{ContentError, Wanted, apply, write_content, write_data};
use hashget_files::tree::{
    DataReader, DigestKind, Extents, HashedFile, TreeEntry, TreeKind, data_extents, digest_of,
    file_stamp, is_mostly_hole, status_of,
};

/// A file that was brought into the destination.
pub(super) struct Copied {
    /// Its number in the index.
    pub(super) at: u32,
    /// Whether its source did not change meanwhile, and cannot have changed unnoticed.
    pub(super) settled: bool,
}

/// Why a file was not brought into the destination.
pub(super) enum CopyError {
    /// Its source failed: this file is missing.
    Source(io::Error),
    /// The destination failed: so will all others.
    Destination(io::Error),
}

/// How a new file got its content.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Cloned,
    Copied,
}

impl Builder<'_> {
    /// Makes the file of `entry` in `directory`. If `known` tells its content, and the file system can
    /// share data, the data of another file is shared. It will have `names` names in all.
    pub(super) fn copy(
        &self,
        entry: &TreeEntry,
        directory: BorrowedFd<'_>,
        known: Option<&HashedFile>,
        names: u64,
        near: &mut NearDirectory,
    ) -> Result<Copied, CopyError> {
        let name = OsStr::from_bytes(entry.path.file_name().unwrap_or_default());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let out = openat(directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| CopyError::Destination(error.into()))?;
        let done = self.fill(entry, directory, File::from(out), known, names, near);
        if done.is_err() {
            // The tree has no name yet; what is left here goes with it.
            unlinkat(directory, name, AtFlags::empty()).unwrap_or_default();
        }
        done
    }

    fn fill(
        &self,
        entry: &TreeEntry,
        directory: BorrowedFd<'_>,
        mut out: File,
        known: Option<&HashedFile>,
        names: u64,
        near: &mut NearDirectory,
    ) -> Result<Copied, CopyError> {
        let shared = match known {
            Some(content) => self.share(entry, content, &out, near),
            None => None,
        };
        let (entry, content, settled, way) = if let Some(content) = shared {
            (entry.clone(), content, true, Way::Cloned)
        } else {
            let (entry, content, settled) = self.write(entry, &mut out)?;
            (entry, content, settled, Way::Copied)
        };
        self.report(&entry, &apply(out.as_fd(), &wanted(&entry)));
        let key = Key::new(&entry, &content);
        if way == Way::Copied
            && let Some(at) = self.link_instead(&entry, key, directory, names, near)?
        {
            return Ok(Copied { at, settled });
        }
        let status = status_of(&out).map_err(|error| CopyError::Destination(error.into()))?;
        let seen = Seen::of(&status);
        let stored = Stored {
            key,
            digest: content.sha256,
            inode: seen.id.inode,
            looks: seen.looks,
            links: 1,
            checked: seen.ctime,
            root: self.tree_number,
            path: entry.path.clone(),
        };
        let at = self.index().add_new(stored);
        self.count_new(way, seen.looks.size);
        Ok(Copied { at, settled })
    }

    fn count_new(&self, way: Way, size: u64) {
        let mut stats = self.stats();
        let stats = &mut *stats;
        let (files, bytes) = match way {
            Way::Cloned => (&mut stats.cloned_files, &mut stats.cloned_bytes),
            Way::Copied => (&mut stats.copied_files, &mut stats.copied_bytes),
        };
        *files += 1;
        *bytes += size;
    }

    /// If another thread brought the same file meanwhile, links to that one and drops ours.
    fn link_instead(
        &self,
        entry: &TreeEntry,
        key: Key,
        directory: BorrowedFd<'_>,
        names: u64,
        near: &mut NearDirectory,
    ) -> Result<Option<u32>, CopyError> {
        let Some(at) = self.index().by_key(&key) else {
            return Ok(None);
        };
        let is_new = self
            .index()
            .get(at)
            .is_some_and(|stored| stored.root == self.tree_number);
        if !is_new {
            return Ok(None);
        }
        let failed = |error: io::Error| CopyError::Destination(error);
        let name = OsStr::from_bytes(entry.path.file_name().unwrap_or_default());
        let aside = super::destination::partial_name().map_err(io::Error::other);
        let aside = aside.map_err(failed)?;
        rustix::fs::renameat(directory, name, directory, aside.as_str())
            .map_err(|error| failed(error.into()))?;
        let linked = self
            .link(at, entry, directory, names, near)
            .map_err(failed)?;
        if linked == super::link::Linked::Done {
            unlinkat(directory, aside.as_str(), AtFlags::empty())
                .map_err(|error| failed(error.into()))?;
            self.count_linked(entry, true);
            return Ok(Some(at));
        }
        rustix::fs::renameat(directory, aside.as_str(), directory, name)
            .map_err(|error| failed(error.into()))?;
        Ok(None)
    }

    /// Copies the source's content; gives the file as it was when it was read.
    fn write(
        &self,
        entry: &TreeEntry,
        out: &mut File,
    ) -> Result<(TreeEntry, HashedFile, bool), CopyError> {
        const TRIES: usize = 3;
        let mut last = None;
        for _ in 0..TRIES {
            let began = SystemTime::now();
            let file = self.source.open_file(&entry.path);
            let file = file.map_err(CopyError::Source)?;
            let before = file_stamp(&file).map_err(CopyError::Source)?;
            let now = if entry.stamp() == Some(before) {
                entry.clone()
            } else {
                let described = self.describer.open_file(&file, &entry.path);
                described.map_err(CopyError::Source)?
            };
            let content = copy_once(&file, &now, out)?;
            let after = file_stamp(&file).map_err(CopyError::Source)?;
            if after == before {
                let settled = is_before(before.ctime, began) && entry.stamp() == Some(before);
                return Ok((now, content, settled));
            }
            last = Some((now, content, false));
        }
        let what = "changed while it was read: it may be saved as it never was";
        self.monitor
            .problem(&Problem::text(entry.path.to_string(), what));
        last.ok_or_else(|| CopyError::Source(io::Error::other("changed while it was read")))
    }

    /// Shares the data of a file with this content: one of the destination, or the source itself.
    fn share(
        &self,
        entry: &TreeEntry,
        content: &HashedFile,
        out: &File,
        near: &mut NearDirectory,
    ) -> Option<HashedFile> {
        if self.abilities.no_clones.load(Ordering::Relaxed) || entry.stamp()?.size == 0 {
            return None;
        }
        let at = self.index().by_digest(&content.sha256)?;
        let stored = self.index().get(at).cloned()?;
        self.look(at, &stored, entry, near)?;
        let (file, _, _) = self.open_stored(&stored).ok()?;
        if ioctl_ficlone(out, &file).is_err() {
            self.abilities.no_clones.store(true, Ordering::Relaxed);
            return None;
        }
        let extents = data_extents(out, entry.stamp()?.size).ok()?;
        // Equal content may lie elsewhere in its file.
        (extents == content.extents).then(|| content.clone())
    }
}

/// How much is read of a file whose size says 0.
const MOST_UNSIZED_BYTES: u64 = 4 << 20;

fn copy_once(file: &File, entry: &TreeEntry, out: &mut File) -> Result<HashedFile, CopyError> {
    let TreeKind::File {
        size,
        allocated_bytes,
        ..
    } = entry.kind
    else {
        return Err(CopyError::Source(io::Error::other("no regular file")));
    };
    let extents = if allocated_bytes < size {
        data_extents(file, size).map_err(CopyError::Source)?
    } else {
        None
    };
    let restarted = out.set_len(0).and_then(|()| out.rewind());
    restarted.map_err(CopyError::Destination)?;
    let mut source = file.take(size);
    let failed = |error| match error {
        ContentError::Read(error) => CopyError::Source(error),
        ContentError::Write(error) => CopyError::Destination(error),
        ContentError::TooLong(_) => {
            CopyError::Source(io::Error::other("its size says 0 bytes, and it has no end"))
        }
    };
    let by_data = |out: &File| digest_of(out, size, DigestKind::Data);
    let data_bytes = |extents: &Extents| extents.iter().map(|(_, length)| length).sum();
    if let Some(extents) = &extents
        && is_mostly_hole(size, data_bytes(extents))
    {
        let mut data = DataReader::new(file, extents.clone());
        write_data(&mut data, out, extents, size).map_err(failed)?;
        let sha256 = by_data(out).map_err(CopyError::Destination)?;
        let extents = Some(extents.clone());
        return Ok(HashedFile { sha256, extents });
    }
    let hasher = Some(Hasher::new());
    let written = if size == 0 {
        // Files of /proc say so, and have content.
        let mut source = file;
        write_content(&mut source, out, None, MOST_UNSIZED_BYTES, hasher)
    } else {
        write_content(&mut source, out, extents.as_deref(), u64::MAX, hasher)
    };
    let (digest, written) = written.map_err(failed)?;
    let sha256 = match digest {
        Some(digest) if written != size || !is_mostly_hole(size, 0) => digest,
        _ => by_data(out).map_err(CopyError::Destination)?,
    };
    Ok(HashedFile { sha256, extents })
}

/// Whether `time` lies so far before `moment` that a change at `moment` would have another time:
/// the clock of file systems may stand still for 10 ms, and some count in seconds or two.
pub(super) fn is_before(time: Timestamp, moment: SystemTime) -> bool {
    const TICK: Duration = Duration::from_millis(20);
    const COARSE_TICK: Duration = Duration::from_millis(2020);
    let tick = if time.nanoseconds == 0 {
        COARSE_TICK
    } else {
        TICK
    };
    let Ok(seconds) = u64::try_from(time.seconds) else {
        return true;
    };
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::new(seconds, time.nanoseconds))
        .and_then(|time| time.checked_add(tick))
        .is_some_and(|time| time < moment)
}

/// All that is to be set of an entry.
pub(super) fn wanted(entry: &TreeEntry) -> Wanted {
    let metadata = &entry.metadata;
    Wanted {
        user: Some(metadata.uid),
        group: Some(metadata.gid),
        mode: Some(metadata.mode),
        xattrs: Some(metadata.xattrs.clone()),
        atime: Some(metadata.atime),
        mtime: Some(metadata.mtime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_trusted_once_the_clock_that_gave_it_has_ticked() {
        let after = |nanoseconds, milliseconds| {
            let seconds = 1_700_000_000;
            let time = Timestamp {
                seconds,
                nanoseconds,
            };
            let moment = Duration::new(1_700_000_000, nanoseconds);
            let moment = SystemTime::UNIX_EPOCH + moment + Duration::from_millis(milliseconds);
            is_before(time, moment)
        };
        assert!(!after(5, 20) && after(5, 21));
        // FAT counts in two seconds, others in one.
        assert!(!after(0, 21) && !after(0, 2020) && after(0, 2021));
    }
}
