//! Packs a directory into an archive that leaves out what can be downloaded again.
//!
//! Three steps, each usable alone: [`scan`] walks the tree and hashes its files, [`PackScan::plan`]
//! asks which packages hold them and chooses the packages to rely on ([`PackPlan`], pure),
//! [`write()`] writes the archive with the list of what was left out. [`pack()`] does all three.
//! [`prepack`] writes only the list, for another program that makes the archive.

mod compact;
mod compress;
mod content;
mod contents;
mod cover;
mod error;
mod exclude_list;
mod gzip;
mod member;
mod members;
mod options;
mod output;
mod own_restore_file;
mod plan;
mod prepack;
mod recheck;
mod restore_list;
mod scan;
mod stats;
mod unread;
mod write;

pub use compact::Compaction;
pub use compress::{Compression, CompressionNameError};
pub use error::PackError;
pub use options::{ExtraContent, ExtraFile, PackOptions};
pub use output::Output;
pub use plan::{PackPlan, PlannedPackage, Wanted};
pub use prepack::prepack;
pub use scan::{PackScan, scan, scan_telling};
pub use stats::PackStats;
pub use unread::Unread;
pub use write::{write, write_compact};

use std::path::Path;

use hashget_files::monitor::Monitor;
use hashget_sources::hash_db::PackageLookup;

/// Scans `root`, plans and writes the archive.
///
/// Problems with single files go to `monitor` and are counted in [`PackStats::problems`]; the
/// archive then holds everything but these files.
pub fn pack<L: PackageLookup>(
    root: &Path,
    output: Output,
    options: &PackOptions,
    lookup: &L,
    monitor: &dyn Monitor,
) -> Result<PackStats, PackError> {
    let scan = scan(root, Some(&output), options, monitor)?;
    let plan = scan.plan(lookup, options)?;
    write(&scan, &plan, output, options, monitor)
}

#[cfg(test)]
mod tests;
