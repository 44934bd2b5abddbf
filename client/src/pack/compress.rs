//! How an archive is compressed.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::gzip::ParallelGzip;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, at a level from 0 to 9.
    Gzip(u32),
    /// Zstandard, at a level from 1 to 22.
    Zstd(i32),
}

impl Compression {
    /// The level of gzip when none is named.
    pub const GZIP_LEVEL: u32 = 6;
    /// The level of zstd when none is named.
    pub const ZSTD_LEVEL: i32 = 3;

    /// What an archive called `name` should be compressed with: gzip when asked for, else zstd if
    /// the name ends in `.zst` or `.tzst`, else nothing. As in the original, `.gz` alone does
    /// not compress.
    pub fn for_name(name: &Path, gzip: bool) -> Self {
        let name = name.as_os_str().as_bytes();
        if gzip {
            Self::Gzip(Self::GZIP_LEVEL)
        } else if name.ends_with(b".zst") || name.ends_with(b".tzst") {
            Self::Zstd(Self::ZSTD_LEVEL)
        } else {
            Self::None
        }
    }

    /// A writer that compresses into `inner`.
    pub(super) fn writer<W: Write>(self, inner: W) -> io::Result<Compressor<W>> {
        Ok(match self {
            Self::None => Compressor::None(inner),
            Self::Gzip(level) => Compressor::Gzip(ParallelGzip::new(inner, level)),
            Self::Zstd(level) => {
                let mut encoder = zstd::Encoder::new(inner, level)?;
                encoder.include_checksum(true)?;
                Compressor::Zstd(encoder)
            }
        })
    }
}

/// Compresses what is written; must be finished.
pub(super) enum Compressor<W: Write> {
    None(W),
    Gzip(ParallelGzip<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Writes the end and gives back what was written to.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::None(inner) => Ok(inner),
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(inner) => inner.write(data),
            Self::Gzip(gzip) => gzip.write(data),
            Self::Zstd(encoder) => encoder.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(inner) => inner.flush(),
            Self::Gzip(gzip) => gzip.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
