//! Checks once more that the files left out are still those that were hashed.

use std::io;

use rayon::prelude::*;

use super::plan::PackPlan;
use super::scan::PackScan;
use hashget_files::monitor::{Level, Monitor, Problem};
use hashget_files::tree::{EntryIndex, Statuses, stamp_of};

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
/// goes into the archive. If the tree was listed less than [`PackOptions::fresh`] ago, nothing is
/// looked at.
///
/// [`PackOptions::fresh`]: super::PackOptions::fresh
pub(super) fn recheck(
    scan: &PackScan,
    plan: &PackPlan,
    monitor: &dyn Monitor,
) -> (Vec<Fate>, PackPlan) {
    let left_out = plan.left_out.iter().map(|it| it.sha256);
    let mut left_out = scan.contents.marked(left_out);
    let is_fresh = scan.began.elapsed() < scan.options.fresh;
    let count = scan.entries.len();
    let mut fates = vec![Fate::Archive; count];
    fates
        .par_chunks_mut(CHUNK_ENTRIES)
        .enumerate()
        .for_each(|(chunk, fates)| {
            let mut statuses = scan.root.statuses();
            let indexes = (chunk * CHUNK_ENTRIES..).map(EntryIndex::from);
            for (fate, index) in fates.iter_mut().zip(indexes) {
                if left_out.has(index) {
                    *fate = if is_fresh {
                        Fate::LeaveOut
                    } else {
                        look_again(scan, index, &mut statuses, monitor)
                    };
                }
            }
        });
    for (index, fate) in scan.entries.indexes().zip(&fates) {
        if *fate == Fate::LeaveOut {
            left_out.unmark(index);
        }
    }
    let changed = left_out.digests();
    let plan = if changed.is_empty() {
        plan.clone()
    } else {
        plan.without(&changed)
    };
    (fates, plan)
}

/// Decides for a file that a package holds.
pub(super) fn look_again(
    scan: &PackScan,
    index: EntryIndex,
    statuses: &mut Statuses<'_>,
    monitor: &dyn Monitor,
) -> Fate {
    let path = scan.entries.path(index);
    let stamp = scan.entries.file(index).map(|file| file.stamp);
    match statuses.status(&path) {
        Ok(status) if Some(stamp_of(&status)) == stamp => Fate::LeaveOut,
        Ok(_) => {
            let text = format!("{path} changed since it was hashed: packed as it is");
            monitor.message(Level::Detail, &text);
            Fate::Archive
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what = "vanished while packing";
            monitor.problem(&Problem::text(path.to_string(), what));
            Fate::Gone
        }
        // Whatever it is, archiving it will tell.
        Err(_) => Fate::Archive,
    }
}
