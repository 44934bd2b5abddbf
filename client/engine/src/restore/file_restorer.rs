//! Receives contents from packages and places the wanted ones.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_words::content_batch::ContentBatch;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::RestoreFile;
use rustix::io::Errno;

use super::stats::RestoreStats;
use super::untrusted::Screen;
use super::wanted_set::WantedSet;
use hashget_files::monitor::{Level, Monitor, Problem, Progress, Unit, error_chain};
use hashget_files::place::{
    ContentError, Holes, OpenDirectory, OwnerNames, PlaceError, Placed, Placer, Temp, Wanted,
    is_hopeless, write_content,
};

/// Contents up to this size are kept in memory until it is known whether they are wanted.
const SMALL: u64 = 1 << 20;

/// Small contents that may be wanted, put aside by one reader of packages.
pub(super) type Batch = ContentBatch<()>;

/// The directory where a file was placed last; most files come after others of their directory.
#[derive(Default)]
struct LastDirectory(Option<(RelPath, OpenDirectory)>);

/// Why the reading of a package stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing is wanted any more.
    Done,
    /// Nothing can be placed any more; [`FileRestorer::fatal`] has the reason.
    Fatal,
}

/// Places wanted contents, whoever finds them. Shared by all threads of a restore.
pub(super) struct FileRestorer<'a> {
    pub(super) list: &'a RestoreFile,
    pub(super) placer: &'a Placer<'a>,
    pub(super) wanted: WantedSet,
    pub(super) monitor: &'a dyn Monitor,
    owners: &'a OwnerNames,
    screen: &'a Screen<'a>,
    /// First names of hard links.
    firsts: HashSet<&'a RelPath>,
    progress: Progress<'a>,
    tally: Mutex<Tally>,
}

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) stats: RestoreStats,
    /// Files that cannot be placed, and why.
    pub(super) failed: BTreeMap<usize, String>,
    /// Packages that could not be fetched or read, and why.
    pub(super) package_failures: Vec<String>,
    fatal: Option<io::Error>,
}

impl<'a> FileRestorer<'a> {
    /// Takes what the `wanted` files of `list` need of `list`.
    pub(super) fn new(
        list: &'a RestoreFile,
        wanted: &[usize],
        placer: &'a Placer<'a>,
        owners: &'a OwnerNames,
        screen: &'a Screen<'a>,
        monitor: &'a dyn Monitor,
    ) -> Self {
        // Of a file whose size is not known nobody can say how much of the work it is.
        let total = wanted.iter().try_fold(0_u64, |sum, number| {
            Some(sum.saturating_add(list.files[*number].size?))
        });
        Self {
            list,
            placer,
            wanted: WantedSet::new(list, wanted),
            monitor,
            owners,
            screen,
            firsts: list
                .files
                .iter()
                .filter_map(|e| e.hardlink.as_ref())
                .collect(),
            progress: Progress::start(monitor, "restoring", Unit::Bytes, total),
            tally: Mutex::default(),
        }
    }

    /// What happened so far.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing can be placed any more.
    pub(super) fn is_broken(&self) -> bool {
        self.tally().fatal.is_some()
    }

    /// Why nothing can be placed any more.
    pub(super) fn fatal(&self) -> Option<io::Error> {
        self.tally().fatal.take()
    }

    /// Takes a content of `size` bytes, if it is wanted: hashes it while it passes, and places it
    /// wherever it belongs. An error of the source itself shows there.
    pub(super) fn offer(&self, content: &mut dyn Read, size: Option<u64>) -> Result<(), Stop> {
        if self.wanted.is_empty() {
            return Err(Stop::Done);
        }
        if self.wanted.candidate(size).is_none() {
            return Ok(());
        }
        let max = size.unwrap_or_else(|| self.wanted.largest());
        if max <= SMALL {
            self.offer_small(content, max)
        } else {
            self.offer_large(content, size, max)
        }
    }

    fn offer_small(&self, content: &mut dyn Read, max: u64) -> Result<(), Stop> {
        let mut data = Vec::new();
        match content.take(max + 1).read_to_end(&mut data) {
            Ok(read) if read as u64 <= max => {}
            _ => return Ok(()),
        }
        self.place_small(&Digest::of(&data), &data, &mut LastDirectory::default())
    }

