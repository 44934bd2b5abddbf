//! Removes the snapshots that no keep rule wants.

use std::collections::BTreeMap;

use hashget_words::keep_rules::KeepRules;
use jiff::civil::Date;
use serde::Serialize;

use super::delete::delete_locked;
use super::destination::Destination;
use super::error::SnapshotError;
use super::name::{SnapshotId, SnapshotName, Stamp};
use super::order::in_order;
use hashget_files::monitor::Monitor;

/// What becomes of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Which one it is.
    pub id: SnapshotId,
    /// Which rules keep it; none: it goes.
    pub kept_by: Vec<&'static str>,
}

/// Removes what no rule keeps, in each row by itself; with `dry_run` only tells what that would be.
pub fn prune(
    destination: &Destination,
    name: Option<&SnapshotName>,
    rules: &KeepRules,
    dry_run: bool,
    monitor: &dyn Monitor,
) -> Result<Vec<Pruned>, SnapshotError> {
    if rules.is_empty() {
        return Err(SnapshotError::KeepsNothing);
    }
    let lock = (!dry_run).then(|| destination.lock()).transpose()?;
    let mut rows: BTreeMap<SnapshotName, Vec<Stamp>> = BTreeMap::new();
    for id in in_order(destination, destination.snapshots(name)?)? {
        rows.entry(id.name).or_default().push(id.stamp);
    }
    let mut outcome = Vec::new();
    for (name, stamps) in rows {
        // The newest is the last, whatever times the stamps show.
        let newest_first: Vec<Stamp> = stamps.into_iter().rev().collect();
        let days: Vec<Date> = newest_first
            .iter()
            .map(|stamp| stamp.moment().date())
            .collect();
        for (stamp, kept_by) in newest_first.into_iter().zip(rules.apply(&days)) {
            let name = name.clone();
            let id = SnapshotId { name, stamp };
            outcome.push(Pruned { id, kept_by });
        }
    }
    if let Some(lock) = lock {
        let gone = outcome.iter().filter(|pruned| pruned.kept_by.is_empty());
        let gone: Vec<SnapshotId> = gone.map(|pruned| pruned.id.clone()).collect();
        delete_locked(destination, &gone, &lock, monitor)?;
    }
    Ok(outcome)
}
