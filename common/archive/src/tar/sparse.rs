//! Sparse files: GNU's old format and its three pax versions.

use std::io::{self, Read};

use tar::{GnuHeader, GnuSparseHeader};

use super::super::budget::Budget;
use super::super::content::Stored;
use super::super::error::{ArchiveError, LimitKind, MemberName};
use super::super::tar_header::number;
use super::blocks::Blocks;
use super::pax;

/// Where a file has data, and how long it is with its holes.
#[derive(Debug)]
pub(super) struct Map {
    /// (offset, length), rising, without overlap, none empty, all within `real_size`.
    pub(super) extents: Vec<(u64, u64)>,
    pub(super) real_size: u64,
}

impl Map {
    /// Checks a map as stored: it must lay out exactly `stored` bytes of data.
    pub(super) fn new(
        extents: Vec<(u64, u64)>,
        real_size: u64,
        stored: u64,
    ) -> Result<Self, &'static str> {
        let mut end = 0;
        let mut total = 0_u64;
        for &(offset, length) in &extents {
            if offset < end {
                return Err("the sparse map overlaps or is not in order");
            }
            end = offset
                .checked_add(length)
                .ok_or("the sparse map overflows")?;
            total += length;
        }
        if end > real_size {
            return Err("the sparse map goes beyond the file");
        }
        if total != stored {
            return Err("the sparse map does not match the stored data");
        }
        let extents = extents
            .into_iter()
            .filter(|&(_, length)| length > 0)
            .collect();
        Ok(Self { extents, real_size })
    }
}

impl Map {
    /// How many bytes are stored.
    pub(super) fn data_bytes(&self) -> u64 {
        self.extents.iter().map(|(_, length)| length).sum()
    }
}

/// Reads the map of the old GNU format: four extents in the header, more in blocks after it.
pub(super) fn old_map(
    header: &GnuHeader,
    stored: u64,
    blocks: &mut Blocks<'_>,
    limit: u64,
) -> Result<Map, ArchiveError> {
    let mut extents = Vec::new();
    push_old(&mut extents, &header.sparse, blocks)?;
    let mut extended = header.isextended[0] != 0;
    while extended {
        let block = blocks.require("a sparse map")?;
        for entry in block[..504].as_chunks::<24>().0 {
            push_old_pair(&mut extents, &entry[..12], &entry[12..], blocks)?;
        }
        check_count(extents.len() as u64, limit)?;
        extended = block[504] != 0;
    }
    let real_size = number(&header.realsize).and_then(|size| u64::try_from(size).ok());
    let real_size =
        real_size.ok_or_else(|| blocks.corrupt("a sparse file", "the real size is no number"))?;
    Map::new(extents, real_size, stored).map_err(|why| blocks.corrupt("a sparse file", why))
}

fn push_old(
    extents: &mut Vec<(u64, u64)>,
    entries: &[GnuSparseHeader],
    blocks: &Blocks<'_>,
) -> Result<(), ArchiveError> {
    for entry in entries {
        push_old_pair(extents, &entry.offset, &entry.numbytes, blocks)?;
    }
    Ok(())
}

fn push_old_pair(
    extents: &mut Vec<(u64, u64)>,
    offset: &[u8],
    length: &[u8],
    blocks: &Blocks<'_>,
) -> Result<(), ArchiveError> {
    if length[0] == 0 {
        return Ok(());
    }
    let parse = |field| number(field).and_then(|value| u64::try_from(value).ok());
    let pair = parse(offset).zip(parse(length));
    extents.push(pair.ok_or_else(|| blocks.corrupt("a sparse map", "an extent is no number"))?);
    Ok(())
}

