//! How much a restore would need.

use std::path::Path;

use serde::Serialize;

use crate::restore::list::{self, reference};
use crate::restore::{RestoreError, RestoreSources};
use hashget_files::monitor::Monitor;

/// How much a restore would need.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RestoreInfo {
    /// Files that the restore file lists.
    pub files: u64,
    pub files_bytes: u64,
    /// Packages that it needs.
    pub packages: u64,
    /// Their sizes, as far as known.
    pub packages_bytes: u64,
    /// Whether all sizes are known; else the sum is shown with a `+`.
    pub packages_bytes_exact: bool,
    /// Packages that are in pools or the cache.
    pub at_hand_packages: u64,
    /// Their sizes, as far as known.
    pub at_hand_bytes: u64,
    /// The URLs of the packages that are still to download, in the order of the restore file.
    pub to_download: Vec<String>,
}

/// Tells how much restoring the directory or archive `target` would need.
pub fn info(
    target: &Path,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<RestoreInfo, RestoreError> {
    let list = list::load(target, None)?;
    let packages: Vec<_> = list.packages.iter().map(reference).collect();
    let at_hand = sources.at_hand(&packages, true, monitor);
    let mut info = RestoreInfo {
        files: list.files_count(),
        files_bytes: list.files_bytes(),
        packages: packages.len() as u64,
        packages_bytes_exact: list.packagesize_exact,
        ..RestoreInfo::default()
    };
    let known = packages.iter().filter_map(|package| package.size);
    // Old restore files know only the sum.
    info.packages_bytes = known.fold(0, u64::saturating_add).max(list.packagesize);
    for (number, package) in packages.iter().enumerate() {
        if at_hand.get(number).is_some_and(Option::is_some) {
            info.at_hand_packages += 1;
            info.at_hand_bytes = info.at_hand_bytes.saturating_add(package.size.unwrap_or(0));
        } else {
            info.to_download.extend(package.urls.first().cloned());
        }
    }
    Ok(info)
}
