//! Places small files of an archive on several threads, while the archive is read on.
//!
//! Files of one round may be placed in any order: no two have one path, and none has that of a directory that
//! was made before. Whatever else is placed waits for the end of the round where it could meet one of them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};
use hashget_files::place::{InTheWay, OpenDirectory, PlaceError, Placer, Wanted, is_hopeless};
use hashget_words::rel_path::{RelPath, display_bytes};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, statat};

use super::options::Overwrite;
use super::outcome::{Outcome, Tally};

/// Files up to this size are held in memory.
pub(super) const MOST_FILE_BYTES: u64 = 256 << 10;
/// A round ends when it has this many files or bytes, which is at most what it holds in memory.
const MOST_ROUND_FILES: usize = 4096;
const MOST_ROUND_BYTES: usize = 32 << 20;
/// So many files are handed over at once, as waking a thread costs as much as placing a file; more only where
/// the next is in the same directory.
const FEW: usize = 24;
const MANY: usize = 128;
/// How many batches wait for a thread.
const WAITING: usize = 4;

/// A file with all that is needed to place it.
pub(super) struct SmallFile {
    /// As the archive spells it.
    pub(super) name: Vec<u8>,
    pub(super) path: RelPath,
    /// The open directory of `path`.
    pub(super) directory: OpenDirectory,
    pub(super) content: Vec<u8>,
    pub(super) wanted: Wanted,
}

/// The threads' work: what is on its way to them, and how they place it.
pub(super) struct Workshop<'a> {
    placer: &'a Placer<'a>,
    overwrite: Overwrite,
    tally: &'a Tally<'a>,
    progress: Mutex<Progress>,
    is_idle: Condvar,
}

#[derive(Default)]
struct Progress {
    /// Batches that were handed over and are not done.
    open: usize,
    /// Why nothing more can be placed.
    hopeless: Option<io::Error>,
}

