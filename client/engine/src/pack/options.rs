//! How to pack.

use std::time::Duration;

use hashget_words::expiry::Expiry;

use super::compress::Compression;
use crate::hint_scope::HintScopes;
use hashget_files::hash_cache::HashCache;
use hashget_files::tree::{PatternSet, WalkOptions};

/// How to pack.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// What of the tree is looked at.
    pub walk: WalkOptions,
    /// What is put into the archive as it is, without looking for it in packages.
    pub skip: PatternSet,
    /// Only files larger than this many bytes are looked for in packages.
    pub filesz: u64,
    /// Whether files of any size are looked at, so that compaction finds all
    /// that are untouched members of packages.
    pub compact: bool,
    /// Where digests are remembered, so that what did not change is not read again.
    pub hash_cache: Option<HashCache>,
    /// Whether smaller files are left out, too, where a package holds them that is relied on anyway,
    /// and listing them costs less than storing them.
    pub small_files: bool,
    /// What was listed less than this ago is not looked at again before it is left out.
    pub fresh: Duration,
    /// What packages that only hints name may be relied on for.
    pub hints: HintScopes,
    /// Until when the archive must be restorable.
    pub expires: Expiry,
    /// How the archive is compressed.
    pub compression: Compression,
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
            hints: HintScopes::default(),
            expires: Expiry::Never,
            compression: Compression::None,
        }
    }
}
