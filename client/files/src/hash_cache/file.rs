//! The file of stamps and digests of one tree (`docs/format.md`).

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::sha256_lanes::digest_many;

use crate::atomic_file::{AtomicFile, Place};
use crate::tree::{FileId, FileStamp};

const MAGIC: &[u8; 8] = b"hgdigest";
const VERSION: u32 = 2;
/// Magic, version, the tree's root, the number of entries.
const HEAD_BYTES: usize = 8 + 4 + 16 + 8;
const DIGEST_BYTES: usize = 32;
/// Device, inode, size, two times, flags, digest.
const ENTRY_BYTES: usize = 8 * 3 + 12 * 2 + 1 + DIGEST_BYTES;
const BLOCK_ENTRIES: usize = 800;
/// A block's number, then its entries.
const BLOCK_BYTES: usize = 8 + BLOCK_ENTRIES * ENTRY_BYTES;
/// So many blocks are read and checked at once: as many as the hasher has lanes.
const GROUP_BLOCKS: usize = 16;
const SPARSE: u8 = 1;
const PLAIN: u8 = 2;

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) stamp: FileStamp,
    pub(super) is_sparse: bool,
    /// Whether it has no extended attributes.
    pub(super) is_plain: bool,
    pub(super) sha256: Digest,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged: {what}"))
}

/// Reads entries in their order.
pub(super) struct Reader {
    file: File,
    entries: u64,
    /// Entries that are not read from the file yet.
    unread: u64,
    next_block: u64,
    /// Entries that were read and checked, last first.
    ready: Vec<Known>,
    last: Option<FileId>,
}

impl Reader {
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        let mut head = [0; HEAD_BYTES + DIGEST_BYTES];
        file.read_exact(&mut head)?;
        let (head, digest) = head.split_at(HEAD_BYTES);
        if !head.starts_with(MAGIC) || head[8..12] != VERSION.to_le_bytes() {
            return Err(damaged("it is of another kind or version"));
        }
        if Digest::of(head).as_bytes() != digest {
            return Err(damaged("its head"));
        }
        let mut fields = Fields(&head[28..]);
        let entries = fields.u64();
        Ok(Self {
            file,
            entries,
            unread: entries,
            next_block: 0,
            ready: Vec::new(),
            last: None,
        })
    }

    /// How many entries the file holds.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    pub(super) fn next_known(&mut self) -> io::Result<Option<Known>> {
        if self.ready.is_empty() {
            self.read_group()?;
        }
        let known = self.ready.pop();
        if let Some(Known { stamp, .. }) = &known
            && self.last.replace(stamp.id) >= Some(stamp.id)
        {
            return Err(damaged("its entries are not in order"));
        }
        Ok(known)
    }

    fn read_group(&mut self) -> io::Result<()> {
        let mut lengths = Vec::with_capacity(GROUP_BLOCKS);
        while self.unread > 0 && lengths.len() < GROUP_BLOCKS {
            let entries = self.unread.min(BLOCK_ENTRIES as u64);
            self.unread -= entries;
            let entries = usize::try_from(entries).map_err(io::Error::other)?;
            lengths.push(8 + entries * ENTRY_BYTES);
        }
        let total: usize = lengths.iter().map(|length| length + DIGEST_BYTES).sum();
        let mut group = vec![0; total];
        self.file.read_exact(&mut group)?;
        if self.unread == 0 && self.file.read(&mut [0])? != 0 {
            return Err(damaged("something follows its end"));
        }
        let mut rest = &group[..];
        let mut blocks = Vec::with_capacity(GROUP_BLOCKS);
        let mut digests = Vec::with_capacity(GROUP_BLOCKS);
        for length in lengths {
            let (block, tail) = rest.split_at(length);
            let (digest, tail) = tail.split_at(DIGEST_BYTES);
            blocks.push(block);
            digests.push(digest);
            rest = tail;
        }
        for (digest, expected) in digest_many(&blocks).iter().zip(digests) {
            if digest.as_bytes() != expected {
                return Err(damaged("a block"));
            }
        }
        for block in blocks {
            let (number, entries) = block.split_at(8);
            if number != self.next_block.to_le_bytes() {
                return Err(damaged("its blocks are not in order"));
            }
            self.next_block += 1;
            self.ready
                .extend(entries.chunks_exact(ENTRY_BYTES).map(decode));
        }
        self.ready.reverse();
        Ok(())
    }
}

/// Writes the `count` entries of `known`, which are sorted by file, to `path`: under its name only
/// when it is whole.
pub(super) fn write(
    path: &Path,
    root: FileId,
    count: u64,
    known: impl Iterator<Item = Known>,
) -> io::Result<()> {
    let place = Place::find(path)?;
    place.clean()?;
    let mut out = BufWriter::with_capacity(256 * 1024, AtomicFile::create(place)?);
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    for number in [root.device, root.inode, count] {
        head.extend_from_slice(&number.to_le_bytes());
    }
    out.write_all(&head)?;
    out.write_all(Digest::of(&head).as_bytes())?;
    let mut known = known.peekable();
    let mut number = 0_u64;
    while known.peek().is_some() {
        let mut blocks = Vec::with_capacity(GROUP_BLOCKS);
        while blocks.len() < GROUP_BLOCKS && known.peek().is_some() {
            blocks.push(encode_block(number, known.by_ref().take(BLOCK_ENTRIES)));
            number += 1;
        }
        let slices: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
        for (block, digest) in blocks.iter().zip(digest_many(&slices)) {
            out.write_all(block)?;
            out.write_all(digest.as_bytes())?;
        }
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.commit()?;
    Ok(())
}

fn encode_block(number: u64, known: impl Iterator<Item = Known>) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    block.extend_from_slice(&number.to_le_bytes());
    for known in known {
        let FileStamp {
            id,
            size,
            mtime,
            ctime,
        } = known.stamp;
        for number in [id.device, id.inode, size] {
            block.extend_from_slice(&number.to_le_bytes());
        }
        for time in [mtime, ctime] {
            block.extend_from_slice(&time.seconds.to_le_bytes());
            block.extend_from_slice(&time.nanoseconds.to_le_bytes());
        }
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        block.push(flag(known.is_sparse, SPARSE) | flag(known.is_plain, PLAIN));
        block.extend_from_slice(known.sha256.as_bytes());
    }
    block
}

fn decode(entry: &[u8]) -> Known {
    let mut fields = Fields(entry);
    let id = FileId {
        device: fields.u64(),
        inode: fields.u64(),
    };
    let stamp = FileStamp {
        id,
        size: fields.u64(),
        mtime: fields.time(),
        ctime: fields.time(),
    };
    let [flags] = fields.bytes();
    Known {
        stamp,
        is_sparse: flags & SPARSE != 0,
        is_plain: flags & PLAIN != 0,
        sha256: Digest::from_bytes(fields.bytes()),
    }
}

/// Takes numbers from the front; what is not there is zeros.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *taken
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn time(&mut self) -> Timestamp {
        Timestamp {
            seconds: i64::from_le_bytes(self.bytes()),
            nanoseconds: u32::from_le_bytes(self.bytes()),
        }
    }
}
