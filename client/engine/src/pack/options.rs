//! How to pack.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use hashget_words::expiry::Expiry;
use hashget_words::rel_path::RelPath;

use super::compress::Compression;
use hashget_files::hash_cache::HashCache;
use hashget_files::tree::{PatternSet, WalkOptions};

/// How to pack.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// Which part of the tree is walked.
    pub walk: WalkOptions,
    /// Files that are packed as they are, without a look-up.
    pub skip: PatternSet,
    /// Files of at most this many bytes are packed without a look-up.
    pub filesz: u64,
    /// Whether files of any size are looked at, so that [`Compaction`](super::Compaction) finds all
    /// that are untouched members of packages.
    pub compact: bool,
    /// The cache of digests, so that unchanged files are not read again.
    pub hash_cache: Option<HashCache>,
    /// Whether smaller files are left out, too, if a package that is needed anyway holds them and
    /// listing them is shorter than storing them.
    pub small_files: bool,
    /// A file listed less than this ago is not checked again before it is left out.
    pub fresh: Duration,
    /// The day until which the archive must be restorable.
    pub expires: Expiry,
    /// How the archive is compressed.
    pub compression: Compression,
    /// Files that are put into the archive after the restore file, and are not in the tree.
    pub extra: Vec<ExtraFile>,
}

/// A file that is added to the archive and is not in the tree.
#[derive(Clone, Debug)]
pub struct ExtraFile {
    /// Where it appears when the archive is extracted; the tree must have nothing there.
    pub path: RelPath,
    /// What is in it.
    pub content: ExtraContent,
}

/// The content of an [`ExtraFile`].
#[derive(Clone, Debug)]
pub enum ExtraContent {
    Bytes(Vec<u8>),
    /// The bytes of a file, which is opened when its turn has come and not held in memory.
    File {
        path: PathBuf,
        /// Its size, in bytes.
        size: u64,
    },
}

impl ExtraContent {
    /// The size, in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// Opens the content.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(&bytes[..]),
            Self::File { path, .. } => Box::new(File::open(path)?),
        })
    }
}

impl PackOptions {
    /// The default of [`PackOptions::fresh`]: how far apart the moments are that an archive shows
    /// of two files, however it is made.
    pub const FRESH: Duration = Duration::from_secs(2);

    /// The default of [`PackOptions::filesz`].
    pub const FILESZ: u64 = 1024;

    /// The size of the smallest files that are looked for in packages, in bytes.
    ///
    /// Listing a file takes about 55 bytes of a compressed archive and storing it about 45 and the
    /// content; of one that is not compressed 400 bytes and at least 2048 (measured on the
    /// sources of linux 6.1.4).
    pub(super) fn smallest(&self) -> u64 {
        match (self.compact, self.small_files, self.compression) {
            // A member costs nothing at all.
            (true, _, _) => 0,
            (_, true, Compression::None) => self.filesz.min(1),
            (_, true, _) => self.filesz.min(32),
            (_, false, _) => self.filesz.saturating_add(1),
        }
    }
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            walk: WalkOptions::default(),
            skip: PatternSet::default(),
            filesz: Self::FILESZ,
            small_files: false,
            compact: false,
            hash_cache: None,
            fresh: Self::FRESH,
            expires: Expiry::Never,
            compression: Compression::None,
            extra: Vec::new(),
        }
    }
}
