//! Which snapshots to keep: the newest, and one each for so many days, weeks, months and years.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use serde::Serialize;

use super::delete::delete_locked;
use super::destination::Destination;
use super::error::SnapshotError;
use super::name::{SnapshotId, SnapshotName, Stamp};
use super::order::in_order;
use hashget_files::monitor::Monitor;

/// How many snapshots of a row to keep.
///
/// Each rule but the first keeps the newest snapshot of each of the newest so many days (weeks from
/// Monday on, months, years) that have any. A snapshot stays if any rule keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// The newest so many.
    pub last: u32,
    /// One for each of so many days.
    pub daily: u32,
    /// One for each of so many weeks.
    pub weekly: u32,
    /// One for each of so many months.
    pub monthly: u32,
    /// One for each of so many years.
    pub yearly: u32,
}

/// What becomes of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Which one it is.
    pub id: SnapshotId,
    /// Which rules keep it; none: it goes.
    pub kept_by: Vec<&'static str>,
}

/// A rule: its name, how many periods count, and in which a moment lies.
type Rule = (&'static str, u32, fn(DateTime) -> Period);

/// The period that a moment lies in; those of different rules are never compared.
type Period = (i16, i16);

impl KeepRules {
    /// Whether no rule keeps anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn rules(&self) -> [Rule; 4] {
        [
            ("daily", self.daily, |moment| {
                (moment.year(), moment.date().day_of_year())
            }),
            ("weekly", self.weekly, |moment| {
                let week = moment.date().iso_week_date();
                (week.year(), week.week().into())
            }),
            ("monthly", self.monthly, |moment| {
                (moment.year(), moment.month().into())
            }),
            ("yearly", self.yearly, |moment| (moment.year(), 0)),
        ]
    }

    /// Which rules keep each of `oldest_first`, newest first. The newest is the last, whatever times the stamps show.
    pub fn apply(&self, oldest_first: &[Stamp]) -> Vec<(Stamp, Vec<&'static str>)> {
        let newest_first = oldest_first.iter().rev();
        let mut kept: Vec<(Stamp, Vec<&'static str>)> =
            newest_first.map(|stamp| (*stamp, Vec::new())).collect();
        for (_, reasons) in kept.iter_mut().take(self.last as usize) {
            reasons.push("last");
        }
        for (name, count, period) in self.rules() {
            let mut periods = BTreeSet::new();
            for (stamp, reasons) in &mut kept {
                if periods.len() < count as usize && periods.insert(period(stamp.moment())) {
                    reasons.push(name);
                }
            }
        }
        kept
    }
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
        for (stamp, kept_by) in rules.apply(&stamps) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(texts: &[&str]) -> Vec<Stamp> {
        texts
            .iter()
            .map(|text| format!("{text}-120000").parse().unwrap())
            .collect()
    }

    fn kept(rules: KeepRules, texts: &[&str]) -> Vec<String> {
        rules
            .apply(&stamps(texts))
            .into_iter()
            .filter(|(_, reasons)| !reasons.is_empty())
            .map(|(stamp, reasons)| format!("{} {}", &stamp.to_string()[..10], reasons.join(",")))
            .collect()
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods() {
        // 2024-12-30 is a Monday, and the first day of the first ISO week of 2025.
        let days = [
            "2023-05-01",
            "2023-12-31",
            "2024-01-01",
            "2024-11-30",
            "2024-12-01",
            "2024-12-29",
            "2024-12-30",
            "2025-01-01",
            "2025-01-02",
        ];
        let none = KeepRules::default();
        let table: [(KeepRules, &[&str]); 8] = [
            (none, &[]),
            (
                KeepRules { last: 2, ..none },
                &["2025-01-02 last", "2025-01-01 last"],
            ),
            (
                KeepRules { daily: 3, ..none },
                &["2025-01-02 daily", "2025-01-01 daily", "2024-12-30 daily"],
            ),
            (
                KeepRules { weekly: 3, ..none },
                &[
                    "2025-01-02 weekly",
                    "2024-12-29 weekly",
                    "2024-12-01 weekly",
                ],
            ),
            (
                KeepRules { monthly: 3, ..none },
                &[
                    "2025-01-02 monthly",
                    "2024-12-30 monthly",
                    "2024-11-30 monthly",
                ],
            ),
            (
                KeepRules { yearly: 9, ..none },
                &[
                    "2025-01-02 yearly",
                    "2024-12-30 yearly",
                    "2023-12-31 yearly",
                ],
            ),
            (
                KeepRules {
                    last: 1,
                    daily: 2,
                    yearly: 2,
                    ..none
                },
                &[
                    "2025-01-02 last,daily,yearly",
                    "2025-01-01 daily",
                    "2024-12-30 yearly",
                ],
            ),
            (
                KeepRules {
                    last: 1,
                    weekly: 1,
                    monthly: 1,
                    ..none
                },
                &["2025-01-02 last,weekly,monthly"],
            ),
        ];
        for (rules, expected) in table {
            assert_eq!(kept(rules, &days), expected, "{rules:?}");
        }
    }

    #[test]
    fn of_one_day_the_last_stays() {
        let stamps: Vec<Stamp> = [
            "2025-01-01-000000",
            "2025-01-01-120000",
            "2025-01-01-235959",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec();
        let rules = KeepRules {
            daily: 7,
            ..KeepRules::default()
        };
        let kept: Vec<_> = rules.apply(&stamps);
        assert_eq!(kept[0].0.to_string(), "2025-01-01-235959");
        assert_eq!(kept[0].1, ["daily"]);
        assert!(kept[1].1.is_empty() && kept[2].1.is_empty());
    }

    #[test]
    fn a_clock_set_back_does_not_make_the_last_snapshot_old() {
        let days = ["2025-11-24", "2025-11-25", "2025-11-26", "2025-11-01"];
        let rules = KeepRules {
            last: 1,
            ..KeepRules::default()
        };
        assert_eq!(kept(rules, &days), ["2025-11-01 last"]);
        let rules = KeepRules {
            daily: 3,
            ..KeepRules::default()
        };
        let expected = ["2025-11-01 daily", "2025-11-26 daily", "2025-11-25 daily"];
        assert_eq!(kept(rules, &days), expected);
    }

    proptest::proptest! {
        #[test]
        fn no_rule_removes_the_newest(
            minutes in proptest::collection::vec(-40_000_000_i64..40_000_000, 1..40),
            last in 0_u32..3, daily in 0_u32..3, weekly in 0_u32..3, monthly in 0_u32..3, yearly in 1_u32..3,
        ) {
            // Minutes around 2024-02-29, in any order: a clock that jumps.
            let leap = jiff::civil::date(2024, 2, 29).at(12, 0, 0, 0);
            let stamps: Vec<Stamp> = minutes
                .iter()
                .map(|minutes| Stamp::new(leap.saturating_add(jiff::Span::new().minutes(*minutes))))
                .collect();
            let rules = KeepRules { last, daily, weekly, monthly, yearly };
            let kept = rules.apply(&stamps);
            proptest::prop_assert_eq!(kept[0].0, stamps[stamps.len() - 1]);
            proptest::prop_assert!(!kept[0].1.is_empty());
        }
    }
}
