//! Finds the central directory of a zip from the end of its file (APPNOTE.TXT 4.3.14 to 4.3.16).

use std::io::{Read, SeekFrom};

use super::super::budget::ReadSeek;
use super::super::error::{ArchiveError, MemberName};
use super::super::spool::reading;
use super::FORMAT;
use super::directory::{Directory, corrupt, read_at, u16_at, u32_at, u64_at};

const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = 0xffff;
/// How much may follow the end record and its comment.
const MAX_JUNK_BYTES: usize = 64 << 10;
/// More records that look like the end are a hostile file.
const MAX_TRIES: usize = 1000;

/// An end record, and where it is.
struct End {
    at: u64,
    record: [u8; END_BYTES],
    /// Whether the file ends with it and its comment.
    is_last: bool,
}

/// Finds the directory of a file that begins as a zip.
///
/// The last end record counts whose comment ends the file; if there is none, the last one that
/// leads to a directory, with junk behind it.
pub(super) fn find(file: &mut dyn ReadSeek) -> Result<Directory, ArchiveError> {
    let mut fault = None;
    for end in ends(file)? {
        match directory(file, &end) {
            // The last bytes of a zip that was cut short, or what was joined to it.
            Ok(directory) if directory.base() > 0 && begins_zip(file)? => {
                let reason = "the directory at its end is of another zip that begins within it";
                fault.get_or_insert(corrupt("the directory", end.at, reason));
            }
            Ok(directory) => return Ok(directory),
            Err(error @ ArchiveError::Corrupt { .. }) => {
                fault.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    let offset = file.seek(SeekFrom::End(0)).map_err(reading)?;
    Err(fault.unwrap_or_else(|| ArchiveError::Truncated {
        format: FORMAT,
        member: MemberName::part("the central directory"),
        offset,
    }))
}

/// Finds the directory of a zip that may be behind something else. What only looks like one, as
/// in a program that knows the marks of zips, is none.
pub(super) fn find_behind(file: &mut dyn ReadSeek) -> Result<Option<Directory>, ArchiveError> {
    for end in ends(file)? {
        let first = match directory(file, &end) {
            Ok(mut directory) => directory.next(file),
            Err(error) => Err(error),
        };
        match first {
            Ok(Some(first)) if has_mark(file, first.offset, *b"PK\x03\x04")? => {
                return directory(file, &end).map(Some);
            }
            Err(error @ ArchiveError::Io { .. }) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

fn begins_zip(file: &mut dyn ReadSeek) -> Result<bool, ArchiveError> {
    has_mark(file, 0, *b"PK\x03\x04")
}

/// Whether the bytes at `at` are `mark`.
fn has_mark(file: &mut dyn ReadSeek, at: u64, mark: [u8; 4]) -> Result<bool, ArchiveError> {
    file.seek(SeekFrom::Start(at)).map_err(reading)?;
    let mut bytes = Vec::new();
    file.take(4).read_to_end(&mut bytes).map_err(reading)?;
    Ok(bytes == mark)
}

/// What looks like an end record, the likeliest first.
fn ends(file: &mut dyn ReadSeek) -> Result<Vec<End>, ArchiveError> {
    const MARK: &[u8] = b"PK\x05\x06";
    let length = file.seek(SeekFrom::End(0)).map_err(reading)?;
    let window = length.min((END_BYTES + MAX_COMMENT_BYTES + MAX_JUNK_BYTES) as u64);
    let start = length - window;
    file.seek(SeekFrom::Start(start)).map_err(reading)?;
    let mut tail = Vec::new();
    file.take(window).read_to_end(&mut tail).map_err(reading)?;
    let end = |at: usize| {
        let record = *tail[at..].first_chunk::<END_BYTES>()?;
        let stop = at + END_BYTES + usize::from(u16_at(&record, 20));
        (record.starts_with(MARK) && stop <= tail.len()).then_some(End {
            at: start + at as u64,
            record,
            is_last: stop == tail.len(),
        })
    };
    let mut ends: Vec<End> = (0..tail.len()).rev().filter_map(end).collect();
    ends.sort_by_key(|end| !end.is_last);
    ends.truncate(MAX_TRIES);
    Ok(ends)
}

/// The directory that an end record leads to.
fn directory(file: &mut dyn ReadSeek, end: &End) -> Result<Directory, ArchiveError> {
    let (at, record) = (end.at, &end.record);
    let disks = (u16_at(record, 4), u16_at(record, 6));
    if disks != (0, 0) && disks != (0xffff, 0xffff) {
        return Err(ArchiveError::Unsupported {
            format: FORMAT,
            member: MemberName::part("the directory"),
            reason: "a zip in several parts".to_owned(),
        });
    }
    let mut declared = u64::from(u16_at(record, 10));
    let mut size = u64::from(u32_at(record, 12));
    let mut offset = u64::from(u32_at(record, 16));
    let mut stop = at;
    if let Some((zip64_at, record)) = zip64_end(file, at)? {
        declared = u64_at(&record, 32);
        size = u64_at(&record, 40);
        offset = u64_at(&record, 48);
        stop = zip64_at;
    }
    if declared > size / 46 {
        return Err(corrupt(
            "the directory",
            at,
            "it is too small for its entries",
        ));
    }
    // It ends where the end record begins; then what is missing before it is not in the offsets.
    let before = stop.checked_sub(size);
    if let Some((start, base)) = before.and_then(|start| Some((start, start.checked_sub(offset)?)))
        && (size == 0 || has_mark(file, start, *b"PK\x01\x02")?)
    {
        return Ok(Directory::new(start, stop, base, declared));
    }
    // Else something else is between the two.
    let end = offset.checked_add(size).filter(|end| *end <= stop);
    match end {
        Some(end) if size > 0 && has_mark(file, offset, *b"PK\x01\x02")? => {
            Ok(Directory::new(offset, end, 0, declared))
        }
        Some(_) => Err(corrupt("the directory", at, "an entry has no signature")),
        None => Err(corrupt("the directory", at, "its place is beyond the file")),
    }
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
