//! How to pack.

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
    pub content: Vec<u8>,
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
