//! Digests of many files at once.

use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use hashget_common::digest::Digest;
use hashget_common::hash_reader::Hasher;
use hashget_common::sha256_lanes::digest_many;
use rayon::prelude::*;
use thiserror::Error;

use super::entry::{FileStamp, TreeEntry, TreeKind};
use super::extents::data_extents;
use super::root::{TreeRoot, file_stamp};
use crate::monitor::Progress;

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedFile {
    /// The SHA-256 of its content.
    pub sha256: Digest,
    /// Where it has data, if it has holes.
    pub extents: Option<Vec<(u64, u64)>>,
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
    wait_for_the_clock(files);
    let mut results: Vec<(usize, Result<HashedFile, HashError>)> = batches(files)
        .into_par_iter()
        .flat_map_iter(|batch| match batch[..] {
            [place] => vec![(place, hash_file(root, files[place], progress))],
            _ => hash_batch(root, files, &batch, progress),
        })
        .collect();
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

fn size(entry: &TreeEntry) -> u64 {
    match entry.kind {
        TreeKind::File { size, .. } => size,
        _ => 0,
    }
}

/// The files by size, largest first: the large ones alone, the small ones together, so that
/// neighbours in the lanes of the hasher are about as long.
fn batches(files: &[&TreeEntry]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(size(files[*place])));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for place in order {
        // An empty file takes room too: there would be no end to their number.
        let bytes = size(files[place]).max(4096);
        match batches.last_mut() {
            Some(batch) if bytes <= room => batch.push(place),
            _ => {
                batches.push(vec![place]);
                room = if bytes > SMALL_BYTES { 0 } else { BATCH_BYTES };
            }
        }
        room = room.saturating_sub(bytes);
    }
    batches
}

/// Where a file that is as its entry says has data, if it has holes.
pub(crate) fn extents_of(
    root: &TreeRoot,
    entry: &TreeEntry,
) -> Result<Option<Vec<(u64, u64)>>, HashError> {
    Ok(Opened::open(root, entry)?.extents)
}

/// A file that is as its entry says.
struct Opened {
    file: File,
    stamp: FileStamp,
    size: u64,
    extents: Option<Vec<(u64, u64)>>,
}

impl Opened {
    fn open(root: &TreeRoot, entry: &TreeEntry) -> Result<Self, HashError> {
        let (Some(stamp), TreeKind::File { size, .. }) = (entry.stamp(), &entry.kind) else {
            return Err(io::Error::other("no regular file").into());
        };
        let file = root.open_file(&entry.path)?;
        let mut opened = Self {
            file,
            stamp,
            size: *size,
            extents: None,
        };
        opened.check()?;
        // Not only where little is allocated: attributes are counted there, too.
        opened.extents = data_extents(&opened.file, *size)?;
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

fn hash_batch(
    root: &TreeRoot,
    files: &[&TreeEntry],
    batch: &[usize],
    progress: &Progress<'_>,
) -> Vec<(usize, Result<HashedFile, HashError>)> {
    let read: Vec<_> = batch
        .iter()
        .map(|place| (*place, read_file(root, files[*place], progress)))
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
        .map(|(place, result)| (place, result.and_then(&mut hashed)))
        .collect()
}

type Content = (Vec<u8>, Option<Vec<(u64, u64)>>);

fn read_file(
    root: &TreeRoot,
    entry: &TreeEntry,
    progress: &Progress<'_>,
) -> Result<Content, HashError> {
    let opened = Opened::open(root, entry)?;
    let mut content = Vec::with_capacity(usize::try_from(opened.size).unwrap_or(0) + 1);
    (&opened.file)
        .take(opened.size + 1)
        .read_to_end(&mut content)?;
    if content.len() as u64 != opened.size {
        return Err(HashError::Changed);
    }
    opened.check()?;
    progress.advance(opened.size);
    Ok((content, opened.extents))
}

fn hash_file(
    root: &TreeRoot,
    entry: &TreeEntry,
    progress: &Progress<'_>,
) -> Result<HashedFile, HashError> {
    let mut opened = Opened::open(root, entry)?;
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
        if hasher.bytes() > opened.size {
            return Err(HashError::Changed);
        }
    }
    if hasher.bytes() != opened.size {
        return Err(HashError::Changed);
    }
    opened.check()?;
    Ok(HashedFile {
        sha256: hasher.finish(),
        extents: opened.extents,
    })
}

/// Waits until the file system's clock has ticked since the last change of any of `files`.
///
/// That clock may stand still for 10 ms. A file that was written, hashed and written again within one
/// tick would show the same times before and after.
fn wait_for_the_clock(files: &[&TreeEntry]) {
    const TICK: Duration = Duration::from_millis(12);
    let newest = files.iter().map(|entry| entry.metadata.ctime).max();
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
mod tests {
    use super::*;
    use crate::monitor::{Silent, Unit};
    use crate::tree::{WalkOptions, walk};

    #[test]
    fn files_of_every_size_have_the_digest_of_their_content() {
        let temp = tempfile::tempdir().unwrap();
        let sizes = [0, 1, 1023, 4096, 1 << 20, (1 << 20) + 1, 3 << 20];
        for (number, size) in sizes.into_iter().cycle().take(70).enumerate() {
            let content = vec![u8::try_from(number).unwrap(); size];
            std::fs::write(temp.path().join(format!("{number}")), content).unwrap();
        }
        let root = TreeRoot::open(temp.path()).unwrap();
        let entries = walk(&root, &WalkOptions::default(), &Silent);
        let files: Vec<&TreeEntry> = entries
            .iter()
            .filter(|entry| !entry.path.is_root())
            .collect();
        let progress = Progress::start(&Silent, "", Unit::Bytes, None);
        let hashed = hash_files(&root, &files, &progress);
        assert_eq!(hashed.len(), 70);
        for (entry, result) in files.iter().zip(hashed) {
            let content = std::fs::read(entry.path.under(temp.path())).unwrap();
            assert_eq!(
                result.unwrap().sha256,
                Digest::of(&content),
                "{}",
                entry.path
            );
        }
        let batches = batches(&files);
        assert!(batches.iter().all(|batch| {
            let bytes: u64 = batch.iter().map(|place| size(files[*place])).sum();
            batch.len() == 1 || bytes <= BATCH_BYTES + SMALL_BYTES
        }));
    }
}