    /// Like [`offer`](Self::offer) for one of many contents: a small one is put aside in `batch`.
    pub(super) fn offer_one_of_many(
        &self,
        content: &mut dyn Read,
        size: Option<u64>,
        batch: &mut Batch,
    ) -> Result<(), Stop> {
        let small = size
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size <= Batch::MAX_CONTENT_BYTES);
        let Some(small) = small else {
            return self.offer(content, size);
        };
        let wanted = self.wanted.len();
        if wanted == 0 {
            return Err(Stop::Done);
        }
        if self.wanted.candidate(size).is_none() || batch.take(content, small, ()).is_err() {
            return Ok(());
        }
        // What is put aside may be all that is still wanted: then reading on is of no use.
        if batch.is_full() || batch.len() >= wanted {
            return self.place_batch(batch);
        }
        Ok(())
    }

    /// Places the wanted ones of the contents that were put aside.
    pub(super) fn place_batch(&self, batch: &mut Batch) -> Result<(), Stop> {
        let mut directory = LastDirectory::default();
        batch.drain(|(), digest, content| self.place_small(&digest, content, &mut directory))
    }

    fn place_small(
        &self,
        digest: &Digest,
        content: &[u8],
        directory: &mut LastDirectory,
    ) -> Result<(), Stop> {
        let Some(files) = self.wanted.claim(digest) else {
            return Ok(());
        };
        let size = content.len() as u64;
        let mut source: Option<(File, Holes<'_>)> = None;
        for number in files {
            let result = match &source {
                None => self.write_small(number, content, directory).map(|written| {
                    let (placed, file) = written;
                    source = Some((file, entry_holes(&self.list.files[number])));
                    placed
                }),
                Some((file, holes)) => self.copy(number, file, size, *holes),
            };
            self.record(number, size, result)?;
        }
        Ok(())
    }

    fn write_small(
        &self,
        number: usize,
        content: &[u8],
        directory: &mut LastDirectory,
    ) -> Result<(Placed, File), PlaceError> {
        let entry = &self.list.files[number];
        let (path, holes, wanted) = (&entry.file, entry_holes(entry), self.metadata(number));
        if let Some(last) = directory.of(path) {
            match self
                .placer
                .place_content(path, last, content, holes, &wanted)
            {
                // The directory was removed or replaced meanwhile.
                Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
                done => return done,
            }
        }
        let opened = self.placer.open_directory(path)?;
        let done = self
            .placer
            .place_content(path, &opened, content, holes, &wanted);
        directory.0 = path.parent().map(|parent| (parent, opened));
        done
    }

    fn offer_large(&self, content: &mut dyn Read, size: Option<u64>, max: u64) -> Result<(), Stop> {
        let Some((guess, mut temp)) = self.temp_for(size)? else {
            return Ok(());
        };
        let holes = entry_holes(&self.list.files[guess]);
        let hasher = Some(Hasher::new());
        let (digest, size) = match write_content(content, &mut temp.file, holes, max, hasher) {
            Ok((Some(digest), size)) => (digest, size),
            Err(ContentError::Write(error)) => return self.abort(error),
            // Too long to be wanted, or the source failed and tells that itself.
            Ok((None, _)) | Err(_) => return Ok(()),
        };
        let Some(mut files) = self.wanted.claim(&digest) else {
            return Ok(());
        };
        let Ok(source) = temp.file.try_clone() else {
            return self.abort(Errno::NFILE.into());
        };
        // The guess was right: the file is beside its place already.
        if let Some(at) = files.iter().position(|number| *number == guess) {
            files.remove(at);
            let path = &self.list.files[guess].file;
            let result = self.placer.place(path, temp, &self.metadata(guess));
            self.record(guess, size, result)?;
        } else {
            drop(temp);
        }
        for number in files {
            self.record(number, size, self.copy(number, &source, size, holes))?;
        }
        Ok(())
    }

    /// A temporary file beside some file that may want a content of this size.
    fn temp_for(&self, size: Option<u64>) -> Result<Option<(usize, Temp)>, Stop> {
        while let Some(number) = self.wanted.candidate(size) {
            match self.placer.temp_beside(&self.list.files[number].file) {
                Ok(temp) => return Ok(Some((number, temp))),
                Err(error) => {
                    self.record(number, 0, Err(error))?;
                    self.wanted.give_up(&self.list.files[number].sha256, number);
                }
            }
        }
        Ok(None)
    }

    /// Places a copy of content that was checked and has `holes`.
    pub(super) fn copy(
        &self,
        number: usize,
        from: &File,
        size: u64,
        holes: Holes<'_>,
    ) -> Result<Placed, PlaceError> {
        let entry = &self.list.files[number];
        let own = entry_holes(entry);
        let wanted = self.metadata(number);
        self.placer
            .place_copy(&entry.file, (from, size), own, own == holes, &wanted)
    }

    /// Makes the metadata of a file that is in place right.
    pub(super) fn update_in_place(&self, number: usize) -> Result<(), PlaceError> {
        let entry = &self.list.files[number];
        let file = self
            .placer
            .target
            .file(&entry.file)
            .map_err(PlaceError::to("open it"))?;
        let alone = entry.hardlink.is_none() && !self.firsts.contains(&entry.file);
        let wanted = self.metadata(number);
        self.placer
            .update_metadata(&entry.file, &file, alone, entry_holes(entry), &wanted)
    }

    /// Tells that a name that should be a hard link has become a file of its own.
    pub(super) fn not_linked(&self, number: usize, first: &RelPath) {
        let path = self.list.files[number].file.to_string();
        let what = format!("it could not be linked to {first}, and is a copy");
        self.monitor.problem(&Problem::text(path, what));
    }

    /// Counts what became of a file.
    pub(super) fn record(
        &self,
        number: usize,
        size: u64,
        result: Result<Placed, PlaceError>,
    ) -> Result<(), Stop> {
        if matches!(result, Ok(Placed::New)) {
            self.progress.advance(size);
        }
        self.record_link(number, size, result)
    }

    /// Counts what became of another name of a file, whose bytes are no part of the progress: the
    /// first name's are.
    pub(super) fn record_link(
        &self,
        number: usize,
        size: u64,
        result: Result<Placed, PlaceError>,
    ) -> Result<(), Stop> {
        let mut tally = self.tally();
        match result {
            Ok(Placed::New) => {
                tally.stats.placed_files += 1;
                tally.stats.placed_bytes += size;
                drop(tally);
                let path = &self.list.files[number].file;
                self.monitor
                    .message(Level::Detail, &format!("restored {path}"));
                Ok(())
            }
            Ok(Placed::Kept) => {
                let why = "something else has its name, and nothing is to be overwritten";
                tally.failed.insert(number, why.to_owned());
                Ok(())
            }
            Err(error) => {
                tally.failed.insert(number, error_chain(&error));
                tally.stats.in_the_way_files += u64::from(error.is_in_the_way());
                drop(tally);
                if is_hopeless(&error.source) {
                    return self.abort(error.source);
                }
                Ok(())
            }
        }
    }

    fn metadata(&self, number: usize) -> Wanted {
        let all = self.list.version.is_some();
        let entry = &self.list.files[number];
        let wanted = Wanted::of_entry(entry, all, self.owners);
        self.screen.pass(&entry.file, wanted)
    }

    /// Stops everything where going on is of no use.
    fn abort(&self, error: io::Error) -> Result<(), Stop> {
        let mut tally = self.tally();
        tally.fatal.get_or_insert(error);
        Err(Stop::Fatal)
    }
}

impl LastDirectory {
    /// The directory, if `path` is in it.
    fn of(&self, path: &RelPath) -> Option<&OpenDirectory> {
        let (last, directory) = self.0.as_ref()?;
        (path.parent().as_ref() == Some(last)).then_some(directory)
    }
}

/// Where an entry's file has data.
pub(super) fn entry_holes(entry: &hashget_words::restore_file::RestoreEntry) -> Holes<'_> {
    entry.extents.as_deref()
}
