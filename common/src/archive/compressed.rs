//! Compressed tar archives and single compressed files.

use std::io::Read;

use super::content::Plain;
use super::decompress::Decoder;
use super::entry::{EntryKind, EntryMetadata, Timestamp};
use super::error::ReadError;
use super::read::{ArchiveKind, Compression};
use super::sniff::{Format, read_head, sniff};
use super::tar;
use super::walk::{Found, Place, Walk, reading};

/// Reads a compressed tar, or visits the one file that is compressed.
///
/// An empty tar (nothing but zeros) cannot be told from a file of zeros and counts as one.
pub(super) fn read<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    compression: Compression,
    input: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    let mut decoder = Decoder::new(compression, input, walk.threads(place), walk.budget)?;
    let (path, seconds) = decoder.gzip_header();
    let head = read_head(&mut decoder).map_err(reading)?;
    let is_tar = sniff(&head) == Format::Tar;
    let mut whole = head.chain(decoder);
    if is_tar {
        return tar::read(walk, place, &mut whole);
    }
    let mtime = seconds.map(|seconds| Timestamp {
        seconds: i64::from(seconds),
        nanoseconds: 0,
    });
    let found = Found {
        format: compression.name(),
        path,
        kind: EntryKind::File,
        size: None,
        given: None,
        metadata: EntryMetadata {
            mtime,
            ..EntryMetadata::default()
        },
    };
    walk.found(place, found, &mut Plain(&mut whole))?;
    Ok(ArchiveKind::Compressed(compression))
}

/// Reads a member that must be a tar, compressed or not, even if it has no member.
pub(super) fn read_tar<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    input: &mut dyn Read,
) -> Result<(), ReadError<E>> {
    let head = read_head(input).map_err(reading)?;
    let format = sniff(&head);
    let mut whole = head.chain(input);
    if let Format::Compressed(compression) = format {
        let mut decoder = Decoder::new(compression, &mut whole, walk.threads(place), walk.budget)?;
        tar::read(walk, place, &mut decoder)?;
    } else {
        tar::read(walk, place, &mut whole)?;
    }
    Ok(())
}
