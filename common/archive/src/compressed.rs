//! Compressed tar archives and single compressed files.

use std::io::Read;

use super::budget::Budget;
use super::content::Plain;
use super::decompress::Decoder;
use super::entry::{EntryKind, EntryMetadata, Timestamp};
use super::error::ReadError;
use super::kind::{ArchiveKind, Compression};
use super::limits::Limits;
use super::sniff::{Format, HEAD_BYTES, read_head, sniff};
use super::spool::reading;
use super::tar;
use super::walk::{Found, Place, Walk};

/// How much of compressed data that is compressed once more is looked at, to see whether a tar is
/// in it: a whole block of bzip2.
const PROBE_BYTES: u64 = 1 << 20;

/// Reads a compressed tar, or visits the one file that is compressed.
///
/// An empty tar (nothing but zeros) cannot be told from a file of zeros and counts as one. A tar
/// that is compressed twice, as some servers send them, is a tar.
pub(super) fn read<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    compression: Compression,
    input: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    let mut decoder = Decoder::new(compression, input, walk.threads(place), walk.budget)?;
    let kind = decompressed(walk, place, &mut decoder)?;
    if let Some(garbage) = decoder.trailing() {
        walk.ignore(place, &garbage);
    }
    Ok(kind)
}

fn decompressed<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    decoder: &mut Decoder<'_>,
) -> Result<ArchiveKind, ReadError<E>> {
    let (path, seconds) = decoder.gzip_header();
    let compression = decoder.compression();
    let mut head = read_head(&mut *decoder).map_err(reading)?;
    match sniff(&head) {
        Format::Tar => return tar::read(walk, place, &mut head.chain(decoder)),
        Format::Compressed(inner) => {
            let more = (&mut *decoder).take(PROBE_BYTES).read_to_end(&mut head);
            more.map_err(reading)?;
            if holds_tar(inner, &head, walk.budget.limits()) {
                let mut whole = head.chain(decoder);
                let mut inner = Decoder::new(inner, &mut whole, 1, walk.budget)?;
                let kind = tar::read(walk, place, &mut inner)?;
                if let Some(garbage) = inner.trailing() {
                    walk.ignore(place, &garbage);
                }
                return Ok(kind);
            }
        }
        _ => {}
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
    walk.found(place, found, &mut Plain(&mut head.chain(decoder)))?;
    Ok(ArchiveKind::Compressed(compression))
}

/// Whether the compressed data that begins with `bytes` begins with a tar header.
fn holds_tar(compression: Compression, bytes: &[u8], limits: &Limits) -> bool {
    let budget = Budget::new(limits.clone(), bytes.len() as u64);
    let mut bytes = bytes;
    let Ok(mut decoder) = Decoder::new(compression, &mut bytes, 1, &budget) else {
        return false;
    };
    let mut head = [0; HEAD_BYTES];
    decoder.read_exact(&mut head).is_ok() && sniff(&head) == Format::Tar
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
        if let Some(garbage) = decoder.trailing() {
            walk.ignore(place, &garbage);
        }
    } else {
        tar::read(walk, place, &mut whole)?;
    }
    Ok(())
}
