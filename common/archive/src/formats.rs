//! Recognises what an archive is, and hands it to the reader of its format.

use std::io::Read;

use super::budget::{ReadSeek, Source};
use super::error::ReadError;
use super::kind::ArchiveKind;
use super::sniff::{Format, is_program, read_head, sniff};
use super::spool::{Spool, reading};
use super::walk::{Place, Walk};
use super::{compressed, deb, tar, zip};

/// An archive to be read from its start.
pub(super) enum Body<'r> {
    Stream(&'r mut dyn Read),
    Seekable(&'r mut dyn ReadSeek),
}

/// Recognises an archive and reads it.
pub(super) fn read_body<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    body: Body<'_>,
) -> Result<ArchiveKind, ReadError<E>> {
    match body {
        Body::Seekable(file) => {
            let head = read_head(&mut *file).map_err(reading)?;
            file.rewind().map_err(reading)?;
            match sniff(&head) {
                Format::Zip => zip::read(walk, place, file),
                Format::Unknown => zip::read_behind(walk, place, file),
                format => read_stream(walk, place, format, &mut *file),
            }
        }
        Body::Stream(stream) => {
            let head = read_head(stream).map_err(reading)?;
            let format = sniff(&head);
            if format == Format::Unknown && is_program(&head) {
                return read_program(walk, place, &mut head.chain(stream));
            }
            read_stream(walk, place, format, &mut head.chain(stream))
        }
    }
}

fn read_stream<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    format: Format,
    stream: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    match format {
        Format::Deb => deb::read(walk, place, stream),
        Format::Tar => tar::read(walk, place, stream),
        Format::Compressed(compression) => compressed::read(walk, place, compression, stream),
        Format::Zip => {
            let mut spool = Spool::fill(stream, walk.budget)?;
            if !spool.whole {
                return Err(Spool::too_large(walk.budget).into());
            }
            zip::read(walk, place, &mut Source::new(&mut spool.file, None))
        }
        Format::Unknown => Ok(ArchiveKind::NotArchive),
    }
}

/// Reads an archive that was put aside.
pub(super) fn read_nested<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    file: &mut dyn ReadSeek,
) -> Result<ArchiveKind, ReadError<E>> {
    read_body(walk, place, Body::Seekable(file))
}

/// A program that comes as a stream may have a zip behind it.
fn read_program<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    stream: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    let mut spool = Spool::fill(stream, walk.budget)?;
    if !spool.whole {
        return Ok(ArchiveKind::NotArchive);
    }
    zip::read_behind(walk, place, &mut Source::new(&mut spool.file, None))
}
