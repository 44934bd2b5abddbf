//! What the source of a row was like when it was last saved: what quick mode relies on.

use std::collections::HashMap;
use std::path::Path;

use hashget_words::rel_path::RelPath;

use super::error::SnapshotError;
use super::key::Key;
use super::record_file::{Decoder, Encoder, Prepared, RecordKind, load, prepare};
use hashget_files::tree::{FileId, FileStamp, TreeEntry};

/// A file of the source, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceFile {
    pub(super) path: RelPath,
    pub(super) stamp: FileStamp,
    pub(super) key: Key,
}

/// The files of a source, as they were.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    by_path: HashMap<RelPath, (FileStamp, Key)>,
    by_id: HashMap<FileId, (FileStamp, Key)>,
}

/// The least that a file takes.
const FILE_BYTES: usize = 84;

impl SourceState {
    /// A state of these files.
    pub(super) fn new(files: impl IntoIterator<Item = SourceFile>) -> Self {
        let mut state = Self::default();
        for SourceFile { path, stamp, key } in files {
            state.by_id.insert(stamp.id, (stamp, key));
            state.by_path.insert(path, (stamp, key));
        }
        state
    }

    /// What the file was saved as, if it is still as it was then.
    ///
    /// A file is known by its path, whatever number its device has after a restart; or, when a
    /// directory above it was renamed, by its device and inode.
    pub(super) fn unchanged(&self, entry: &TreeEntry) -> Option<Key> {
        let now = entry.stamp()?;
        let anywhere = |(mut stamp, key): (FileStamp, Key)| {
            stamp.id.device = now.id.device;
            (stamp == now).then_some(key)
        };
        let here = self.by_path.get(&entry.path).copied().and_then(anywhere);
        here.or_else(|| {
            let (stamp, key) = self.by_id.get(&now.id)?;
            (*stamp == now).then_some(*key)
        })
    }

    /// Reads a state; an empty one if there is none that can be used.
    pub(super) fn load(path: &Path) -> Result<Self, SnapshotError> {
        let body = load(path, RecordKind::State)?;
        let files = body.and_then(|body| decode(&body)).unwrap_or_default();
        Ok(Self::new(files))
    }

    /// Writes the state of `files`, but does not yet give it its name.
    pub(super) fn prepare(path: &Path, files: &[SourceFile]) -> Result<Prepared, SnapshotError> {
        let mut encoder = Encoder::default();
        encoder.count(files.len());
        for file in files {
            encoder.bytes(file.path.as_bytes());
            encoder.u64(file.stamp.id.device);
            encoder.u64(file.stamp.id.inode);
            encoder.u64(file.stamp.size);
            encoder.time(file.stamp.mtime);
            encoder.time(file.stamp.ctime);
            encoder.digest(&file.key.0);
        }
        prepare(path, RecordKind::State, encoder.body())
    }
}

fn decode(body: &[u8]) -> Option<Vec<SourceFile>> {
    let mut decoder = Decoder::new(body);
    let count = decoder.count(FILE_BYTES)?;
    let mut files = Vec::with_capacity(count);
    for _ in 0..count {
        files.push(SourceFile {
            path: decoder.path()?,
            stamp: FileStamp {
                id: FileId {
                    device: decoder.u64()?,
                    inode: decoder.u64()?,
                },
                size: decoder.u64()?,
                mtime: decoder.time()?,
                ctime: decoder.time()?,
            },
            key: Key(decoder.digest()?),
        });
    }
    decoder.is_empty().then_some(files)
}
