//! The central directory of a zip (APPNOTE.TXT 4.3.12), read record by record.

use std::io::SeekFrom;

use super::super::budget::ReadSeek;
use super::super::entry::Timestamp;
use super::super::error::{ArchiveError, MemberName};
use super::super::spool::reading;
use super::FORMAT;

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
    /// Whether lzma data ends with a mark.
    pub(super) has_end_mark: bool,
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
    /// The directory between `start` and `stop`, with `declared` entries; `base` bytes before the
    /// zip are not counted by its offsets.
    pub(super) fn new(start: u64, stop: u64, base: u64, declared: u64) -> Self {
        Self {
            base,
            next: start,
            end: stop,
            declared,
            seen: 0,
        }
    }

    /// How many bytes before the zip its offsets do not count.
    pub(super) fn base(&self) -> u64 {
        self.base
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
            has_end_mark: flags & 2 != 0,
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

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
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
