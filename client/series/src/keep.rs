//! Which backups are kept by age: pure rules.

use std::collections::BTreeSet;

use hashget_words::expiry::Expiry;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::name::BackupId;
use super::rules::Removal;

/// How many days, weeks, months and years have a backup kept: the last of each.
///
/// Without any rule all are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepRules {
    /// The last backup of so many days.
    #[serde(default)]
    pub daily: Option<u32>,
    /// The last backup of so many weeks, which begin on Monday.
    #[serde(default)]
    pub weekly: Option<u32>,
    /// The last backup of so many months.
    #[serde(default)]
    pub monthly: Option<u32>,
    /// The last backup of so many years.
    #[serde(default)]
    pub yearly: Option<u32>,
}

/// A backup as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    pub id: BackupId,
    /// When it was made, by the clock of that time.
    pub made: Timestamp,
    /// Until when it is kept at most.
    pub expires: Expiry,
}

impl KeepRules {
    /// Which of `backups` go at the time `now`, whose zone says when days begin.
    ///
    /// Newer is what has the higher number: clocks are set back. The newest one always stays. So
    /// does one that was made after `now`, which takes nobody's place: the clock was wrong then or
    /// is wrong now.
    pub fn removals(&self, backups: &[Aged], now: &Zoned) -> Vec<Removal> {
        let is_past = |backup: &&Aged| backup.made <= now.timestamp();
        let newest = backups.iter().map(|backup| backup.id).max();
        let mut newest_first: Vec<Aged> = backups.iter().filter(is_past).copied().collect();
        newest_first.sort_by_key(|backup| std::cmp::Reverse(backup.id));
        let day = |backup: &Aged| backup.made.to_zoned(now.time_zone().clone()).date();
        let kept = self.kept(&newest_first, &day);
        let today = now.date();
        let mut removals = Vec::new();
        for backup in newest_first.iter().filter(|it| Some(it.id) != newest) {
            let why = if backup.expires.is_expired_at(today) {
                format!("it expired on {}", backup.expires)
            } else if kept.as_ref().is_some_and(|kept| !kept.contains(&backup.id)) {
                "no keep rule wants it".to_owned()
            } else {
                continue;
            };
            removals.push(Removal { id: backup.id, why });
        }
        removals
    }

    /// What the rules want; `None` if there are none.
    fn kept(
        &self,
        newest_first: &[Aged],
        day: &dyn Fn(&Aged) -> Date,
    ) -> Option<BTreeSet<BackupId>> {
        type Period = fn(Date) -> (i16, i16);
        let rules: [(Option<u32>, Period); 4] = [
            (self.daily, |day| (day.year(), day.day_of_year())),
            (self.weekly, |day| {
                let week = day.iso_week_date();
                (week.year(), i16::from(week.week()))
            }),
            (self.monthly, |day| (day.year(), i16::from(day.month()))),
            (self.yearly, |day| (day.year(), 0)),
        ];
        if rules.iter().all(|(count, _)| count.is_none()) {
            return None;
        }
        let mut kept = BTreeSet::new();
        for (count, period) in rules {
            let count = count.unwrap_or(0) as usize;
            let mut periods = BTreeSet::new();
            for backup in newest_first {
                if periods.len() < count && periods.insert(period(day(backup))) {
                    kept.insert(backup.id);
                }
            }
        }
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    /// One backup a day, series 1 the oldest.
    fn days(count: u32) -> Vec<Aged> {
        let first = date(2026, 1, 1).at(3, 0, 0, 0);
        let first = first.to_zoned(TimeZone::UTC).unwrap();
        (0..count)
            .map(|day| Aged {
                id: BackupId::normal(day + 1),
                made: first
                    .checked_add(i64::from(day).days())
                    .unwrap()
                    .timestamp(),
                expires: Expiry::Never,
            })
            .collect()
    }

    fn left(rules: KeepRules, backups: &[Aged]) -> Vec<u32> {
        left_at(rules, backups, date(2027, 1, 1))
    }

    fn left_at(rules: KeepRules, backups: &[Aged], today: Date) -> Vec<u32> {
        let now = today.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let gone = rules.removals(backups, &now);
        let gone: BTreeSet<BackupId> = gone.into_iter().map(|removal| removal.id).collect();
        let stays = backups.iter().filter(|backup| !gone.contains(&backup.id));
        stays.map(|backup| backup.id.series).collect()
    }

    #[test]
    fn without_rules_all_stay() {
        assert_eq!(left(KeepRules::default(), &days(40)).len(), 40);
    }

    #[test]
    fn the_last_of_each_period_stays() {
        // 2026-01-01 is a Thursday; the last of 59 days is Saturday 28 February.
        let rules = KeepRules {
            daily: Some(3),
            weekly: Some(2),
            monthly: Some(2),
            yearly: None,
        };
        // Days 57, 58, 59; Sunday 22 February is day 53; 31 January is day 31.
        assert_eq!(left(rules, &days(59)), [31, 53, 57, 58, 59]);
    }

    #[test]
    fn expired_backups_go_but_never_the_last() {
        let mut backups = days(3);
        for backup in &mut backups {
            backup.expires = Expiry::On(date(2026, 6, 1));
        }
        assert_eq!(left(KeepRules::default(), &backups), [3]);
    }

    #[test]
    fn a_clock_that_is_behind_removes_nothing_of_its_future_nor_the_newest() {
        let rules = KeepRules {
            daily: Some(3),
            ..KeepRules::default()
        };
        let mut backups = days(6);
        let behind = date(2025, 12, 1).at(3, 0, 0, 0).to_zoned(TimeZone::UTC);
        backups[5].made = behind.unwrap().timestamp();
        assert_eq!(
            left_at(rules, &backups, date(2025, 12, 1)),
            [1, 2, 3, 4, 5, 6]
        );
        // Set right again, they count by number.
        assert_eq!(left_at(rules, &backups, date(2026, 1, 7)), [4, 5, 6]);
    }

    #[test]
    fn a_backup_of_the_future_takes_no_place() {
        let rules = KeepRules {
            daily: Some(2),
            ..KeepRules::default()
        };
        let mut backups = days(5);
        let ahead = date(2030, 1, 1).at(3, 0, 0, 0).to_zoned(TimeZone::UTC);
        backups[2].made = ahead.unwrap().timestamp();
        assert_eq!(left_at(rules, &backups, date(2026, 1, 6)), [3, 4, 5]);
    }
}