/// Reads the map of version 1.0, which stands before the data in whole blocks: the number of
/// extents, then offset and length of each, one decimal number a line.
pub(super) fn inline_map(
    real_size: u64,
    stored: u64,
    blocks: &mut Blocks<'_>,
    limit: u64,
) -> Result<(Map, u64), ArchiveError> {
    let mut lines = Lines {
        left: stored,
        block: [0; 512],
        used: 512,
    };
    let count = lines.number(blocks)?;
    check_count(count, limit)?;
    let mut extents = Vec::new();
    for _ in 0..count {
        extents.push((lines.number(blocks)?, lines.number(blocks)?));
    }
    let data = lines.left;
    let map = Map::new(extents, real_size, data);
    Ok((
        map.map_err(|why| blocks.corrupt("a sparse file", why))?,
        data,
    ))
}

struct Lines {
    left: u64,
    block: [u8; 512],
    used: usize,
}

impl Lines {
    fn number(&mut self, blocks: &mut Blocks<'_>) -> Result<u64, ArchiveError> {
        let mut digits = Vec::new();
        loop {
            if self.used == self.block.len() {
                self.left = self
                    .left
                    .checked_sub(512)
                    .ok_or_else(|| blocks.corrupt("a sparse map", "it is longer than its file"))?;
                self.block = blocks.require("a sparse map")?;
                self.used = 0;
            }
            let byte = self.block[self.used];
            self.used += 1;
            if byte == b'\n' {
                break;
            }
            digits.push(byte);
            if digits.len() > 20 {
                break;
            }
        }
        pax::number(&digits).ok_or_else(|| blocks.corrupt("a sparse map", "a line is not a number"))
    }
}

pub(super) fn check_count(count: u64, limit: u64) -> Result<(), ArchiveError> {
    if count > limit {
        let member = MemberName::part("a sparse file");
        return Err(ArchiveError::Limit {
            limit: LimitKind::SparseExtents,
            allowed: limit,
            member,
        });
    }
    Ok(())
}

/// The whole content of a sparse file: its data, and zeros for its holes.
pub(super) struct Expanded<'r> {
    data: &'r mut dyn Read,
    map: &'r Map,
    path: &'r [u8],
    budget: &'r Budget,
    extent: usize,
    position: u64,
    /// Whether the holes are counted, all at once before the first byte is read.
    judged: bool,
}

impl<'r> Expanded<'r> {
    /// Expands `data`, which has the extents' bytes one after another.
    pub(super) fn new(
        data: &'r mut dyn Read,
        map: &'r Map,
        path: &'r [u8],
        budget: &'r Budget,
    ) -> Self {
        Self {
            data,
            map,
            path,
            budget,
            extent: 0,
            position: 0,
            judged: false,
        }
    }

    /// The extent that comes next, or the end of the file.
    fn next(&self) -> (u64, u64) {
        match self.map.extents.get(self.extent) {
            Some(&(offset, length)) => (offset, offset + length),
            None => (self.map.real_size, self.map.real_size),
        }
    }
}

impl Stored for Expanded<'_> {
    fn pass_hole(&mut self) -> u64 {
        let (start, _) = self.next();
        let hole = start.saturating_sub(self.position);
        self.position += hole;
        hole
    }
}

impl Read for Expanded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (start, end) = self.next();
        let within =
            |left: u64| usize::try_from(left).map_or(buffer.len(), |n| n.min(buffer.len()));
        if self.position < start {
            self.budget.go_on().map_err(ArchiveError::into_io)?;
            if !self.judged {
                self.judged = true;
                let holes = self.map.real_size - self.map.data_bytes();
                let counted = self.budget.add_holes(holes, self.path);
                counted.map_err(ArchiveError::into_io)?;
            }
            let count = within(start - self.position);
            buffer[..count].fill(0);
            self.position += count as u64;
            return Ok(count);
        }
        let count = within(end - self.position);
        if count == 0 {
            return Ok(0);
        }
        let count = self.data.read(&mut buffer[..count])?;
        self.position += count as u64;
        if self.position == end {
            self.extent += 1;
        }
        Ok(count)
    }
}
