//! How an archive is compressed.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bzip2::write::BzEncoder;
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;
use thiserror::Error;

use super::gzip::ParallelGzip;

/// Restoring takes so much memory (16 MiB), which is far less than any program refuses; the list of
/// left-out files becomes 6 % smaller by it than by the 2 MiB that the usual levels have.
const ZSTD_WINDOW_LOG: u32 = 24;
const ZSTD_OWN_WINDOWS: i32 = 20;
/// Each takes a few megabytes of memory.
const MOST_ZSTD_WORKERS: usize = 8;
/// Each takes a hundred megabytes of memory at the usual level.
const MOST_XZ_WORKERS: usize = 4;

fn workers(most: usize) -> u32 {
    let threads = rayon::current_num_threads().clamp(1, most);
    u32::try_from(threads).unwrap_or(1)
}

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
    /// xz, at a level from 0 to 9.
    Xz(u32),
    /// bzip2, at a level from 1 to 9.
    Bzip2(u32),
}

/// Why a name does not say how to compress.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CompressionNameError {
    /// gzip was asked for, and the name promises something else.
    #[error("the name {name} promises {promised}, and -z asks for gzip")]
    Contradiction {
        name: PathBuf,
        /// What the ending stands for.
        promised: &'static str,
    },
    /// The ending promises what is never written.
    #[error("the name {name} promises a format that is not written")]
    NotWritten { name: PathBuf },
}

/// Endings, beside those that mean gzip.
const ENDINGS: [(&str, Compression); 10] = [
    (".zst", Compression::Zstd(Compression::ZSTD_LEVEL)),
    (".tzst", Compression::Zstd(Compression::ZSTD_LEVEL)),
    (".xz", Compression::Xz(Compression::XZ_LEVEL)),
    (".txz", Compression::Xz(Compression::XZ_LEVEL)),
    (".bz2", Compression::Bzip2(Compression::BZIP2_LEVEL)),
    (".tbz", Compression::Bzip2(Compression::BZIP2_LEVEL)),
    (".tbz2", Compression::Bzip2(Compression::BZIP2_LEVEL)),
    (".gz", Compression::Gzip(Compression::GZIP_LEVEL)),
    (".tgz", Compression::Gzip(Compression::GZIP_LEVEL)),
    (".taz", Compression::Gzip(Compression::GZIP_LEVEL)),
];
/// Endings of formats that other programs write.
const FOREIGN: [&str; 10] = [
    ".zip", ".7z", ".rar", ".lz", ".lz4", ".lzo", ".lzma", ".tlz", ".z", ".br",
];

impl Compression {
    /// The level of gzip when none is named.
    pub const GZIP_LEVEL: u32 = 6;
    /// The level of zstd when none is named.
    pub const ZSTD_LEVEL: i32 = 3;
    /// The level of xz when none is named.
    pub const XZ_LEVEL: u32 = 6;
    /// The level of bzip2 when none is named.
    pub const BZIP2_LEVEL: u32 = 9;

    /// What an archive called `name` is compressed with: as the ending says, upper or lower case. An
    /// unknown ending, or none, means gzip when that is asked for with `gzip`, else nothing.
    pub fn for_name(name: &Path, gzip: bool) -> Result<Self, CompressionNameError> {
        let bytes = name.as_os_str().as_bytes().to_ascii_lowercase();
        let ends = |ending: &str| bytes.ends_with(ending.as_bytes());
        let name = || name.to_owned();
        if FOREIGN.iter().any(|ending| ends(ending)) {
            return Err(CompressionNameError::NotWritten { name: name() });
        }
        let known = ENDINGS.iter().find(|(ending, _)| ends(ending));
        let named = known.map(|(_, compression)| *compression);
        match (named, gzip) {
            (Some(compression @ Self::Gzip(_)), true) | (Some(compression), false) => {
                Ok(compression)
            }
            (Some(compression), true) => Err(CompressionNameError::Contradiction {
                name: name(),
                promised: compression.name(),
            }),
            (None, true) => Ok(Self::Gzip(Self::GZIP_LEVEL)),
            (None, false) => Ok(Self::None),
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "tar",
            Self::Gzip(_) => "gzip",
            Self::Zstd(_) => "zstd",
            Self::Xz(_) => "xz",
            Self::Bzip2(_) => "bzip2",
        }
    }

    /// The levels that there are.
    pub fn levels(self) -> RangeInclusive<u32> {
        match self {
            Self::None => 0..=u32::MAX,
            Self::Gzip(_) | Self::Xz(_) => 0..=9,
            Self::Zstd(_) => 1..=22,
            Self::Bzip2(_) => 1..=9,
        }
    }

