//! Which backups go by age and expiry: pure.

use hashget_words::expiry::Expiry;
use hashget_words::keep_rules::KeepRules;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

use super::name::BackupId;
use super::rules::Removal;

/// A backup as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    pub id: BackupId,
    /// When it was made, by the clock of that time.
    pub made: Timestamp,
    /// Until when it is kept at most.
    pub expires: Expiry,
}

/// Which of `backups` go at the time `now`, whose zone says when days begin. Without any rule all are kept until they
/// expire.
///
/// Newer is what has the higher number: clocks are set back. The newest one always stays. So
/// does one that was made after `now`, which takes nobody's place: the clock was wrong then or
/// is wrong now.
pub fn removals(rules: &KeepRules, backups: &[Aged], now: &Zoned) -> Vec<Removal> {
    let is_past = |backup: &&Aged| backup.made <= now.timestamp();
    let newest = backups.iter().map(|backup| backup.id).max();
    let mut newest_first: Vec<Aged> = backups.iter().filter(is_past).copied().collect();
    newest_first.sort_by_key(|backup| std::cmp::Reverse(backup.id));
    let day = |backup: &Aged| backup.made.to_zoned(now.time_zone().clone()).date();
    let days: Vec<Date> = newest_first.iter().map(day).collect();
    let kept_by = rules.apply(&days);
    let mut removals = Vec::new();
    for (backup, kept_by) in newest_first.iter().zip(kept_by) {
        if Some(backup.id) == newest {
            continue;
        }
        let why = if backup.expires.is_expired_at(now.date()) {
            format!("it expired on {}", backup.expires)
        } else if !rules.is_empty() && kept_by.is_empty() {
            "no keep rule wants it".to_owned()
        } else {
            continue;
        };
        removals.push(Removal { id: backup.id, why });
    }
    removals
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        let gone = removals(&rules, backups, &now);
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
            daily: 3,
            weekly: 2,
            monthly: 2,
            ..KeepRules::default()
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
            daily: 3,
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
            daily: 2,
            ..KeepRules::default()
        };
        let mut backups = days(5);
        let ahead = date(2030, 1, 1).at(3, 0, 0, 0).to_zoned(TimeZone::UTC);
        backups[2].made = ahead.unwrap().timestamp();
        assert_eq!(left_at(rules, &backups, date(2026, 1, 6)), [3, 4, 5]);
    }
}
