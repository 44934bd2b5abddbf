//! Sparse files in GNU's format 1.0.
//!
//! Its description lays the data of the extents end to end, but GNU tar itself begins each
//! extent at a new block. Both are right only if every extent starts and ends at a multiple of
//! 512 bytes (or with the file), as it does on real file systems. Others are widened with zeros.

const BLOCK: u64 = 512;

/// A part of what is stored for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Zeros(u64),
    /// Bytes from the content.
    Content(u64),
}

/// How a sparse file is stored.
#[derive(Debug)]
pub(super) struct Layout {
    /// The map that comes before the data, in whole blocks.
    pub(super) map: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
    /// The bytes of all pieces.
    pub(super) data_bytes: u64,
}

impl Layout {
    /// Plans a file of `size` bytes with data in `extents`, which must rise without overlap.
    pub(super) fn new(extents: &[(u64, u64)], size: u64) -> Result<Self, &'static str> {
        let mut wide: Vec<(u64, u64)> = Vec::new();
        let mut pieces = Vec::new();
        let mut end = 0;
        for &(offset, length) in extents.iter().filter(|(_, length)| *length > 0) {
            if offset < end {
                return Err("its sparse extents overlap or are not in order");
            }
            let stop = offset
                .checked_add(length)
                .ok_or("its sparse extents overflow")?;
            if stop > size {
                return Err("its sparse extents go beyond its size");
            }
            let from = offset - offset % BLOCK;
            let to = stop
                .checked_next_multiple_of(BLOCK)
                .map_or(size, |to| to.min(size));
            match wide.last_mut() {
                Some((_, last)) if *last >= from => {
                    pieces.push(Piece::Zeros(offset - end));
                    *last = to;
                }
                last => {
                    let rest = last.map_or(0, |&mut (_, last)| last - end);
                    pieces.push(Piece::Zeros(rest + offset - from));
                    wide.push((from, to));
                }
            }
            pieces.push(Piece::Content(length));
            end = stop;
        }
        pieces.push(Piece::Zeros(wide.last().map_or(0, |&(_, last)| last - end)));
        pieces.retain(|piece| *piece != Piece::Zeros(0));
        let data_bytes = wide.iter().map(|&(from, to)| to - from).sum();
        Ok(Self {
            map: map(&wide, size),
            pieces,
            data_bytes,
        })
    }
}

/// The number of extents, then offset and length of each, one number a line; the last one is
/// empty and tells GNU tar where the file ends.
fn map(extents: &[(u64, u64)], size: u64) -> Vec<u8> {
    let mut map = format!("{}\n", extents.len() + 1).into_bytes();
    for &(from, to) in extents.iter().chain([&(size, size)]) {
        map.extend_from_slice(format!("{from}\n{}\n", to - from).as_bytes());
    }
    map.resize(map.len().next_multiple_of(512), 0);
    map
}

#[cfg(test)]
mod tests {
    use super::Piece::{Content, Zeros};
    use super::*;

    #[test]
    fn extents_are_widened_to_blocks_and_joined() {
        let layout = Layout::new(&[(3, 4), (100, 1000), (5000, 8), (9999, 1)], 10_000).unwrap();
        assert!(
            layout
                .map
                .starts_with(b"4\n0\n1536\n4608\n512\n9728\n272\n10000\n0\n\0")
        );
        assert_eq!(layout.data_bytes, 1536 + 512 + 272);
        let pieces = [
            Zeros(3),
            Content(4),
            Zeros(93),
            Content(1000),
            Zeros(436 + 392),
            Content(8),
            Zeros(112 + 271),
            Content(1),
        ];
        assert_eq!(layout.pieces, pieces);
    }

    #[test]
    fn impossible_extents_are_refused() {
        for extents in [
            &[(0, 5), (4, 2)][..],
            &[(8, 3)],
            &[(u64::MAX, 2)],
            &[(5, 1), (0, 1)],
        ] {
            assert!(Layout::new(extents, 10).is_err());
        }
        assert_eq!(Layout::new(&[(4, 0)], 10).unwrap().pieces, []);
    }
}
