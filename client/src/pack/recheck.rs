//! Looks again whether what is left out is still what was hashed.

use std::collections::{HashMap, HashSet};
use std::io;

use hashget_common::digest::Digest;

use super::plan::PackPlan;
use super::scan::PackScan;
use crate::monitor::{Level, Monitor, Problem};
use crate::tree::{TreeEntry, stamp_of};

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
    let mut still_wanted: HashMap<Digest, bool> = plan
        .left_out
        .iter()
        .map(|content| (content.sha256, false))
        .collect();
    let mut fates = Vec::with_capacity(scan.entries.len());
    for entry in &scan.entries {
        let content = scan.content_of(entry);
        let wanted = content.and_then(|content| still_wanted.get_mut(&content.sha256));
        fates.push(match wanted {
            None => Fate::Archive,
            Some(wanted) => {
                let fate = look_again(scan, entry, monitor);
                *wanted |= fate == Fate::LeaveOut;
                fate
            }
        });
    }
    let changed: HashSet<Digest> = still_wanted
        .into_iter()
        .filter_map(|(digest, wanted)| (!wanted).then_some(digest))
        .collect();
    (fates, plan.without(&changed))
}

fn look_again(scan: &PackScan, entry: &TreeEntry, monitor: &dyn Monitor) -> Fate {
    match scan.root.status(&entry.path) {
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
