//! How to pack.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use hashget_common::expiry::Expiry;
use hashget_common::rel_path::RelPath;

use super::compress::Compression;
use crate::hash_cache::HashCache;
use crate::tree::{PatternSet, WalkOptions};

/// How to pack.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// What of the tree is looked at.
    pub walk: WalkOptions,
    /// What is put into the archive as it is, without looking for it in packages.
    pub skip: PatternSet,
    /// Only files larger than this many bytes are looked for in packages.
    pub filesz: u64,
    /// Where digests are remembered, so that what did not change is not read again.
    pub hash_cache: Option<HashCache>,
    /// Until when the archive must be restorable.
    pub expires: Expiry,
    /// How the archive is compressed.
    pub compression: Compression,
    /// Files that are put into the archive after the restore file, and are not in the tree.
    pub extra: Vec<ExtraFile>,
}

/// A file that an archive gets besides the tree.
#[derive(Clone, Debug)]
pub struct ExtraFile {
    /// Where it appears when the archive is extracted; the tree must have nothing there.
    pub path: RelPath,
    /// What is in it.
    pub content: ExtraContent,
}

/// What is in a file that an archive gets besides the tree.
#[derive(Clone, Debug)]
pub enum ExtraContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes of a file, which is opened when its turn has come and not held in memory.
    File {
        /// The file.
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
    /// The default of [`PackOptions::filesz`].
    pub const FILESZ: u64 = 1024;
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            walk: WalkOptions::default(),
            skip: PatternSet::default(),
            filesz: Self::FILESZ,
            hash_cache: None,
            expires: Expiry::Never,
            compression: Compression::None,
            extra: Vec::new(),
        }
    }
}
