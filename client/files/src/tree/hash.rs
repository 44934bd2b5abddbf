//! Digests of many files at once.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use hashget_words::sha256_lanes::digest_many;
use rayon::prelude::*;
use thiserror::Error;

use super::data_digest::{DigestKind, data_digest};
use super::entry::{FileStamp, TreeEntry};
use super::extents::{Extents, data_extents};
use super::root::{TreeRoot, file_stamp};
use crate::monitor::Progress;

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedFile {
    /// The SHA-256 of its content.
    pub sha256: Digest,
    /// Where it has data, if it has holes.
    pub extents: Option<Extents>,
}

/// Why a file has no digest.
#[derive(Debug, Error)]
pub enum HashError {
    /// It changed since it was listed, or while it was read.
    #[error("changed while it was read")]
    Changed,
    /// It could not be read.
    #[error("cannot read")]
    Read(#[from] io::Error),
}

crate::index_type! {
    /// Which of the files of a [`FileList`].
    pub struct FileIndex;
}

/// Regular files to hash.
pub trait FileList: Sync {
    /// How many they are.
    fn count(&self) -> usize;

    /// Where file `number` is.
    fn path(&self, number: FileIndex) -> RelPath;

    /// What file `number` was when it was listed; `None` if it is no regular file.
    fn stamp(&self, number: FileIndex) -> Option<FileStamp>;

    /// Whether file `number` was seen to have no extended attributes.
    fn is_plain(&self, number: FileIndex) -> bool;
}

impl FileList for [&TreeEntry] {
    fn count(&self) -> usize {
        self.len()
    }

    fn path(&self, number: FileIndex) -> RelPath {
        self[number.get()].path.clone()
    }

    fn stamp(&self, number: FileIndex) -> Option<FileStamp> {
        self[number.get()].stamp()
    }

