//! Packs a directory into an archive that leaves out what can be downloaded again.
//!
//! [`Packing::new`] walks the tree, hashes its files, and asks meanwhile which packages hold them; its
//! [`PackPlan`] is what [`Packing::write`] then carries out. Who must look at the tree in between makes
//! a [`PackScan`] first. [`prepack`] writes only the list, for another program that makes the archive.

mod compact;
mod compaction;
mod compress;
mod content;
mod contents;
mod cover;
mod error;
mod exclude_list;
mod extra;
mod gzip;
mod hinted;
mod index;
mod member;
mod members;
mod options;
mod output;
mod own_restore_file;
mod packing;
mod plan;
mod prepack;
mod probe;
mod recheck;
mod restore_list;
mod scan;
mod stats;
mod unread;
mod write;

pub use compress::{Compression, CompressionNameError};
pub use error::PackError;
pub use extra::{ExtraContent, ExtraFile};
pub use options::PackOptions;
pub use output::Output;
pub use packing::Packing;
pub use plan::{PackPlan, PlannedPackage, Wanted};
pub use prepack::prepack;
pub use scan::PackScan;
pub use stats::PackStats;
pub use unread::Unread;

#[cfg(test)]
mod tests;
