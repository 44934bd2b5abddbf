//! Compresses test material.

use std::io::Write as _;

/// How to compress something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// The older `.lzma`.
    Lzma,
    /// bzip2.
    Bzip2,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Plain,
        Self::Gzip,
        Self::Xz,
        Self::Lzma,
        Self::Bzip2,
        Self::Zstd,
    ];

    /// The usual end of a file name, with its dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Lzma => ".lzma",
            Self::Bzip2 => ".bz2",
            Self::Zstd => ".zst",
        }
    }

    /// Compresses `data` the same way each time.
    pub fn compress(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => data.to_vec(),
            Self::Gzip => {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).expect("memory takes all");
                encoder.finish().expect("memory takes all")
            }
            Self::Xz => liblzma::encode_all(data, 6).expect("memory takes all"),
            Self::Lzma => {
                let options = liblzma::stream::LzmaOptions::new_preset(6).expect("a valid level");
                let stream = liblzma::stream::Stream::new_lzma_encoder(&options);
                let stream = stream.expect("valid options");
                let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
                encoder.write_all(data).expect("memory takes all");
                encoder.finish().expect("memory takes all")
            }
            Self::Bzip2 => {
                let level = bzip2::Compression::default();
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
                encoder.write_all(data).expect("memory takes all");
                encoder.finish().expect("memory takes all")
            }
            Self::Zstd => zstd::encode_all(data, 3).expect("memory takes all"),
        }
    }
}
