//! Zip archives, read through their central directory.
//!
//! The directory decides, as for every zip program: names, sizes and checksums come from it. Of a
//! local header only its length counts, so data descriptors need no attention, nor do names that
//! are spelt otherwise. A member that cannot be read, since it is encrypted or of an unknown
//! method, is left out and reported.

mod directory;
mod end;
mod method;

use std::io::{self, Read, SeekFrom};

use flate2::Crc;

use self::directory::{Directory, Record, corrupt, read_at, u16_at};
use self::method::Data;
use super::budget::{Budget, ReadSeek};
use super::content::Plain;
use super::decompress::wants_too_much_memory;
use super::entry::{EntryKind, EntryMetadata};
use super::error::{ArchiveError, LimitKind, MemberName, ReadError};
use super::kind::ArchiveKind;
use super::spool::reading;
use super::walk::{Found, Place, Walk};

const FORMAT: &str = "zip";

/// Visits the members of a zip, in the order of its directory.
pub(super) fn read<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    file: &mut dyn ReadSeek,
) -> Result<ArchiveKind, ReadError<E>> {
    let directory = end::find(file)?;
    members(walk, place, directory, file)
}

/// Visits the members of a zip that may be behind something else, such as a program.
pub(super) fn read_behind<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    file: &mut dyn ReadSeek,
) -> Result<ArchiveKind, ReadError<E>> {
    match end::find_behind(file)? {
        Some(directory) => members(walk, place, directory, file),
        None => Ok(ArchiveKind::NotArchive),
    }
}

fn members<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    mut directory: Directory,
    file: &mut dyn ReadSeek,
) -> Result<ArchiveKind, ReadError<E>> {
    while let Some(record) = directory.next(file)? {
        member(walk, place, &record, file)?;
    }
    Ok(ArchiveKind::Zip)
}

fn member<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    record: &Record,
    file: &mut dyn ReadSeek,
) -> Result<(), ReadError<E>> {
    let budget = walk.budget;
    let mut content = match open(record, file, budget) {
        Err(error @ (ArchiveError::Encrypted { .. } | ArchiveError::Unsupported { .. })) => {
            return Ok(walk.leave_out(place, &record.path, error)?);
        }
        content => content?,
    };
    let kind = kind(record, &mut content, budget.limits().max_extension_bytes)?;
    let is_file = kind == EntryKind::File;
    let metadata = EntryMetadata {
        mode: record.unix_mode.map(|mode| mode & 0o7777),
        mtime: record.mtime,
        ..EntryMetadata::default()
    };
    let size = Some(if is_file { record.size } else { 0 });
    let path = record.path.clone();
    walk.found(
        place,
        Found {
            format: FORMAT,
            path,
            kind,
            size,
            given: size,
            metadata,
        },
        &mut Plain(&mut content),
    )
}

fn kind(record: &Record, content: &mut Content<'_>, limit: u64) -> Result<EntryKind, ArchiveError> {
    const TYPE: u32 = 0o170_000;
    const SYMLINK: u32 = 0o120_000;
    if record.path.ends_with(b"/") {
        return Ok(EntryKind::Directory);
    }
    if record.unix_mode.is_none_or(|mode| mode & TYPE != SYMLINK) {
        return Ok(EntryKind::File);
    }
    if record.size > limit {
        return Err(ArchiveError::Limit {
            limit: LimitKind::ExtensionBytes,
            allowed: limit,
            member: MemberName::of(&record.path),
        });
    }
    let mut target = Vec::new();
    content.read_to_end(&mut target).map_err(reading)?;
    Ok(EntryKind::Symlink { target })
}

/// Goes to the data of a member, past its local header.
fn open<'r>(
    record: &'r Record,
    file: &'r mut dyn ReadSeek,
    budget: &'r Budget,
) -> Result<Content<'r>, ArchiveError> {
    if record.encrypted {
        return Err(ArchiveError::Encrypted {
            member: MemberName::of(&record.path),
        });
    }
    let header: [u8; 30] = read_at(file, record.offset, u64::MAX, "a local header")?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(corrupt(
            "a local header",
            record.offset,
            "it has no signature",
        ));
    }
    let skipped = i64::from(u16_at(&header, 26)) + i64::from(u16_at(&header, 28));
    file.seek(SeekFrom::Current(skipped)).map_err(reading)?;
    if record.size == 0 && record.crc != 0 {
        return Err(damaged(record, "an empty member has a checksum"));
    }
    let data = Data::begin(record, file, budget)?;
    Ok(Content {
        data,
        record,
        budget,
        crc: Crc::new(),
        given: 0,
    })
}

fn damaged(record: &Record, reason: &str) -> ArchiveError {
    ArchiveError::Corrupt {
        format: FORMAT,
        member: MemberName::of(&record.path),
        offset: record.offset,
        reason: reason.to_owned(),
    }
}

/// The content of a member: its last bytes are given only if the checksum is right.
struct Content<'r> {
    data: Data<'r>,
    record: &'r Record,
    budget: &'r Budget,
    crc: Crc,
    given: u64,
}

impl Content<'_> {
    fn failed(&self, error: io::Error) -> ArchiveError {
        ArchiveError::take(error, |source| {
            if wants_too_much_memory(&source) {
                ArchiveError::Limit {
                    limit: LimitKind::DecoderMemory,
                    allowed: self.budget.limits().max_decoder_memory,
                    member: MemberName::of(&self.record.path),
                }
            } else {
                ArchiveError::Decode {
                    compression: self.data.name(),
                    offset: self.given,
                    source,
                }
            }
        })
    }

    fn check_end(&mut self) -> Result<(), ArchiveError> {
        if self.crc.sum() != self.record.crc {
            return Err(damaged(self.record, "the checksum is wrong"));
        }
        if matches!(self.data.read(&mut [0]), Ok(1)) {
            return Err(damaged(self.record, "it is longer than its size"));
        }
        Ok(())
    }

    fn read_checked(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let left = self.record.size - self.given;
        let wanted = usize::try_from(left).map_or(buffer.len(), |n| n.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.data.read(&mut buffer[..wanted]);
        let count = count.map_err(|error| self.failed(error))?;
        if count == 0 {
            let member = MemberName::of(&self.record.path);
            return Err(ArchiveError::Truncated {
                format: FORMAT,
                member,
                offset: self.given,
            });
        }
        self.crc.update(&buffer[..count]);
        self.given += count as u64;
        self.budget.add_decoded(count as u64)?;
        if self.given == self.record.size {
            self.check_end()?;
        }
        Ok(count)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_checked(buffer).map_err(ArchiveError::into_io)
    }
}
