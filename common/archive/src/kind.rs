//! What an archive is, and how it is compressed.

/// What [`read_archive`](super::read_archive) found its input to be.
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
