//! The central directory of a zip (APPNOTE.TXT 4.3.12 to 4.3.16), read record by record.

use std::io::{Read, SeekFrom};

use super::super::budget::ReadSeek;
use super::super::entry::Timestamp;
use super::super::error::{ArchiveError, MemberName};
use super::super::walk::reading;
use super::FORMAT;

const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = 0xffff;

/// Where the central directory is.
pub(super) struct Directory {
    /// Bytes before the zip, which all stored offsets leave out.
    base: u64,
    next: u64,
    end: u64,
    declared: u64,
    seen: u64,
}

/// What the central directory says about a member.
pub(super) struct Record {
    pub(super) path: Vec<u8>,
    pub(super) encrypted: bool,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    /// Unix file type and permissions, if the writer was one that has them.
    pub(super) unix_mode: Option<u32>,
    /// Where the local header is.
    pub(super) offset: u64,
    pub(super) mtime: Option<Timestamp>,
}

impl Directory {
    /// Finds the directory from the end of the file.
    pub(super) fn find(file: &mut dyn ReadSeek) -> Result<Self, ArchiveError> {
        let length = file.seek(SeekFrom::End(0)).map_err(reading)?;
        let (at, end) = find_end(file, length)?;
        let disks = (u16_at(&end, 4), u16_at(&end, 6));
        if disks != (0, 0) && disks != (0xffff, 0xffff) {
            return Err(unsupported("the directory", "a zip in several parts"));
        }
        let mut declared = u64::from(u16_at(&end, 10));
        let mut size = u64::from(u32_at(&end, 12));
        let mut offset = u64::from(u32_at(&end, 16));
        let mut stop = at;
        if let Some((zip64_at, record)) = zip64_end(file, at)? {
            declared = u64_at(&record, 32);
            size = u64_at(&record, 40);
            offset = u64_at(&record, 48);
            stop = zip64_at;
        }
        let start = stop.checked_sub(size);
        let base = start.and_then(|start| start.checked_sub(offset));
        let Some((start, base)) = start.zip(base) else {
            return Err(corrupt("the directory", at, "its place is beyond the file"));
        };
        if declared > size / 46 {
            return Err(corrupt(
                "the directory",
                at,
                "it is too small for its entries",
            ));
        }
        Ok(Self {
            base,
            next: start,
            end: stop,
            declared,
            seen: 0,
        })
    }

    /// The next member, in stored order.
    pub(super) fn next(&mut self, file: &mut dyn ReadSeek) -> Result<Option<Record>, ArchiveError> {
        if self.next == self.end {
            // Programs without zip64 let the count of 16 bits overflow.
            if (self.seen ^ self.declared) & 0xffff != 0 {
                return Err(corrupt(
                    "the directory",
                    self.end,
                    "the number of entries is wrong",
                ));
            }
            return Ok(None);
        }
        let at = self.next;
        let fixed: [u8; 46] = read_at(file, at, self.end, "the directory")?;
        if !fixed.starts_with(b"PK\x01\x02") {
            return Err(corrupt("the directory", at, "an entry has no signature"));
        }
        let lengths = [u16_at(&fixed, 28), u16_at(&fixed, 30), u16_at(&fixed, 32)];
        let [name, extra, comment] = lengths.map(usize::from);
        let end = at + (46 + name + extra + comment) as u64;
        if end > self.end {
            return Err(corrupt("the directory", at, "an entry goes beyond its end"));
        }
        let mut texts = vec![0; name + extra];
        file.read_exact(&mut texts)
            .map_err(|error| cut(error, "the directory", at))?;
        self.next = end;
        self.seen += 1;
        let (path, extra) = texts.split_at(name);
        self.record(&fixed, path, extra, at).map(Some)
    }

    fn record(
        &self,
        fixed: &[u8; 46],
        path: &[u8],
        extra: &[u8],
        at: u64,
    ) -> Result<Record, ArchiveError> {
        let fault = |reason| ArchiveError::Corrupt {
            format: FORMAT,
            member: MemberName::of(path),
            offset: at,
            reason: String::from(reason),
        };
        if path.contains(&0) {
            return Err(fault("the name contains a NUL"));
        }
        let mut wide = extra_field(extra, 0x0001).unwrap_or_default();
        let mut size_at = |offset| {
            let narrow = u32_at(fixed, offset);
            if narrow != u32::MAX {
                return Ok(u64::from(narrow));
            }
            let (value, rest) = wide
                .split_at_checked(8)
                .ok_or_else(|| fault("the zip64 field is too short"))?;
            wide = rest;
            Ok(u64_at(value, 0))
        };
        let size = size_at(24)?;
        let compressed = size_at(20)?;
        let offset = size_at(42)?.checked_add(self.base);
        let flags = u16_at(fixed, 8);
        let is_unix = matches!(fixed[5], 3 | 19);
        let mode = u32_at(fixed, 38) >> 16;
        Ok(Record {
            path: path.to_vec(),
            encrypted: flags & 0x2041 != 0,
            method: u16_at(fixed, 10),
            crc: u32_at(fixed, 16),
            compressed,
            size,
            unix_mode: Some(mode).filter(|&mode| is_unix && mode != 0),
            offset: offset.ok_or_else(|| fault("the offset overflows"))?,
            mtime: extended_mtime(extra),
        })
    }
}

