//! Looks again whether what is left out is still what was hashed.

use std::collections::HashSet;
use std::io;

use hashget_common::digest::Digest;
use rayon::prelude::*;

use super::plan::PackPlan;
use super::scan::PackScan;
use crate::monitor::{Level, Monitor, Problem};
use crate::tree::{Statuses, TreeEntry, stamp_of};

/// So many entries of the tree are looked at by one thread.
const CHUNK_ENTRIES: usize = 1024;

/// What becomes of an entry of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes into the archive.
    Archive,
    /// A package holds its content, so it goes into the restore file.
    LeaveOut,
    /// It is no longer there.
    Gone,
}

/// Decides for every entry, and gives the plan that is left: what changed since it was hashed
/// goes into the archive.
pub(super) fn recheck(
    scan: &PackScan,
    plan: &PackPlan,
    monitor: &dyn Monitor,
) -> (Vec<Fate>, PackPlan) {
    let left_out: HashSet<Digest> = plan.left_out.iter().map(|it| it.sha256).collect();
    let fates: Vec<Fate> = scan
        .entries
        .par_chunks(CHUNK_ENTRIES)
        .flat_map_iter(|entries| {
            let mut statuses = scan.root.statuses();
            let left_out = &left_out;
            entries.iter().map(move |entry| {
                let content = scan.content_of(entry);
                if content.is_some_and(|content| left_out.contains(&content.sha256)) {
                    look_again(&mut statuses, entry, monitor)
                } else {
                    Fate::Archive
                }
            })
        })
        .collect();
    let mut changed = left_out;
    for (entry, fate) in scan.entries.iter().zip(&fates) {
        if *fate == Fate::LeaveOut
            && let Some(content) = scan.content_of(entry)
        {
            changed.remove(&content.sha256);
        }
    }
    let plan = if changed.is_empty() {
        plan.clone()
    } else {
        plan.without(&changed)
    };
    (fates, plan)
}

/// Decides for a file that a package holds.
pub(super) fn look_again(
    statuses: &mut Statuses<'_>,
    entry: &TreeEntry,
    monitor: &dyn Monitor,
) -> Fate {
    match statuses.status(&entry.path) {
        Ok(status) if Some(stamp_of(&status)) == entry.stamp() => Fate::LeaveOut,
        Ok(_) => {
            let text = format!(
                "{} changed since it was hashed: packed as it is",
                entry.path
            );
            monitor.message(Level::Detail, &text);
            Fate::Archive
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what = "vanished while packing";
            monitor.problem(&Problem::text(entry.path.to_string(), what));
            Fate::Gone
        }
        // Whatever it is, archiving it will tell.
        Err(_) => Fate::Archive,
    }
}
