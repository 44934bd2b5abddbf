//! How an archive is compressed.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::gzip::ParallelGzip;

/// Restoring takes so much memory (16 MiB), which is far less than any program refuses; the list of
/// left-out files becomes 6 % smaller by it than by the 2 MiB that the usual levels have.
const ZSTD_WINDOW_LOG: u32 = 24;
const ZSTD_OWN_WINDOWS: i32 = 20;
/// Each takes a few megabytes of memory.
const MOST_ZSTD_WORKERS: usize = 8;

fn zstd_workers() -> u32 {
    let threads = rayon::current_num_threads().clamp(1, MOST_ZSTD_WORKERS);
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
                // The highest levels have larger windows by themselves.
                if level < ZSTD_OWN_WINDOWS {
                    encoder.long_distance_matching(true)?;
                    encoder.window_log(ZSTD_WINDOW_LOG)?;
                }
                // With one worker or many the bytes are the same.
                encoder.multithread(zstd_workers())?;
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

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
