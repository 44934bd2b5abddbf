//! Writes and checks the content of files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use thiserror::Error;

const BUFFER: usize = 256 * 1024;
/// Holes are told from data in blocks of this size, the usual one of file systems.
const BLOCK: usize = 4096;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Why content did not get to its file.
#[derive(Debug, Error)]
pub enum ContentError {
    /// Its source failed.
    #[error("cannot read the content")]
    Read(#[source] io::Error),
    /// Its file could not be written.
    #[error("cannot write the content")]
    Write(#[source] io::Error),
    /// It is longer than it may be.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
}

/// Where a file has data, in the order `(offset, length)`; everything else are holes. `None`
/// if nothing is.
pub type Holes<'a> = Option<&'a [(u64, u64)]>;

/// Copies all of `content`, at most `max` bytes, to the start of the empty `file`; gives its
/// digest and size.
///
/// What `extents` calls a hole stays one, if it is zero indeed: the content decides, not the map.
pub fn write_content(
    content: &mut dyn Read,
    file: &mut File,
    extents: Holes<'_>,
    max: u64,
    mut hasher: Option<Hasher>,
) -> Result<(Option<Digest>, u64), ContentError> {
    let mut buffer = vec![0; BUFFER];
    let mut written = 0_u64;
    loop {
        let filled = fill(content, &mut buffer).map_err(ContentError::Read)?;
        if filled == 0 {
            break;
        }
        let piece = &buffer[..filled];
        if max - written < filled as u64 {
            return Err(ContentError::TooLong(max));
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(piece);
        }
        match extents {
            None => file.write_all(piece),
            Some(extents) => write_sparse(file, piece, written, extents),
        }
        .map_err(ContentError::Write)?;
        written += filled as u64;
    }
    if extents.is_some() {
        file.set_len(written).map_err(ContentError::Write)?;
    }
    Ok((hasher.map(Hasher::finish), written))
}

/// Copies the data of a sparse file, whose `extents` come one after the other, to their places in the empty
/// `file`, and gives it its `size` in bytes. What this costs follows the data, not the size.
pub fn write_data(
    data: &mut dyn Read,
    file: &mut File,
    extents: &[(u64, u64)],
    size: u64,
) -> Result<(), ContentError> {
    // First, so that a size that cannot be had costs nothing.
    file.set_len(size).map_err(ContentError::Write)?;
    let mut buffer = vec![0; BUFFER];
    for &(offset, length) in extents {
        let mut left = length;
        file.seek(SeekFrom::Start(offset))
            .map_err(ContentError::Write)?;
        while left > 0 {
            let most = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
            let filled = fill(data, &mut buffer[..most]).map_err(ContentError::Read)?;
            if filled == 0 {
                let short = io::ErrorKind::UnexpectedEof.into();
                return Err(ContentError::Read(short));
            }
            file.write_all(&buffer[..filled])
                .map_err(ContentError::Write)?;
            left -= filled as u64;
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or nothing is left.
pub(super) fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes the blocks of `piece`, which belongs at `offset`, that touch an extent or are not zero.
pub(super) fn write_sparse(
    file: &File,
    piece: &[u8],
    offset: u64,
    extents: &[(u64, u64)],
) -> io::Result<()> {
    let mut at = offset;
    let mut run: Option<(u64, usize)> = None;
    for (number, block) in piece.chunks(BLOCK).enumerate() {
        let start = number * BLOCK;
        if touches(extents, at, block.len() as u64) || *block != ZEROS[..block.len()] {
            run.get_or_insert((at, start));
        } else if let Some((place, from)) = run.take() {
            write_at(file, place, &piece[from..start])?;
        }
        at += block.len() as u64;
    }
    if let Some((place, from)) = run {
        write_at(file, place, &piece[from..])?;
    }
    Ok(())
}

fn write_at(mut file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(data)
}

/// Whether any byte of `offset..offset + length` is in an extent.
fn touches(extents: &[(u64, u64)], offset: u64, length: u64) -> bool {
    // The first extent that ends behind the offset.
    let next = extents.partition_point(|(start, count)| start.saturating_add(*count) <= offset);
    extents[next..]
        .iter()
        .find(|(_, count)| *count > 0)
        .is_some_and(|(start, _)| *start < offset + length)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn write(content: &[u8], extents: Holes<'_>) -> File {
        let mut file = tempfile::tempfile().unwrap();
        let max = content.len() as u64;
        let (digest, size) = write_content(
            &mut Cursor::new(content),
            &mut file,
            extents,
            max,
            Some(Hasher::new()),
        )
        .unwrap();
        assert_eq!(digest, Some(Digest::of(content)));
        assert_eq!(size, max);
        let mut back = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut back).unwrap();
        assert_eq!(back, content);
        file
    }

    #[test]
    fn holes_stay_holes_and_data_stays_data() {
        let mut content = vec![0; 1 << 20];
        content[500_000..500_010].fill(7);
        let plain = write(&content, None);
        let sparse = write(&content, Some(&[(499_712, 4096)]));
        let wide = write(&content, Some(&[(0, 65536), (499_712, 4096)]));
        assert!(plain.metadata().unwrap().blocks() * 512 >= 1 << 20);
        let blocks = sparse.metadata().unwrap().blocks() * 512;
        assert!((4096..=16384).contains(&blocks), "{blocks}");
        assert!(wide.metadata().unwrap().blocks() * 512 >= 65536 + 4096);
    }

    #[test]
    fn a_map_that_lies_costs_holes_and_not_data() {
        let content: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        write(&content, Some(&[]));
        write(&content, Some(&[(100, 5), (4096, 0), (299_999, 1)]));
    }

    #[test]
    fn data_gets_to_its_places_whatever_the_size() {
        let size = 1 << 40;
        let mut file = tempfile::tempfile().unwrap();
        let extents = [(5, 2), (size - 1, 1)];
        write_data(&mut &b"abc"[..], &mut file, &extents, size).unwrap();
        assert_eq!(file.metadata().unwrap().len(), size);
        assert_eq!(byte_at(&file, 6), b'b');
        assert_eq!(byte_at(&file, size - 1), b'c');
        let short = write_data(&mut &b"ab"[..], &mut file, &extents, size);
        assert!(matches!(short, Err(ContentError::Read(_))), "{short:?}");
    }

    fn byte_at(file: &File, offset: u64) -> u8 {
        use std::os::unix::fs::FileExt;
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        byte[0]
    }

    #[test]
    fn a_file_that_is_all_hole_has_its_size() {
        let file = write(&vec![0; 100_001], Some(&[]));
        assert_eq!(file.metadata().unwrap().blocks(), 0);
    }

    #[test]
    fn longer_content_than_announced_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        let error = write_content(&mut Cursor::new(b"12345"), &mut file, None, 4, None);
        assert!(matches!(error, Err(ContentError::TooLong(4))));
    }
}
