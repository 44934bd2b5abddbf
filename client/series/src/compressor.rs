//! Compresses an archive by the ending of its name.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::error::SeriesError;

/// Compresses what is written; must be finished.
pub(super) enum Compressor {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Compressor {
    /// Writes to `file`, compressed as the ending of `name` says.
    pub(super) fn new(name: &Path, file: File) -> Result<Self, SeriesError> {
        use std::os::unix::ffi::OsStrExt;
        let bytes = name.as_os_str().as_bytes();
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(if bytes.ends_with(b"gz") {
            Self::Gzip(flate2::write::GzEncoder::new(
                file,
                flate2::Compression::new(6),
            ))
        } else if bytes.ends_with(b"zst") {
            let encoder = zstd::Encoder::new(file, 3);
            Self::Zstd(encoder.map_err(SeriesError::io("write", name))?)
        } else {
            Self::Plain(file)
        })
    }

    /// Writes all that is still in buffers.
    pub(super) fn finish(self) -> io::Result<()> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        file.flush()
    }
}

impl Write for Compressor {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(data),
            Self::Gzip(encoder) => encoder.write(data),
            Self::Zstd(encoder) => encoder.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
