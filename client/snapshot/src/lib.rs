//! Snapshots: plain trees that share what they have in common by hard links.
//!
//! [`create`] makes `DEST/NAME/YYYY-MM-DD-HHMMSS/`, a full copy of its source that needs no
//! program to be read. Files of equal content and metadata are one inode, wherever in whichever
//! snapshot of the destination they are. Beside the snapshots lies an index, a cache: any snapshot
//! may be deleted without it, and [`reindex`] makes it anew.

#![allow(
    missing_docs,
    reason = "a crate of this workspace alone: a name that says all needs no sentence"
)]

mod build;
mod builder;
mod copy;
mod create;
mod delete;
mod destination;
mod diff;
mod directories;
mod error;
mod index;
mod key;
mod link;
mod list;
mod name;
mod options;
mod order;
mod packages;
mod plan;
mod prune;
mod record_file;
mod reindex;
mod remove;
mod restore;
mod separate;
mod state;
mod stats;
mod sums;
mod verify;

pub use create::{Created, create};
pub use delete::delete;
pub use destination::Destination;
pub use diff::{Change, Difference, diff};
pub use error::SnapshotError;
pub use index::UpdateStats;
pub use list::{ListedSnapshot, SnapshotSizes, list};
pub use name::{NameError, SnapshotId, SnapshotName, Stamp};
pub use options::CreateOptions;
pub use prune::{Pruned, prune};
pub use reindex::reindex;
pub use restore::{RestoreSnapshotOptions, RestoreSnapshotStats, restore_snapshot};
pub use stats::CreateStats;
pub use verify::{VerifyStats, verify};

#[cfg(test)]
mod tests;
