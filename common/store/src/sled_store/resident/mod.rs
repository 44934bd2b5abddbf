//! The digest index and the rows in memory, so that look-ups wait for no disk.
//!
//! It is filled from the store after the start (`load`), follows every change from the moment
//! on at which filling begins, and gives itself up when it would need more memory than it may,
//! or when the engine fails: then the store answers. As in the store, an entry counts only if its
//! record has a row; entries come before their row and go after it, so that all of a record
//! appears and disappears at once, with its row.

mod rows;
mod table;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::rows::Rows;
use self::table::{GROUP, MAX_ID, Numbers, Spot, Table};
use super::bucket::{self, Entry};
use super::postings::Change;
use super::row::Row;
use hashget_words::digest::Digest;
use hashget_words::package_summary::{PackageId, PackageSummary};

/// How many digests are looked up before a waiting change gets its turn.
const DIGESTS_PER_TURN: usize = 16 * GROUP;
/// How many entries are changed before waiting look-ups get their turn.
const ENTRIES_PER_TURN: usize = 256;

/// What becomes of a record's row.
#[derive(Debug)]
pub(super) enum RowChange {
    /// It is there, and like this.
    Set(PackageId, Box<Row>),
    /// It is gone.
    Gone(PackageId),
}

/// How much is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Off,
    /// All changes since filling began, and some of what was there before.
    Filling,
    Whole,
}

#[derive(Debug)]
struct Content {
    phase: Phase,
    table: Table,
    rows: Rows,
}

/// The digest index and the rows in memory.
#[derive(Debug)]
pub(super) struct Resident {
    max_bytes: u64,
    content: RwLock<Content>,
}

impl Resident {
    /// Empty and off; it may take so much memory.
    pub(super) fn new(max_bytes: u64) -> Self {
        let content = Content {
            phase: Phase::Off,
            table: Table::new(),
            rows: Rows::default(),
        };
        Self {
            max_bytes,
            content: RwLock::new(content),
        }
    }

    /// Whether it may be filled.
    pub(super) fn is_wanted(&self) -> bool {
        self.max_bytes > 0
    }

    /// Whether it answers.
    pub(super) fn is_whole(&self) -> bool {
        self.read().phase == Phase::Whole
    }

    /// Whether it is being filled still.
    pub(super) fn is_filling(&self) -> bool {
        self.read().phase == Phase::Filling
    }

    /// About how much memory it takes, in bytes, if it answers.
    pub(super) fn bytes(&self) -> Option<u64> {
        let content = self.read();
        (content.phase == Phase::Whole).then(|| content.bytes())
    }

    /// Begins to fill it; from now on it follows every change. No commit may run meanwhile.
    pub(super) fn begin(&self) {
        let mut content = self.write();
        content.clear();
        content.phase = Phase::Filling;
    }

    /// Everything is in.
    pub(super) fn finish(&self) {
        let mut content = self.write();
        if content.phase == Phase::Filling {
            content.phase = Phase::Whole;
        }
    }

    /// Gives up: the store answers.
    pub(super) fn give_up(&self) {
        self.write().clear();
    }

    /// Puts entries in, or takes them out. Those put in count when their row is set.
    pub(super) fn apply(&self, change: Change, entries: &[Entry]) {
        for some in entries.chunks(ENTRIES_PER_TURN) {
            let mut content = self.write();
            if content.phase == Phase::Off {
                return;
            }
            for entry in some {
                let mut digest = [0; Digest::BYTES];
                digest.copy_from_slice(&entry[..Digest::BYTES]);
                let digest = Digest::from_bytes(digest);
                match (change, number(bucket::entry_id(entry))) {
                    (Change::Add, Some(number)) => content.table.add(&digest, number),
                    (Change::Remove, Some(number)) => content.table.remove(&digest, number),
                    (_, None) => return content.clear(),
                }
            }
            content.keep_within(self.max_bytes);
        }
    }

    /// Sets rows and takes them out, all at once.
    pub(super) fn apply_rows(&self, changes: Vec<RowChange>) {
        let mut content = self.write();
        if content.phase == Phase::Off {
            return;
        }
        for change in changes {
            match change {
                RowChange::Set(id, row) => match number(id) {
                    Some(number) => content.rows.insert(number, row.into_summary(id)),
                    None => return content.clear(),
                },
                RowChange::Gone(id) => {
                    if let Some(number) = number(id) {
                        content.rows.remove(number);
                    }
                }
            }
        }
        content.keep_within(self.max_bytes);
    }

    /// The summaries of some records; `None`: it does not answer.
    pub(super) fn summaries(&self, ids: &[PackageId]) -> Option<Vec<Option<Arc<PackageSummary>>>> {
        let content = self.read();
        let summary = |id: &PackageId| number(*id).and_then(|n| content.rows.get(n).cloned());
        (content.phase == Phase::Whole).then(|| ids.iter().map(summary).collect())
    }

    /// Calls `visit` for each digest that records have, with its place and their summaries, by
    /// ascending number. How many of the digests were looked up: fewer than all if it was given
    /// up meanwhile.
    pub(super) fn find(
        &self,
        digests: &[Digest],
        visit: &mut dyn FnMut(usize, &[&Arc<PackageSummary>]),
    ) -> usize {
        let mut place = 0;
        for turn in digests.chunks(DIGESTS_PER_TURN) {
            let content = self.read();
            if content.phase != Phase::Whole {
                return place;
            }
            let mut found = Vec::new();
            for group in turn.chunks(GROUP) {
                let mut spots = [Spot::default(); GROUP];
                let spots = &mut spots[..group.len()];
                for (spot, digest) in spots.iter_mut().zip(group) {
                    *spot = content.table.spot(digest);
                }
                std::hint::black_box(content.table.touch(spots));
                let mut all = [Numbers::NONE; GROUP];
                for (numbers, spot) in all.iter_mut().zip(&*spots) {
                    *numbers = content.table.find(spot);
                }
                std::hint::black_box(content.touch_rows(&all));
                for numbers in &all[..group.len()] {
                    let rows = numbers.as_slice().iter();
                    found.extend(rows.filter_map(|number| content.rows.get(*number)));
                    if !found.is_empty() {
                        visit(place, &found);
                        found.clear();
                    }
                    place += 1;
                }
            }
        }
        place
    }

    // Every change leaves the content sound, so that a panic elsewhere does no harm.
    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn bytes(&self) -> u64 {
        (self.table.bytes() + self.rows.bytes()) as u64
    }

    /// Looks at the first row of each, so that they are at hand when they are needed.
    fn touch_rows(&self, all: &[Numbers<'_>]) -> u64 {
        let first = |numbers: &Numbers<'_>| {
            let row = numbers.as_slice().first().map(|n| self.rows.get(*n));
            row.flatten().map_or(0, |row| row.id.0)
        };
        all.iter().map(first).fold(0, |a, b| a ^ b)
    }

    fn clear(&mut self) {
        self.phase = Phase::Off;
        self.table = Table::new();
        self.rows = Rows::default();
    }

    fn keep_within(&mut self, max_bytes: u64) {
        if self.bytes() > max_bytes {
            self.clear();
        }
    }
}

/// The number of a record, if it fits; none ever is 0.
fn number(id: PackageId) -> Option<u32> {
    let fits = (1..=MAX_ID).contains(&id.0);
    fits.then(|| u32::try_from(id.0).ok()).flatten()
}
