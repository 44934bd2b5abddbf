//! How much an archive may ask of the machine that reads it.

use std::sync::Arc;
use std::{fmt, io};

use super::problem::ProblemHandler;

/// Asked again and again during a reading; an error ends it.
pub type MayGoOn = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// What to read and how far to trust it.
#[derive(Clone, Default)]
pub struct ArchiveOptions {
    /// Whether files that are themselves archives are read too. They are visited as files first.
    pub recursive: bool,
    /// Whether a tar archive must end with its marker, two blocks of zeros, and the checksum of
    /// [`TarWriter`](super::TarWriter) fit if one follows. Without the marker an archive that was
    /// cut short between two members looks whole, compressed or not. Packages need not
    /// have it, for their hashes tell; archives within archives never do. All of the archive
    /// must be readable then: no member of a zip is left out.
    pub require_end: bool,
    /// How many threads decompress the outermost file, where its format can be cut into parts: xz
    /// in several blocks, zstd in several frames. 0 and 1 are none but the caller's own.
    pub threads: u32,
    /// Whether the visitor gets only the data of sparse files, the extents of
    /// [`EntryMetadata::sparse`](super::EntryMetadata::sparse) one after the other, as
    /// [`TarWriter::append`](super::TarWriter::append) takes them. Then holes cost nothing.
    pub skip_holes: bool,
    /// The bounds of the whole reading.
    pub limits: Limits,
    /// Called for whatever is wrong without failing the reading.
    pub on_problem: Option<ProblemHandler>,
    /// Asked before each piece of the file, of decoded data and of holes, and before each entry. Its
    /// error ends the reading, as [`ArchiveError::Stopped`](super::ArchiveError::Stopped).
    pub may_go_on: Option<MayGoOn>,
}

impl fmt::Debug for ArchiveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveOptions")
            .field("recursive", &self.recursive)
            .field("require_end", &self.require_end)
            .field("threads", &self.threads)
            .field("skip_holes", &self.skip_holes)
            .field("limits", &self.limits)
            .field("on_problem", &self.on_problem.is_some())
            .field("may_go_on", &self.may_go_on.is_some())
            .finish()
    }
}

/// Bounds on archives from elsewhere: generous for what people publish, but finite. Each is a
/// setting of the same name, in the table `package_limits`.
///
/// Memory needed is about `max_decoder_memory` for each level of nesting, plus
/// `max_extension_bytes`, `max_global_bytes` and 16 bytes for each sparse extent, whatever the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries visited, nested ones included. Default 10 million.
    pub max_entries: u64,
    /// Bytes made by decompressors and by filling holes of sparse files, nested ones included.
    /// Default 1 TiB.
    pub max_total_bytes: u64,
    /// Bytes of the holes of those sparse files whose content is read, nested ones included. They are judged
    /// before the first byte of a file is read: a header of 512 bytes can claim eight exabytes of
    /// zeros, and each of them must be hashed. Default 16 GiB.
    pub max_hole_bytes: u64,
    /// Decoded bytes for each byte of the outermost file, looked at once more than
    /// `ratio_free_bytes` are decoded. Holes of sparse files do not count: a disk image may well
    /// be nearly all hole. Default 2000, twice what gzip can reach on zeros.
    pub max_ratio: u64,
    /// Decoded bytes below which any ratio is fine, so that zero-filled files compressed by xz
    /// (up to 7,000 times) or zstd (30,000 times) pass. Default 1 GiB.
    pub ratio_free_bytes: u64,
    /// How deep archives in archives are read: 0 reads the outermost only. Default 8.
    pub max_depth: u32,
    /// Bytes one decompressor may use for its window. Default 256 MiB, enough for `xz -9`
    /// (65 MiB) and `zstd --ultra -22` (128 MiB).
    pub max_decoder_memory: u64,
    /// Bytes of one pax header, long name or link target. Default 1 MiB.
    pub max_extension_bytes: u64,
    /// Bytes that global pax headers may keep in force, since they are copied for each member. Default
    /// 64 KiB; git's, the common ones, keep none.
    pub max_global_bytes: u64,
    /// Data extents of one sparse file. Default 1 million.
    pub max_sparse_extents: u64,
    /// Bytes of one nested archive, or of a zip that comes as a stream, that are put aside in an
    /// unnamed temporary file in order to be read twice. Default 16 GiB.
    pub max_spool_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 10_000_000,
            max_total_bytes: 1 << 40,
            max_hole_bytes: 16 << 30,
            max_ratio: 2000,
            ratio_free_bytes: 1 << 30,
            max_depth: 8,
            max_decoder_memory: 256 << 20,
            max_extension_bytes: 1 << 20,
            max_global_bytes: 64 << 10,
            max_sparse_extents: 1_000_000,
            max_spool_bytes: 16 << 30,
        }
    }
}

impl Limits {
    /// No bounds, for an archive that its user names as his own: what bounds it is his disk and his memory.
    ///
    /// Nothing is allocated by what an archive says of itself, so that a short archive costs little
    /// memory even so; but it may make a reader of holes work without end. Read it with
    /// [`ArchiveOptions::skip_holes`], or look at sizes first.
    pub fn none() -> Self {
        Self {
            max_entries: u64::MAX,
            max_total_bytes: u64::MAX,
            max_hole_bytes: u64::MAX,
            max_ratio: u64::MAX,
            ratio_free_bytes: u64::MAX,
            max_depth: u32::MAX,
            max_decoder_memory: u64::MAX,
            max_extension_bytes: u64::MAX,
            max_global_bytes: u64::MAX,
            max_sparse_extents: u64::MAX,
            max_spool_bytes: u64::MAX,
        }
    }
}

impl ArchiveOptions {
    /// How an archive is read that its user names as his own: without limits and holes.
    pub fn own() -> Self {
        Self {
            skip_holes: true,
            limits: Limits::none(),
            ..Self::default()
        }
    }
}
