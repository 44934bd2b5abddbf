//! What a run makes, and what goes: pure rules.
//!
//! The rules of rotation are the seed's, which [`rotate`] tells in words; [`protect`] adds what
//! they all have in common: nothing goes that something kept depends on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::name::BackupId;

/// What backups of a section rely on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each on the normal backup of its series.
    #[default]
    Differential,
    /// Each on those before it in its series.
    Incremental,
    /// Each on nothing: all are normal backups.
    Full,
}

impl Mode {
    /// The word for it in the series file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Differential => "differential",
            Self::Incremental => "incremental",
            Self::Full => "full",
        }
    }
}

/// How many backups there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What backups rely on.
    pub mode: Mode,
    /// How many series there may be, at least 1.
    pub max_series: u32,
    /// How many backups a series may have, the normal one among them, at least 1.
    pub max_series_length: u32,
}

/// The backup that the next run makes: a normal one if there is no base or if the last series
/// has reached its length, else the next of that series. `fresh` begins a new series anyway.
pub fn next(existing: &BTreeSet<BackupId>, limits: Limits, fresh: bool) -> BackupId {
    let Some(last) = existing.last() else {
        return BackupId::normal(1);
    };
    let has_base = existing.contains(&BackupId::normal(last.series));
    let is_long = last.point.saturating_add(1) >= limits.max_series_length;
    if fresh || !has_base || is_long || limits.mode == Mode::Full {
        return BackupId::normal(last.series.saturating_add(1));
    }
    BackupId {
        series: last.series,
        point: last.point + 1,
    }
}

/// A backup that goes, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    #[serde(rename = "backup")]
    pub id: BackupId,
    pub why: String,
}

/// What goes when `new` joins the backups `existing`, in the order to remove it.
///
/// The collection is full when it has `max_series` series. Then the oldest differential backup of
/// the oldest series goes; if that series is down to its normal backup, the series goes. When
/// a new series begins there is one too many, and the oldest goes with all that is left
/// of it. The series of `new` itself loses nothing. Incremental backups need those before them, so
/// their series go only as a whole.
pub fn rotate(existing: &BTreeSet<BackupId>, new: BackupId, limits: Limits) -> Vec<Removal> {
    let mut series: BTreeMap<u32, Vec<BackupId>> = BTreeMap::new();
    for id in existing.iter().filter(|id| **id != new) {
        series.entry(id.series).or_default().push(*id);
    }
    let max = limits.max_series.max(1) as usize;
    let was_full = series.len() >= max;
    let begins = !series.contains_key(&new.series);
    let mut removals = Vec::new();
    let mut count = series.len() + usize::from(begins);
    while count > max {
        let Some((number, members)) = series.pop_first() else {
            break;
        };
        let why = format!("series {number:03} is the oldest, and there may be {max}");
        for id in members.into_iter().rev() {
            let why = why.clone();
            removals.push(Removal { id, why });
        }
        count -= 1;
    }
    let oldest = series
        .first_key_value()
        .filter(|(number, _)| **number != new.series);
    if let Some((number, members)) = oldest
        && was_full
        && removals.is_empty()
        && limits.mode != Mode::Incremental
    {
        let id = members
            .iter()
            .find(|id| !id.is_normal())
            .or(members.first());
        if let Some(id) = id {
            let why = if id.is_normal() {
                format!("series {number:03} is the oldest, and down to its normal backup")
            } else {
                format!("it is the oldest of series {number:03}, the oldest of {max}")
            };
            removals.push(Removal { id: *id, why });
        }
    }
    removals
}

/// Takes out of `removals` what must stay whatever a rule says: what a run made, and the newest
/// good backup.
pub fn spare(mut removals: Vec<Removal>, spared: &BTreeSet<BackupId>) -> Vec<Removal> {
    removals.retain(|removal| !spared.contains(&removal.id));
    removals
}

/// Takes out of `removals` what something that stays depends on, directly or not.
/// `depends` tells what each backup depends on.
pub fn protect(
    removals: Vec<Removal>,
    existing: &BTreeSet<BackupId>,
    depends: &dyn Fn(BackupId) -> Vec<BackupId>,
) -> Vec<Removal> {
    let going: BTreeSet<BackupId> = removals.iter().map(|removal| removal.id).collect();
    let mut needed = BTreeSet::new();
    let mut open: Vec<BackupId> = existing.difference(&going).copied().collect();
    while let Some(id) = open.pop() {
        for base in depends(id) {
            if needed.insert(base) {
                open.push(base);
            }
        }
    }
    let mut left: Vec<Removal> = removals
        .into_iter()
        .filter(|removal| !needed.contains(&removal.id))
        .collect();
    // Within a series what depends goes before what it depends on, so that being killed in
    // between leaves nothing that cannot be restored.
    left.sort_by_key(|removal| (removal.id.series, std::cmp::Reverse(removal.id.point)));
    left
}

#[cfg(test)]
mod tests;