    /// The same at another level; none if there is no such level.
    pub fn at_level(self, level: u32) -> Option<Self> {
        self.levels().contains(&level).then_some(match self {
            Self::None => Self::None,
            Self::Gzip(_) => Self::Gzip(level),
            Self::Zstd(_) => Self::Zstd(level.cast_signed()),
            Self::Xz(_) => Self::Xz(level),
            Self::Bzip2(_) => Self::Bzip2(level),
        })
    }

    /// A writer that compresses into `inner`.
    pub(super) fn writer<W: Write>(self, inner: W) -> io::Result<Compressor<W>> {
        Ok(match self {
            Self::None => Compressor::None(inner),
            Self::Gzip(level) => Compressor::Gzip(ParallelGzip::new(inner, level)),
            Self::Zstd(level) => {
                let mut encoder = zstd::Encoder::new(inner, level)?;
                encoder.include_checksum(true)?;
                // The highest levels have larger windows by themselves.
                if level < ZSTD_OWN_WINDOWS {
                    encoder.long_distance_matching(true)?;
                    encoder.window_log(ZSTD_WINDOW_LOG)?;
                }
                // With one worker or many the bytes are the same.
                encoder.multithread(workers(MOST_ZSTD_WORKERS))?;
                Compressor::Zstd(encoder)
            }
            Self::Xz(level) => {
                // Blocks are the same on one thread or many.
                let stream = MtStreamBuilder::new()
                    .preset(level)
                    .check(Check::Crc64)
                    .threads(workers(MOST_XZ_WORKERS))
                    .encoder()?;
                Compressor::Xz(XzEncoder::new_stream(inner, stream))
            }
            Self::Bzip2(level) => {
                Compressor::Bzip2(BzEncoder::new(inner, bzip2::Compression::new(level)))
            }
        })
    }
}

/// Compresses what is written; must be finished.
pub(super) enum Compressor<W: Write> {
    None(W),
    Gzip(ParallelGzip<W>),
    Zstd(zstd::Encoder<'static, W>),
    Xz(XzEncoder<W>),
    Bzip2(BzEncoder<W>),
}

impl<W: Write> Compressor<W> {
    /// Writes the end and returns the inner writer.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::None(inner) => Ok(inner),
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
            Self::Bzip2(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(inner) => inner.write(data),
            Self::Gzip(gzip) => gzip.write(data),
            Self::Zstd(encoder) => encoder.write(data),
            Self::Xz(encoder) => encoder.write(data),
            Self::Bzip2(encoder) => encoder.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(inner) => inner.flush(),
            Self::Gzip(gzip) => gzip.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Bzip2(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn named(name: &str, gzip: bool) -> Result<Compression, CompressionNameError> {
        Compression::for_name(Path::new(name), gzip)
    }

    #[test]
    fn the_ending_decides() {
        for (name, with_z, without) in [
            ("a.tar.gz", "gzip", "gzip"),
            ("A.TGZ", "gzip", "gzip"),
            ("a.tar", "gzip", "tar"),
            ("-", "gzip", "tar"),
            ("a", "gzip", "tar"),
            ("a.2026", "gzip", "tar"),
            ("a.tar.zst", "", "zstd"),
            ("a.tzst", "", "zstd"),
            ("a.tar.xz", "", "xz"),
            ("a.tbz", "", "bzip2"),
            ("a.zip", "", ""),
            ("a.tar.Z", "", ""),
        ] {
            let name_of = |gzip| named(name, gzip).map_or("", Compression::name);
            assert_eq!((name_of(true), name_of(false)), (with_z, without), "{name}");
        }
    }

    #[test]
    fn levels_belong_to_a_compression() {
        for (name, level, there) in [
            ("a.tar", 9, true),
            ("a.tar.gz", 12, false),
            ("a.tar.zst", 22, true),
            ("a.tar.zst", 0, false),
            ("a.tar.xz", 0, true),
            ("a.tar.bz2", 0, false),
        ] {
            let compression = named(name, false).unwrap();
            assert_eq!(compression.at_level(level).is_some(), there, "{name}");
        }
    }

    #[test]
    fn zstd_gives_the_same_bytes_on_any_number_of_threads() {
        let content: Vec<u8> = (0..6_000_000_u32)
            .map(|number| (number.wrapping_mul(2_654_435_761) >> 26) as u8)
            .collect();
        let compress = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let mut writer = Compression::Zstd(3).writer(Vec::new()).unwrap();
                writer.write_all(&content).unwrap();
                writer.finish().unwrap()
            })
        };
        let one = compress(1);
        let mut back = Vec::new();
        // As other programs read it: no larger window than they take without being told.
        let mut decoder = zstd::Decoder::new(&one[..]).unwrap();
        decoder.window_log_max(27).unwrap();
        decoder.read_to_end(&mut back).unwrap();
        assert!(back == content);
        assert!(compress(2) == one && compress(5) == one);
    }
}