    fn is_plain(&self, number: FileIndex) -> bool {
        self[number.get()].metadata.xattrs.is_empty()
    }
}

/// The outcome for one file, by its number.
type Outcome = (FileIndex, Result<HashedFile, HashError>);

/// Files up to this size are read whole and hashed beside each other; larger ones are streamed.
const SMALL_BYTES: u64 = 1 << 20;
/// How much a thread reads before it hashes: with [`BUFFER_BYTES`] all the memory it takes.
const BATCH_BYTES: u64 = 8 << 20;
const BUFFER_BYTES: usize = 256 * 1024;

/// Hashes regular files, on the threads of rayon, and gives the results in the order of `files`.
///
/// Memory is bounded by about 9 MiB for each thread. Each file is looked at before and after:
/// a digest is given only for content that stayed as the entry describes it.
pub fn hash_files(
    root: &TreeRoot,
    files: &[&TreeEntry],
    progress: &Progress<'_>,
) -> Vec<Result<HashedFile, HashError>> {
    hash_files_by(DigestKind::Content, root, files, progress)
}

/// Like [`hash_files`], with digests of this kind.
pub fn hash_files_by(
    kind: DigestKind,
    root: &TreeRoot,
    files: &[&TreeEntry],
    progress: &Progress<'_>,
) -> Vec<Result<HashedFile, HashError>> {
    let results = Mutex::new(Vec::with_capacity(files.len()));
    results_of(&results).resize_with(files.len(), || Err(HashError::Changed));
    hash_each_by(
        kind,
        root,
        files,
        (0..files.len()).map(FileIndex::from).collect(),
        progress,
        |outcomes| {
            let mut results = results_of(&results);
            for (number, result) in outcomes {
                results[number.get()] = result;
            }
        },
    );
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn results_of<T>(results: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panics ends the program with its panic; nobody sees half a result.
    results.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hashes the files with these numbers like [`hash_files`], and tells the outcomes, some at a
/// time and in any order, to `done`.
pub fn hash_each<F: FileList + ?Sized>(
    root: &TreeRoot,
    files: &F,
    numbers: Vec<FileIndex>,
    progress: &Progress<'_>,
    done: impl Fn(Vec<Outcome>) + Sync,
) {
    hash_each_by(DigestKind::Content, root, files, numbers, progress, done);
}

fn hash_each_by<F: FileList + ?Sized>(
    kind: DigestKind,
    root: &TreeRoot,
    files: &F,
    numbers: Vec<FileIndex>,
    progress: &Progress<'_>,
    done: impl Fn(Vec<Outcome>) + Sync,
) {
    let stamp = |number: &FileIndex| files.stamp(*number);
    let newest = numbers.iter().filter_map(stamp);
    wait_for_the_clock(newest.map(|stamp| stamp.ctime).max());
    let files_by_size = by_size(files, numbers);
    let batches = batches(files, &files_by_size);
    batches.into_par_iter().for_each(|batch| {
        done(match batch {
            [file] => {
                let number = file.number();
                vec![(number, hash_file(kind, root, files, number, progress))]
            }
            _ => hash_batch(root, files, batch, progress),
        });
    });
}

fn size<F: FileList + ?Sized>(files: &F, number: FileIndex) -> u64 {
    files.stamp(number).map_or(0, |stamp| stamp.size)
}

/// The number of a file, in the order of the files' sizes: what is above four gigabytes is the
/// largest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct BySize(u64);

impl BySize {
    fn new(size: u64, number: FileIndex) -> Self {
        let short = u32::try_from(size).unwrap_or(u32::MAX);
        Self(u64::from(u32::MAX - short) << 32 | u64::from(number.0))
    }

    fn number(self) -> FileIndex {
        let [_, _, _, _, number @ ..] = self.0.to_be_bytes();
        FileIndex(u32::from_be_bytes(number))
    }
}

/// The files by size, largest first, so that neighbours in the lanes of the hasher are about as
/// long.
fn by_size<F: FileList + ?Sized>(files: &F, numbers: Vec<FileIndex>) -> Vec<BySize> {
    let sized = numbers
        .into_iter()
        .map(|number| BySize::new(size(files, number), number));
    let mut sized: Vec<BySize> = sized.collect();
    sized.sort_unstable();
    sized
}

/// The large files alone, the small ones together.
fn batches<'n, F: FileList + ?Sized>(files: &F, sized: &'n [BySize]) -> Vec<&'n [BySize]> {
    let mut batches = Vec::new();
    let (mut start, mut room) = (0, 0);
    for (place, file) in sized.iter().enumerate() {
        // An empty file takes room too: there would be no end to their number.
        let bytes = size(files, file.number()).max(4096);
        if bytes > room {
            batches.push(&sized[start..place]);
            start = place;
            room = if bytes > SMALL_BYTES { 0 } else { BATCH_BYTES };
        }
        room = room.saturating_sub(bytes);
    }
    batches.push(&sized[start..]);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// Where a file that is as its entry says has data, if it has holes.
pub fn extents_of<F: FileList + ?Sized>(
    root: &TreeRoot,
    files: &F,
    number: FileIndex,
) -> Result<Option<Extents>, HashError> {
    Ok(Opened::open(root, files, number)?.extents)
}

/// A file that is as its entry says.
struct Opened {
    file: File,
    stamp: FileStamp,
    extents: Option<Extents>,
}

impl Opened {
    fn open<F: FileList + ?Sized>(
        root: &TreeRoot,
        files: &F,
        number: FileIndex,
    ) -> Result<Self, HashError> {
        let Some(stamp) = files.stamp(number) else {
            return Err(io::Error::other("no regular file").into());
        };
        let file = root.open_file(&files.path(number))?;
        let mut opened = Self {
            file,
            stamp,
            extents: None,
        };
        opened.check()?;
        // Not only where little is allocated: attributes are counted there, too.
        opened.extents = data_extents(&opened.file, stamp.size)?;
        Ok(opened)
    }

    fn check(&self) -> Result<(), HashError> {
        if file_stamp(&self.file)? == self.stamp {
            Ok(())
        } else {
            Err(HashError::Changed)
        }
    }
}

fn hash_batch<F: FileList + ?Sized>(
    root: &TreeRoot,
    files: &F,
    batch: &[BySize],
    progress: &Progress<'_>,
) -> Vec<Outcome> {
    let read: Vec<_> = batch
        .iter()
        .map(|file| {
            (
                file.number(),
                read_file(root, files, file.number(), progress),
            )
        })
        .collect();
    let contents: Vec<&[u8]> = read
        .iter()
        .filter_map(|(_, result)| result.as_ref().ok().map(|(content, _)| &content[..]))
        .collect();
    let mut digests = digest_many(&contents).into_iter();
    let mut hashed = |(_, extents)| {
        let sha256 = digests.next().ok_or(HashError::Changed)?;
        Ok(HashedFile { sha256, extents })
    };
    read.into_iter()
        .map(|(number, result)| (number, result.and_then(&mut hashed)))
        .collect()
}

type Content = (Vec<u8>, Option<Extents>);

fn read_file<F: FileList + ?Sized>(
    root: &TreeRoot,
    files: &F,
    number: FileIndex,
    progress: &Progress<'_>,
) -> Result<Content, HashError> {
    let opened = Opened::open(root, files, number)?;
    let mut content = Vec::with_capacity(usize::try_from(opened.stamp.size).unwrap_or(0) + 1);
    (&opened.file)
        .take(opened.stamp.size + 1)
        .read_to_end(&mut content)?;
    if content.len() as u64 != opened.stamp.size {
        return Err(HashError::Changed);
    }
    opened.check()?;
    progress.advance(opened.stamp.size);
    Ok((content, opened.extents))
}

fn hash_file<F: FileList + ?Sized>(
    kind: DigestKind,
    root: &TreeRoot,
    files: &F,
    number: FileIndex,
    progress: &Progress<'_>,
) -> Result<HashedFile, HashError> {
    let mut opened = Opened::open(root, files, number)?;
    if kind == DigestKind::Data
        && let Some(sha256) = data_digest(&opened.file, opened.stamp.size, opened.extents.as_ref())?
    {
        opened.check()?;
        progress.advance(opened.stamp.size);
        let extents = opened.extents;
        return Ok(HashedFile { sha256, extents });
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut hasher = Hasher::new();
    loop {
        match opened.file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                progress.advance(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if hasher.bytes() > opened.stamp.size {
            return Err(HashError::Changed);
        }
    }
    if hasher.bytes() != opened.stamp.size {
        return Err(HashError::Changed);
    }
    opened.check()?;
    Ok(HashedFile {
        sha256: hasher.finish(),
        extents: opened.extents,
    })
}

/// Waits until the file system's clock has ticked since `newest`, the last change of any file.
///
/// That clock may stand still for 10 ms. A file that was written, hashed and written again within one
/// tick would show the same times before and after.
fn wait_for_the_clock(newest: Option<Timestamp>) {
    const TICK: Duration = Duration::from_millis(12);
    let Some(newest) = newest.and_then(|time| {
        let seconds = u64::try_from(time.seconds).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, time.nanoseconds))
    }) else {
        return;
    };
    // A time in the future is not waited for: its distance is no measure of anything.
    if let Ok(age) = SystemTime::now().duration_since(newest)
        && let Some(rest) = TICK.checked_sub(age)
    {
        std::thread::sleep(rest);
    }
}

#[cfg(test)]
mod tests;
