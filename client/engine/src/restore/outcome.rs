//! What becomes of the members of an archive, counted and named.

use std::sync::{Mutex, PoisonError};

use hashget_files::monitor::{Monitor, Problem};
use hashget_files::place::{PlaceError, Placed};

use super::stats::ExtractStats;

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is there now; with how many bytes, if it is a file.
    Placed(u64),
    Unchanged,
    Kept,
    Unselected,
    Refused,
}

impl Outcome {
    /// That of something with `size` bytes of content.
    pub(super) fn of(placed: Placed, size: u64) -> Self {
        match placed {
            Placed::New => Self::Placed(size),
            Placed::Kept => Self::Kept,
        }
    }
}

/// Counts what becomes of members, on any thread.
pub(super) struct Tally<'a> {
    stats: Mutex<ExtractStats>,
    monitor: &'a dyn Monitor,
}

impl<'a> Tally<'a> {
    pub(super) fn new(monitor: &'a dyn Monitor) -> Self {
        Self {
            stats: Mutex::default(),
            monitor,
        }
    }

    /// Counts a member, which is called `subject` if it could not be placed.
    pub(super) fn count(
        &self,
        outcome: &Result<Outcome, PlaceError>,
        subject: impl FnOnce() -> String,
    ) {
        let mut stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(Outcome::Placed(size)) => {
                stats.placed_members += 1;
                stats.placed_bytes += size;
            }
            Ok(Outcome::Unchanged) => stats.unchanged_files += 1,
            Ok(Outcome::Kept) => stats.kept_members += 1,
            Ok(Outcome::Unselected) => stats.unselected_members += 1,
            // The screen has counted and named it.
            Ok(Outcome::Refused) => {}
            Err(error) => {
                stats.failed_members += 1;
                stats.in_the_way_members += u64::from(error.is_in_the_way());
                self.monitor.problem(&Problem::new(subject(), error));
            }
        }
    }

    /// What was counted.
    pub(super) fn into_stats(self) -> ExtractStats {
        self.stats
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