/// The reader's end.
pub(super) struct SmallFiles<'w> {
    workshop: &'w Workshop<'w>,
    /// One a thread: two that make files in one directory keep each other waiting.
    senders: Vec<Sender<Vec<SmallFile>>>,
    /// The thread that the batch goes to, if it goes on in the directory of the one before.
    same_thread: Option<usize>,
    batch: Vec<SmallFile>,
    paths: HashSet<RelPath>,
    bytes: usize,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(placer: &'a Placer<'a>, overwrite: Overwrite, tally: &'a Tally<'a>) -> Self {
        Self {
            placer,
            overwrite,
            tally,
            progress: Mutex::default(),
            is_idle: Condvar::new(),
        }
    }

    /// Starts `threads` that place files until the reader's end is dropped; with none, the reader places them.
    pub(super) fn open<'scope>(
        &'scope self,
        threads: usize,
        scope: &'scope Scope<'scope, '_>,
    ) -> SmallFiles<'scope> {
        let senders = (0..threads).map(|_| {
            let (sender, receiver) = bounded(WAITING);
            scope.spawn(move || self.work(&receiver));
            sender
        });
        SmallFiles {
            workshop: self,
            senders: senders.collect(),
            same_thread: None,
            batch: Vec::new(),
            paths: HashSet::new(),
            bytes: 0,
        }
    }

    fn work(&self, batches: &Receiver<Vec<SmallFile>>) {
        for batch in batches {
            // Counted as done even if a thread panics, as nobody could wait for it.
            let done = Done(self);
            if self.progress().hopeless.is_none() {
                self.place_all(batch);
            }
            drop(done);
        }
    }

    fn place_all(&self, batch: Vec<SmallFile>) {
        for file in batch {
            let placed = self.place(&file);
            if let Err(error) = &placed
                && is_hopeless(&error.source)
            {
                self.progress().hopeless = Some(copy_of(&error.source));
            }
            self.tally
                .count(&placed, || display_bytes(&file.name).into_owned());
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places a file, unless one of the same content is there.
    fn place(&self, file: &SmallFile) -> Result<Outcome, PlaceError> {
        let name = OsStr::from_bytes(file.path.file_name().unwrap_or_default());
        let there = statat(file.directory.handle(), name, AtFlags::SYMLINK_NOFOLLOW).ok();
        if let Some(stat) = there
            && let Some(outcome) = self.keep(file, name, &stat)?
        {
            return Ok(outcome);
        }
        let (placed, _) = self.placer.place_content(
            &file.path,
            &file.directory,
            &file.content,
            None,
            &file.wanted,
        )?;
        Ok(Outcome::of(placed, file.content.len() as u64))
    }

    /// What becomes of the file if what has its name stays.
    fn keep(
        &self,
        file: &SmallFile,
        name: &OsStr,
        there: &Stat,
    ) -> Result<Option<Outcome>, PlaceError> {
        let kind = FileType::from_raw_mode(there.st_mode);
        match (kind, self.overwrite) {
            // With `Always`, placing the file tells whether the directory is empty.
            (FileType::Directory, Overwrite::Never | Overwrite::Changed) => {
                Err(PlaceError::in_the_way("replace it", InTheWay::Directory))
            }
            (_, Overwrite::Never) => Ok(Some(Outcome::Kept)),
            (FileType::RegularFile, Overwrite::Changed) => {
                let same_size = u64::try_from(there.st_size) == Ok(file.content.len() as u64);
                match same_size.then(|| open(file, name)).transpose() {
                    Ok(Some(existing)) if has_content(&existing, &file.content) => {
                        self.placer.update_metadata(
                            &file.path,
                            &existing,
                            true,
                            None,
                            &file.wanted,
                        )?;
                        Ok(Some(Outcome::Unchanged))
                    }
                    // One that cannot be read is replaced.
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }
}

impl SmallFiles<'_> {
    /// Places `file` now or soon. Fails if it had to wait for one that showed that going on is of no use.
    pub(super) fn add(&mut self, file: SmallFile) -> io::Result<()> {
        if self.paths.len() >= MOST_ROUND_FILES || self.bytes >= MOST_ROUND_BYTES {
            self.end_round()?;
        }
        let last = self.batch.last().map(|last| &last.path);
        let goes_on = last.is_some_and(|last| are_neighbours(last, &file.path));
        let limit = if goes_on { MANY } else { FEW };
        if self.batch.len() >= limit {
            let thread = self.hand_over();
            self.same_thread = thread.filter(|_| goes_on);
        }
        self.bytes += file.content.len();
        self.paths.insert(file.path.clone());
        self.batch.push(file);
        Ok(())
    }

    /// Waits until nothing that is placed at `path` next can meet a file of this round.
    pub(super) fn make_way(&mut self, path: &RelPath) -> io::Result<()> {
        if self.paths.is_empty() {
            return Ok(());
        }
        let directories = &self.workshop.placer.directories;
        let mut meets = self.paths.contains(path) || directories.is_ready(path);
        let mut above = path.parent();
        // The directories that would be made for it.
        while let Some(directory) = above.filter(|directory| !directories.is_ready(directory)) {
            meets |= self.paths.contains(&directory);
            above = directory.parent();
        }
        if meets {
            self.end_round()?;
        }
        Ok(())
    }

    /// Waits until every file that was added is placed.
    pub(super) fn end_round(&mut self) -> io::Result<()> {
        self.hand_over();
        let mut progress = self.workshop.progress();
        while progress.open > 0 {
            let waited = self.workshop.is_idle.wait(progress);
            progress = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(progress);
        self.paths.clear();
        self.bytes = 0;
        self.check()
    }

    /// Gives the batch to a thread, and says which; without threads, places it.
    fn hand_over(&mut self) -> Option<usize> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return None;
        }
        let least = || (0..self.senders.len()).min_by_key(|number| self.senders[*number].len());
        let Some(number) = self.same_thread.take().or_else(least) else {
            self.workshop.place_all(batch);
            return None;
        };
        self.workshop.progress().open += 1;
        if self.senders[number].send(batch).is_err() {
            // A panic ended the thread, and will end this one.
            self.workshop.progress().open -= 1;
        }
        Some(number)
    }

    /// Fails if a file showed that going on is of no use.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.workshop.progress().hopeless {
            Some(error) => Err(copy_of(error)),
            None => Ok(()),
        }
    }
}

/// Counts a batch as done when it goes.
struct Done<'a, 'w>(&'a Workshop<'w>);

impl Drop for Done<'_, '_> {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.open -= 1;
        if progress.open == 0 {
            self.0.is_idle.notify_all();
        }
    }
}

/// Whether two files are in one directory.
fn are_neighbours(one: &RelPath, other: &RelPath) -> bool {
    let directory = |path: &RelPath| {
        let name = path.file_name().map_or(0, <[u8]>::len);
        path.as_bytes().len() - name
    };
    let (one, other) = (
        &one.as_bytes()[..directory(one)],
        &other.as_bytes()[..directory(other)],
    );
    one == other
}

/// Opens what has the name of `file` for reading.
fn open(file: &SmallFile, name: &OsStr) -> io::Result<File> {
    // Not blocking, because it may have become a FIFO meanwhile.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let directory = file.directory.handle();
    let opened = match openat(directory, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => openat(directory, name, flags, Mode::empty()),
        other => other,
    };
    Ok(opened?.into())
}

/// Whether a file holds just `content`.
fn has_content(mut file: &File, content: &[u8]) -> bool {
    let mut found = Vec::with_capacity(content.len() + 1);
    let limit = content.len() as u64 + 1;
    let read = Read::take(&mut file, limit).read_to_end(&mut found);
    read.is_ok() && found == content
}

fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
