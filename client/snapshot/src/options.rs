//! How snapshots are made.

use super::name::SnapshotName;
use hashget_engine::restore::RestoreSources;
use hashget_files::tree::WalkOptions;

/// How a snapshot is made.
#[derive(Clone)]
pub struct CreateOptions<'a> {
    /// Which row it belongs to; unless told, it is called as the source is.
    pub name: Option<SnapshotName>,
    /// What of the source is looked at.
    pub walk: WalkOptions,
    /// Whether every file is read, also where nothing tells that it changed.
    pub full_hash: bool,
    /// Whether the digests of all files are listed beside the snapshot, for `sha256sum -c`.
    pub sums: bool,
    /// Whether all is forced to disk before the snapshot gets its name.
    pub sync: bool,
    /// How many names a file may have; beyond that it gets a copy.
    pub most_links: u64,
    /// Where the files that packages hold come from, if they are taken from there.
    pub packages: Option<&'a dyn RestoreSources>,
}

impl CreateOptions<'_> {
    /// No limit: file systems say themselves when a file can have no more names (ext4 at 65,000,
    /// Btrfs at 65,535).
    pub const MOST_LINKS: u64 = u32::MAX as u64;
}

impl Default for CreateOptions<'_> {
    fn default() -> Self {
        Self {
            name: None,
            walk: WalkOptions::default(),
            full_hash: false,
            sums: false,
            sync: true,
            most_links: Self::MOST_LINKS,
            packages: None,
        }
    }
}
