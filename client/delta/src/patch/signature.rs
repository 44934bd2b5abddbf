//! The sums of a file's blocks.

use std::io::{self, Read};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::sha256_lanes::digest_many;
use thiserror::Error;

use super::rolling;

/// How much of a block's SHA-256 is kept: enough that no two blocks are taken for each other, by
/// chance or on purpose.
pub(super) const STRONG_BYTES: usize = 16;
const LEAST_BLOCK_BYTES: u64 = 1024;
const MOST_BLOCK_BYTES: u64 = 1 << 20;
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + 4 + 8 + Digest::BYTES;
const SUM_BYTES: usize = 4 + STRONG_BYTES;

/// What is remembered of an old file, so that a later version can be told as a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub(super) block_bytes: u32,
    pub(super) size: u64,
    pub(super) sha256: Digest,
    pub(super) blocks: Vec<BlockSum>,
}

/// The sums of one block; the last block of a file may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockSum {
    pub(super) weak: u32,
    pub(super) strong: [u8; STRONG_BYTES],
}

/// Why there is no signature.
#[derive(Debug, Error)]
pub enum SignatureError {
    /// The file could not be read.
    #[error("cannot read the file")]
    Read(#[from] io::Error),
    /// The file does not have the size that was said.
    #[error("the file changed while it was read")]
    Changed,
    /// The bytes are no signature.
    #[error("the block signature is damaged: {0}")]
    Damaged(&'static str),
}

/// Reads a file of `size` bytes and makes its signature, in memory of about √`size`.
pub fn signature(reader: &mut dyn Read, size: u64) -> Result<Signature, SignatureError> {
    let block_bytes = block_bytes(size);
    // Enough blocks to keep all lanes busy.
    let many = (1_usize << 20).max(block_bytes as usize * 16);
    let mut buffer = vec![0; many - many % block_bytes as usize];
    let mut hasher = Hasher::new();
    let mut blocks = Vec::new();
    loop {
        let count = fill(reader, &mut buffer)?;
        if count == 0 {
            break;
        }
        let piece = &buffer[..count];
        hasher.update(piece);
        if hasher.bytes() > size {
            return Err(SignatureError::Changed);
        }
        sums(piece, block_bytes as usize, &mut blocks);
    }
    if hasher.bytes() != size {
        return Err(SignatureError::Changed);
    }
    Ok(Signature {
        block_bytes,
        size,
        sha256: hasher.finish(),
        blocks,
    })
}

fn sums(piece: &[u8], block_bytes: usize, sums: &mut Vec<BlockSum>) {
    let blocks: Vec<&[u8]> = piece.chunks(block_bytes).collect();
    let digests = digest_many(&blocks);
    sums.extend(blocks.iter().zip(&digests).map(|(block, digest)| BlockSum {
        weak: rolling::sum(block),
        strong: strong(digest),
    }));
}

/// The part of a digest that is kept.
pub(super) fn strong(digest: &Digest) -> [u8; STRONG_BYTES] {
    let mut strong = [0; STRONG_BYTES];
    strong.copy_from_slice(&digest.as_bytes()[..STRONG_BYTES]);
    strong
}

/// Reads until `buffer` is full or nothing is left.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// About the square root of the file's size: then the signature and what one change costs grow
/// alike.
fn block_bytes(size: u64) -> u32 {
    let bytes = size
        .isqrt()
        .next_multiple_of(64)
        .clamp(LEAST_BLOCK_BYTES, MOST_BLOCK_BYTES);
    u32::try_from(bytes).unwrap_or(1 << 20)
}

impl Signature {
    /// The size of the file, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 of the file.
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// The signature as bytes (`docs/format.md`).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.blocks.len() * SUM_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.block_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.extend_from_slice(self.sha256.as_bytes());
        for block in &self.blocks {
            bytes.extend_from_slice(&block.weak.to_le_bytes());
            bytes.extend_from_slice(&block.strong);
        }
        bytes
    }

    /// Reads what [`Signature::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        let damaged = SignatureError::Damaged;
        let short = || damaged("it is cut short");
        let (version, rest) = bytes.split_first().ok_or_else(short)?;
        if *version != VERSION {
            return Err(damaged("its version is unknown"));
        }
        let (block_bytes, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (size, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (sha256, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let block_bytes = u32::from_le_bytes(*block_bytes);
        let size = u64::from_le_bytes(*size);
        if block_bytes == 0 || u64::from(block_bytes) > MOST_BLOCK_BYTES {
            return Err(damaged("its blocks have an impossible size"));
        }
        let count = size.div_ceil(block_bytes.into());
        if u64::try_from(rest.len() / SUM_BYTES).ok() != Some(count) || rest.len() % SUM_BYTES != 0
        {
            return Err(damaged("it does not have one sum for each block"));
        }
        let blocks = rest.as_chunks::<SUM_BYTES>().0.iter().map(|sum| {
            let mut block = BlockSum {
                weak: u32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]),
                strong: [0; STRONG_BYTES],
            };
            block.strong.copy_from_slice(&sum[4..]);
            block
        });
        Ok(Self {
            block_bytes,
            size,
            sha256: Digest::from_bytes(*sha256),
            blocks: blocks.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_grow_with_the_square_root() {
        for (size, block) in [
            (0, 1024),
            (1 << 20, 1024),
            (100 << 20, 10_240),
            (100_000_000_000, 316_288),
            (u64::MAX, 1 << 20),
        ] {
            assert_eq!(block_bytes(size), block, "{size}");
        }
    }

    #[test]
    fn bytes_round_trip_and_damage_is_found() {
        for size in [0, 1, 1023, 1024, 1025, 5000] {
            let data = vec![7; size];
            let made = signature(&mut &data[..], size as u64).unwrap();
            assert_eq!(made.sha256(), Digest::of(&data));
            let bytes = made.to_bytes();
            assert_eq!(Signature::from_bytes(&bytes).unwrap(), made);
            for end in 0..bytes.len() {
                assert!(Signature::from_bytes(&bytes[..end]).is_err());
            }
            let mut longer = bytes.clone();
            longer.push(0);
            assert!(Signature::from_bytes(&longer).is_err());
        }
    }

    #[test]
    fn a_file_of_another_size_is_refused() {
        for size in [3, 5] {
            assert!(matches!(
                signature(&mut &b"four"[..], size),
                Err(SignatureError::Changed)
            ));
        }
    }
}
