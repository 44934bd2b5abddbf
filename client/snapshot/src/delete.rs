//! Removes snapshots.

use super::create::home;
use super::destination::{Destination, Lock};
use super::error::SnapshotError;
use super::index::Index;
use super::name::SnapshotId;
use hashget_files::monitor::{Level, Monitor, error_chain};

/// Removes snapshots; the others do not change.
pub fn delete(
    destination: &Destination,
    ids: &[SnapshotId],
    monitor: &dyn Monitor,
) -> Result<(), SnapshotError> {
    let lock = destination.lock()?;
    delete_locked(destination, ids, &lock, monitor)
}

pub(super) fn delete_locked(
    destination: &Destination,
    ids: &[SnapshotId],
    lock: &Lock,
    monitor: &dyn Monitor,
) -> Result<(), SnapshotError> {
    destination.clean(lock)?;
    for id in ids {
        destination.remove(id, lock)?;
        monitor.message(Level::Detail, &format!("removed {id}"));
    }
    if let Err(error) = forget_removed(destination) {
        // The next run finds out by itself.
        let text = format!("the index could not be updated: {}", error_chain(&error));
        monitor.message(Level::Warning, &text);
    }
    Ok(())
}

/// Takes what was removed out of the index, if there is one.
fn forget_removed(destination: &Destination) -> Result<(), SnapshotError> {
    let (path, home) = (destination.own("index"), home(destination)?);
    if let Some(mut index) = Index::load(&path, home)? {
        index.drop_gone(destination)?;
        index.save(&path, home)?;
    }
    Ok(())
}
