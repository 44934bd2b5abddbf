//! The index as a file.

use std::path::Path;

use hashget_words::rel_path::RelPath;

use super::{Index, Stored};
use crate::error::SnapshotError;
use crate::key::{Key, Looks};
use crate::record_file::{Decoder, Encoder, Prepared, RecordKind, load, prepare, save};

/// The least that an inode takes.
const STORED_BYTES: usize = 128;

impl Index {
    /// Reads the index of the destination whose own directory has number `home`; `None` if there is
    /// none that can be used.
    ///
    /// A destination that was copied has other inodes, so that its index means nothing.
    pub(crate) fn load(path: &Path, home: u64) -> Result<Option<Self>, SnapshotError> {
        let body = load(path, RecordKind::Index)?;
        Ok(body.and_then(|body| decode(&body, home)))
    }

    /// Writes the index.
    pub(crate) fn save(&self, path: &Path, home: u64) -> Result<(), SnapshotError> {
        save(path, RecordKind::Index, self.encode(home).body())
    }

    /// Writes the index, but does not yet give it its name.
    pub(crate) fn prepare(&self, path: &Path, home: u64) -> Result<Prepared, SnapshotError> {
        prepare(path, RecordKind::Index, self.encode(home).body())
    }

    fn encode(&self, home: u64) -> Encoder {
        let mut encoder = Encoder::default();
        encoder.u64(home);
        encoder.count(self.roots.len());
        for root in &self.roots {
            encoder.bytes(root.as_bytes());
        }
        encoder.count(self.iter().count());
        for (_, stored) in self.iter() {
            encode(&mut encoder, stored);
        }
        encoder
    }
}

fn encode(encoder: &mut Encoder, stored: &Stored) {
    encoder.digest(&stored.key.0);
    encoder.digest(&stored.digest);
    encoder.u64(stored.inode);
    encoder.u64(stored.looks.size);
    encoder.time(stored.looks.mtime);
    encoder.u32(stored.looks.mode);
    encoder.u32(stored.looks.uid);
    encoder.u32(stored.looks.gid);
    encoder.u64(stored.links);
    encoder.time(stored.checked);
    encoder.u32(stored.root);
    encoder.bytes(stored.path.as_bytes());
}

fn decode(body: &[u8], home: u64) -> Option<Index> {
    let mut decoder = Decoder::new(body);
    if decoder.u64()? != home {
        return None;
    }
    let mut roots: Vec<RelPath> = Vec::new();
    for _ in 0..decoder.count(4)? {
        roots.push(decoder.path()?);
    }
    let mut index = Index {
        roots,
        ..Index::default()
    };
    for _ in 0..decoder.count(STORED_BYTES)? {
        let stored = decode_stored(&mut decoder)?;
        index.roots.get(stored.root as usize)?;
        index.add(stored);
    }
    (decoder.is_empty() && !index.roots.is_empty()).then_some(index)
}

fn decode_stored(decoder: &mut Decoder<'_>) -> Option<Stored> {
    Some(Stored {
        key: Key(decoder.digest()?),
        digest: decoder.digest()?,
        inode: decoder.u64()?,
        looks: Looks {
            size: decoder.u64()?,
            mtime: decoder.time()?,
            mode: decoder.u32()?,
            uid: decoder.u32()?,
            gid: decoder.u32()?,
        },
        links: decoder.u64()?,
        checked: decoder.time()?,
        root: decoder.u32()?,
        path: decoder.path()?,
    })
}
