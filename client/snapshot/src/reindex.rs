//! Makes the index anew from the snapshots.

use super::create::home;
use super::destination::Destination;
use super::destination::packages_path;
use super::error::SnapshotError;
use super::index::{Index, UpdateStats};
use hashget_files::monitor::Monitor;

/// Reads all files of all snapshots, each once, and writes a new index.
pub fn reindex(
    destination: &Destination,
    monitor: &dyn Monitor,
) -> Result<UpdateStats, SnapshotError> {
    let lock = destination.lock()?;
    destination.clean(&lock)?;
    let mut index = Index::new(packages_path());
    let stats = index.update(destination, monitor)?;
    index.save(&destination.own("index"), home(destination)?)?;
    Ok(stats)
}
