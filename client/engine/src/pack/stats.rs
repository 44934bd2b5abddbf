//! What packing did.

use std::collections::HashSet;

use super::plan::PackPlan;
use super::recheck::Fate;
use super::scan::PackScan;

/// What packing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackStats {
    /// Names of regular files in the tree, hard links each.
    pub tree_files: u64,
    /// The sizes of the regular files in the tree, hard-linked ones once.
    pub tree_bytes: u64,
    /// Names that were left out of the archive, because packages hold the content.
    pub deduplicated_files: u64,
    /// The sizes of the files that were left out, hard-linked ones once.
    pub deduplicated_bytes: u64,
    /// How many packages a restore needs.
    pub packages: u64,
    /// The sum of their known sizes.
    pub download_bytes: u64,
    /// Whether all of their sizes are known.
    pub download_exact: bool,
    /// Names of regular files in the archive, without the restore file.
    pub archived_files: u64,
    /// The sizes of the regular files in the archive, hard-linked ones once.
    pub archived_bytes: u64,
    /// The size of the archive, compressed; 0 when none was made.
    pub archive_bytes: u64,
    /// Sockets, which no archive can keep.
    pub socket_files: u64,
    /// How many files could not be packed, or not as they were.
    pub problems: u64,
}

/// Counts the files of the tree and those left out.
pub(super) fn tree_stats(scan: &PackScan, fates: &[Fate], plan: &PackPlan) -> PackStats {
    let mut stats = PackStats {
        packages: plan.packages.len() as u64,
        download_bytes: plan.download_bytes,
        download_exact: plan.download_exact,
        ..PackStats::default()
    };
    let mut seen = HashSet::new();
    for (index, fate) in scan.entries.indexes().zip(fates) {
        let Some(file) = scan.entries.file(index) else {
            continue;
        };
        let is_new = file.links == 1 || seen.insert(file.stamp.id);
        let new_bytes = if is_new { file.stamp.size } else { 0 };
        stats.tree_files += 1;
        stats.tree_bytes = stats.tree_bytes.saturating_add(new_bytes);
        if *fate == Fate::LeaveOut {
            stats.deduplicated_files += 1;
            stats.deduplicated_bytes = stats.deduplicated_bytes.saturating_add(new_bytes);
        }
    }
    stats
}