/// The end record is last but for its comment, whose length it tells.
fn find_end(file: &mut dyn ReadSeek, length: u64) -> Result<(u64, [u8; 22]), ArchiveError> {
    let window = length.min((END_BYTES + MAX_COMMENT_BYTES) as u64);
    file.seek(SeekFrom::Start(length - window))
        .map_err(reading)?;
    let mut tail = Vec::new();
    file.take(window).read_to_end(&mut tail).map_err(reading)?;
    for at in (0..=tail.len().saturating_sub(END_BYTES)).rev() {
        let Some(record) = tail[at..].first_chunk::<END_BYTES>() else {
            break;
        };
        let comment = usize::from(u16_at(record, 20));
        if record.starts_with(b"PK\x05\x06") && at + END_BYTES + comment == tail.len() {
            return Ok((length - window + at as u64, *record));
        }
    }
    let member = MemberName::part("the central directory");
    Err(ArchiveError::Truncated {
        format: FORMAT,
        member,
        offset: length,
    })
}

/// The zip64 end record, which a locator just before the end record points at.
fn zip64_end(file: &mut dyn ReadSeek, end: u64) -> Result<Option<(u64, [u8; 56])>, ArchiveError> {
    let Some(locator_at) = end.checked_sub(20) else {
        return Ok(None);
    };
    let locator: [u8; 20] = read_at(file, locator_at, end, "the zip64 locator")?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // With bytes before the zip the pointer is too small; then the record is where it ends
    // just before its locator, as all writers put it.
    let just_before = locator_at.saturating_sub(56);
    for at in [u64_at(&locator, 8), just_before] {
        if at
            .checked_add(56)
            .is_some_and(|record_end| record_end <= locator_at)
        {
            let record: [u8; 56] = read_at(file, at, locator_at, "the zip64 record")?;
            if record.starts_with(b"PK\x06\x06") {
                return Ok(Some((at, record)));
            }
        }
    }
    Err(corrupt(
        "the zip64 record",
        locator_at,
        "it is not where its locator says",
    ))
}

/// Reads `N` bytes at `at`, all of which must be before `end`.
pub(super) fn read_at<const N: usize>(
    file: &mut dyn ReadSeek,
    at: u64,
    end: u64,
    what: &str,
) -> Result<[u8; N], ArchiveError> {
    if at.checked_add(N as u64).is_none_or(|stop| stop > end) {
        return Err(corrupt(what, at, "it goes beyond its end"));
    }
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at)).map_err(reading)?;
    file.read_exact(&mut bytes)
        .map_err(|error| cut(error, what, at))?;
    Ok(bytes)
}

pub(super) fn cut(error: std::io::Error, what: &str, offset: u64) -> ArchiveError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        let member = MemberName::part(what);
        return ArchiveError::Truncated {
            format: FORMAT,
            member,
            offset,
        };
    }
    reading(error)
}

/// The value of the extra field `id`, if the fields are sound up to it.
fn extra_field(extra: &[u8], id: u16) -> Option<&[u8]> {
    let mut rest = extra;
    while rest.len() >= 4 {
        let (value, after) = rest[4..].split_at_checked(usize::from(u16_at(rest, 2)))?;
        if u16_at(rest, 0) == id {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// Info-ZIP's extended timestamp: flags, then seconds since 1970.
fn extended_mtime(extra: &[u8]) -> Option<Timestamp> {
    let field = extra_field(extra, 0x5455)?;
    let (&flags, rest) = field.split_first()?;
    let seconds = i32::from_le_bytes(*rest.first_chunk()?);
    (flags & 1 != 0).then_some(Timestamp {
        seconds: i64::from(seconds),
        nanoseconds: 0,
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) | u16::from(bytes[at + 1]) << 8
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

pub(super) fn corrupt(member: &str, offset: u64, reason: &str) -> ArchiveError {
    let member = MemberName::part(member);
    ArchiveError::Corrupt {
        format: FORMAT,
        member,
        offset,
        reason: reason.to_owned(),
    }
}

fn unsupported(member: &str, reason: &str) -> ArchiveError {
    let member = MemberName::part(member);
    ArchiveError::Unsupported {
        format: FORMAT,
        member,
        reason: reason.to_owned(),
    }
}
