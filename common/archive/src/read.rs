//! Recognises an archive and reads it.

use std::fs::File;
use std::io::{Read, Seek};

use super::budget::{Budget, Source};
use super::entry::Entry;
use super::error::ReadError;
use super::limits::ArchiveOptions;
use super::walk::{Body, Place, Walk};

/// Where the bytes of an archive come from.
pub enum Input<'a> {
    /// A file, read from its start. If it cannot seek (a pipe), it is read as a stream.
    File(File),
    /// Anything else. It is read to its end, and a zip is put aside in an unnamed temporary file.
    Stream(&'a mut dyn Read),
}

/// What [`read_archive`] found its input to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// A Debian package.
    Deb,
    /// A tar archive, compressed or not.
    Tar,
    /// A zip archive.
    Zip,
    /// One compressed file that is not a tar archive.
    Compressed(Compression),
    /// Not an archive of a known format; nothing was visited.
    NotArchive,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, RFC 1952.
    Gzip,
    /// xz, with any number of streams.
    Xz,
    /// The older `.lzma` format.
    Lzma,
    /// bzip2, with any number of streams.
    Bzip2,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Compression {
    /// The usual name of its program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
        }
    }
}

/// Reads an archive and calls `visit` for every entry, in stored order.
///
/// The visitor gets the content of [`EntryKind::File`](super::EntryKind::File) entries as a
/// reader (of others an empty one) and may leave it unread. The reader ends with an error, never
/// just early, if the archive does; the result is then [`ReadError::Archive`], whatever the
/// visitor makes of it. A visitor's own error stops the reading and is returned as
/// [`ReadError::Visit`]. Entries visited before an error have been read in full and are sound as
/// far as their format can tell.
pub fn read_archive<E>(
    input: Input<'_>,
    options: &ArchiveOptions,
    visit: &mut dyn FnMut(&Entry, &mut dyn Read) -> Result<(), E>,
) -> Result<ArchiveKind, ReadError<E>> {
    match input {
        Input::File(mut file) => match file.rewind() {
            Ok(()) => {
                let length = file.metadata().map_or(0, |metadata| metadata.len());
                let budget = Budget::of(options, length);
                // Devices tell no length; what is read of them counts instead.
                let counted_by = (length == 0).then_some(&budget);
                let mut source = Source::new(file, counted_by).watched_by(&budget);
                let mut walk = Walk {
                    options,
                    budget: &budget,
                    visit,
                };
                walk.archive(Place::OUTERMOST, Body::Seekable(&mut source))
            }
            Err(_) => read_archive(Input::Stream(&mut file), options, visit),
        },
        Input::Stream(stream) => {
            let budget = Budget::of(options, 0);
            let mut source = Source::new(stream, Some(&budget)).watched_by(&budget);
            let mut walk = Walk {
                options,
                budget: &budget,
                visit,
            };
            walk.archive(Place::OUTERMOST, Body::Stream(&mut source))
        }
    }
}
