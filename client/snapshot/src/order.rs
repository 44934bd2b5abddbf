//! In which order the snapshots of a row were made, whatever the clocks said.
//!
//! Names hold local time, which goes back at the end of summer time and where a clock is set. So each snapshot gets
//! a number, higher than all before it in its row, and the instant at which it was begun.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::destination::Destination;
use super::error::SnapshotError;
use super::name::{SnapshotId, SnapshotName, Stamp};
use super::record_file::{Decoder, Encoder, Prepared, RecordKind, load, prepare};

/// When a snapshot was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Counts the snapshots of the row, from 1.
    pub(super) number: u64,
    /// When it was begun, seconds since 1970.
    pub(super) second: i64,
}

/// The order of the snapshots of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowOrder(BTreeMap<Stamp, Made>);

/// The least that an entry takes.
const ENTRY_BYTES: usize = 4 + 8 + 8;

impl RowOrder {
    /// Reads the order of a row; an empty one if there is none that can be used.
    pub(super) fn load(
        destination: &Destination,
        name: &SnapshotName,
    ) -> Result<Self, SnapshotError> {
        let body = load(&path(destination, name), RecordKind::Order)?;
        let order = body.and_then(|body| decode(&body));
        Ok(Self(order.unwrap_or_default()))
    }

    /// Adds a snapshot that is being made, as the newest of the row.
    pub(super) fn add(&mut self, stamp: Stamp, now: Timestamp) {
        let highest = self.0.values().map(|made| made.number).max();
        let made = Made {
            number: highest.unwrap_or(0).saturating_add(1),
            second: now.as_second(),
        };
        self.0.insert(stamp, made);
    }

    /// Forgets all but these.
    pub(super) fn retain(&mut self, present: &[SnapshotId]) {
        self.0
            .retain(|stamp, _| present.iter().any(|id| id.stamp == *stamp));
    }

    /// Writes the order, but does not yet give the file its name.
    pub(super) fn prepare(
        &self,
        destination: &Destination,
        name: &SnapshotName,
    ) -> Result<Prepared, SnapshotError> {
        let mut encoder = Encoder::default();
        encoder.count(self.0.len());
        for (stamp, made) in &self.0 {
            encoder.bytes(stamp.to_string().as_bytes());
            encoder.u64(made.number);
            encoder.u64(made.second.cast_unsigned());
        }
        prepare(&path(destination, name), RecordKind::Order, encoder.body())
    }

    /// Sorts snapshots of the row, the oldest first. Those without a number were made before there were numbers: they come
    /// first, by the time in their names.
    pub(super) fn sort(&self, ids: &mut [SnapshotId]) {
        ids.sort_by_key(|id| {
            let number = self.0.get(&id.stamp).map_or(0, |made| made.number);
            (number, id.stamp)
        });
    }

    /// When a snapshot was begun, to the second.
    pub(super) fn begun(&self, stamp: Stamp) -> Option<Timestamp> {
        Timestamp::from_second(self.0.get(&stamp)?.second).ok()
    }
}

fn path(destination: &Destination, name: &SnapshotName) -> std::path::PathBuf {
    destination.own(&format!("{name}.order"))
}

fn decode(body: &[u8]) -> Option<BTreeMap<Stamp, Made>> {
    let mut decoder = Decoder::new(body);
    let count = decoder.count(ENTRY_BYTES)?;
    let mut order = BTreeMap::new();
    for _ in 0..count {
        let stamp = std::str::from_utf8(decoder.bytes()?).ok()?.parse().ok()?;
        let made = Made {
            number: decoder.u64()?,
            second: decoder.u64()?.cast_signed(),
        };
        order.insert(stamp, made);
    }
    decoder.is_empty().then_some(order)
}

/// Snapshots, row by row, the oldest of each first, and when each was begun, where that is known: since there are numbers.
pub(super) fn in_order_with_times(
    destination: &Destination,
    ids: Vec<SnapshotId>,
) -> Result<Vec<(SnapshotId, Option<Timestamp>)>, SnapshotError> {
    let mut found = Vec::with_capacity(ids.len());
    for (name, mut row) in rows(ids) {
        let order = RowOrder::load(destination, &name)?;
        order.sort(&mut row);
        found.extend(row.into_iter().map(|id| {
            let begun = order.begun(id.stamp);
            (id, begun)
        }));
    }
    Ok(found)
}

/// Snapshots, row by row, the oldest of each first.
pub(super) fn in_order(
    destination: &Destination,
    ids: Vec<SnapshotId>,
) -> Result<Vec<SnapshotId>, SnapshotError> {
    let found = in_order_with_times(destination, ids)?;
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

fn rows(ids: Vec<SnapshotId>) -> BTreeMap<SnapshotName, Vec<SnapshotId>> {
    let mut rows: BTreeMap<SnapshotName, Vec<SnapshotId>> = BTreeMap::new();
    for id in ids {
        rows.entry(id.name.clone()).or_default().push(id);
    }
    rows
}
