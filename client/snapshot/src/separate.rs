//! Which files of a snapshot are one inode there, though they were several in the source.
//!
//! In the tree they cannot be told from hard links of the source. Restoring needs to know; without
//! this file, which may be deleted, they come back as hard links.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use hashget_words::rel_path::RelPath;

use super::builder::Built;
use super::destination::Destination;
use super::error::SnapshotError;
use super::name::SnapshotId;
use super::record_file::{Decoder, Encoder, RecordKind, load as load_body, prepare};
use hashget_files::tree::{FileId, TreeEntry};

/// For a name that shares its inode with others: which file of the source it was. Names of equal
/// numbers were hard links.
pub(super) type Separate = HashMap<RelPath, u64>;

/// Writes which files were separate, if any share an inode. Nothing is forced to disk.
pub(super) fn save(
    destination: &Destination,
    id: &SnapshotId,
    entries: &[TreeEntry],
    built: &Built,
) -> Result<(), SnapshotError> {
    let path = destination.own(&format!("{id}.separate"));
    let found = find(entries, built);
    if found.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SnapshotError::io("remove", &path)(error))
            }
            _ => Ok(()),
        };
    }
    let mut encoder = Encoder::default();
    encoder.count(found.len());
    for (path, number) in found {
        encoder.bytes(path.as_bytes());
        encoder.u64(number);
    }
    prepare(&path, RecordKind::Separate, encoder.body())?.place()
}

/// Reads which files were separate; nothing if that is not known.
pub(super) fn load(destination: &Destination, id: &SnapshotId) -> Result<Separate, SnapshotError> {
    let path = destination.own(&format!("{id}.separate"));
    let body = load_body(&path, RecordKind::Separate)?;
    Ok(body.and_then(|body| decode(&body)).unwrap_or_default())
}

fn find<'e>(entries: &'e [TreeEntry], built: &Built) -> Vec<(&'e RelPath, u64)> {
    let files = || {
        let files = entries.iter().zip(&built.inodes);
        files.filter_map(|(entry, inode)| Some((entry, (*inode)?.0, file_id(entry)?)))
    };
    let mut first: HashMap<u32, FileId> = HashMap::new();
    let mut shared: HashSet<u32> = HashSet::new();
    for (_, at, id) in files() {
        if *first.entry(at).or_insert(id) != id {
            shared.insert(at);
        }
    }
    let mut numbers: HashMap<FileId, u64> = HashMap::new();
    let mut found = Vec::new();
    for (entry, at, id) in files() {
        if shared.contains(&at) {
            let next = numbers.len() as u64;
            found.push((&entry.path, *numbers.entry(id).or_insert(next)));
        }
    }
    found
}

fn decode(body: &[u8]) -> Option<Separate> {
    let mut decoder = Decoder::new(body);
    let mut found = Separate::new();
    for _ in 0..decoder.count(12)? {
        found.insert(decoder.path()?, decoder.u64()?);
    }
    decoder.is_empty().then_some(found)
}

/// The file that an entry of a source is.
fn file_id(entry: &TreeEntry) -> Option<FileId> {
    entry.stamp().map(|stamp| stamp.id)
}
