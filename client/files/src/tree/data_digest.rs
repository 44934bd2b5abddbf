//! What tells a large, nearly empty file: a digest over its data, which costs nothing for its holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;

use super::extents::{Extents, data_extents, is_mostly_hole};

/// What the digests of files are made of. Records keep which one they were made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DigestKind {
    /// The SHA-256 of all content.
    #[default]
    Content,
    /// The same, but of files of more than 64 MiB that are zero to fifteen sixteenths at least, counted in blocks of
    /// 4096 bytes, the SHA-256 of what is not zero (`docs/format.md`). It depends on the content
    /// alone, not on where the file system has holes.
    Data,
}

const TAG: &[u8] = b"hashget-data-1\n";
const BLOCK: u64 = 4096;
const ZEROS: [u8; 4096] = [0; 4096];
const BUFFER: usize = 256 * 1024;

/// The digest of a file that is told by its data; `None` if it is told by all its content.
pub(crate) fn data_digest(
    file: &File,
    size: u64,
    extents: Option<&Extents>,
) -> io::Result<Option<Digest>> {
    if !is_mostly_hole(size, 0) {
        return Ok(None);
    }
    let whole = vec![(0, size)];
    let mut hasher = Hasher::new();
    hasher.update(TAG);
    hasher.update(&size.to_le_bytes());
    let mut buffer = vec![0; BUFFER];
    let (mut at, mut data_bytes) = (0, 0);
    for (offset, length) in extents.unwrap_or(&whole) {
        // Whole blocks: what of them is no data reads as zeros.
        at = at.max(offset - offset % BLOCK);
        let end = (offset + length).next_multiple_of(BLOCK).min(size);
        while at < end {
            let most = usize::try_from(end - at).map_or(BUFFER, |left| left.min(BUFFER));
            file.read_exact_at(&mut buffer[..most], at)?;
            for block in buffer[..most].chunks(ZEROS.len()) {
                if *block != ZEROS[..block.len()] {
                    hasher.update(&at.to_le_bytes());
                    hasher.update(block);
                    data_bytes += block.len() as u64;
                }
                at += block.len() as u64;
            }
            if !is_mostly_hole(size, data_bytes) {
                return Ok(None);
            }
        }
    }
    Ok(Some(hasher.finish()))
}

/// The digest of a file of `size` bytes that lies still.
pub fn digest_of(file: &File, size: u64, kind: DigestKind) -> io::Result<Digest> {
    if kind == DigestKind::Data {
        let extents = data_extents(file, size)?;
        if let Some(digest) = data_digest(file, size, extents.as_ref())? {
            return Ok(digest);
        }
    }
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER];
    while hasher.bytes() < size {
        let left = size - hasher.bytes();
        let most = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
        file.read_exact_at(&mut buffer[..most], hasher.bytes())?;
        hasher.update(&buffer[..most]);
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 65 << 20;

    fn file(size: u64, data: &[(u64, &[u8])]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        for (offset, bytes) in data {
            file.write_all_at(bytes, *offset).unwrap();
        }
        file
    }

    fn digest(file: &File) -> Option<Digest> {
        let size = file.metadata().unwrap().len();
        let extents = data_extents(file, size).unwrap();
        data_digest(file, size, extents.as_ref()).unwrap()
    }

    #[test]
    fn it_depends_on_the_content_and_not_on_the_holes() {
        let one = digest(&file(SIZE, &[(5000, b"data")])).unwrap();
        let zeros = vec![0; 8 << 20];
        let other = file(SIZE, &[(1 << 20, &zeros), (5000, b"data")]);
        assert_eq!(digest(&other), Some(one));
        assert_eq!(data_digest(&other, SIZE, None).unwrap(), Some(one));
        for changed in [
            file(SIZE, &[(5001, b"data")]),
            file(SIZE, &[(5000, b"date")]),
            file(SIZE + 1, &[(5000, b"data")]),
            file(SIZE, &[(5000 + 4096, b"data")]),
        ] {
            assert_ne!(digest(&changed), Some(one));
        }
    }

    #[test]
    fn a_hole_of_a_tebibyte_costs_nothing() {
        let end = (1 << 40) - 3;
        let giant = file(1 << 40, &[(0, b"a"), (end, b"end")]);
        assert!(digest(&giant).is_some());
        let kind = DigestKind::Data;
        assert_eq!(
            digest_of(&giant, 1 << 40, kind).unwrap(),
            digest(&giant).unwrap()
        );
    }

    #[test]
    fn files_with_more_data_and_small_ones_have_the_digest_of_their_content() {
        let small = file(1 << 20, &[]);
        assert_eq!(digest(&small), None);
        let full = file(SIZE, &[(0, &vec![1; 5 << 20])]);
        assert_eq!(digest(&full), None);
        let zeros = digest_of(&small, 1 << 20, DigestKind::Data).unwrap();
        assert_eq!(zeros, Digest::of(&vec![0; 1 << 20]));
    }

    #[test]
    fn the_digest_is_frozen() {
        let frozen = file(SIZE, &[(8192, b"hashget")]);
        let mut hasher = Hasher::new();
        hasher.update(b"hashget-data-1\n");
        hasher.update(&SIZE.to_le_bytes());
        hasher.update(&8192_u64.to_le_bytes());
        let mut block = [0; 4096];
        block[..7].copy_from_slice(b"hashget");
        hasher.update(&block);
        assert_eq!(digest(&frozen), Some(hasher.finish()));
    }
}
