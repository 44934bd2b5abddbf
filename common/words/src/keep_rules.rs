//! Which of many backups or snapshots are kept: the newest, and one each for so many days, weeks, months and years.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How many are kept. A rule of 0 is none.
///
/// Each rule but the first keeps the newest of each of the newest so many days (weeks from
/// Monday on, months, years) that have any. What any rule keeps stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

/// A rule: its name, how many periods count, and in which a day lies.
type Rule = (&'static str, u32, fn(Date) -> Period);

/// The period that a day lies in; those of different rules are never compared.
type Period = (i16, i16);

impl KeepRules {
    /// Whether no rule keeps anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn rules(&self) -> [Rule; 4] {
        [
            ("daily", self.daily, |day| (day.year(), day.day_of_year())),
            ("weekly", self.weekly, |day| {
                let week = day.iso_week_date();
                (week.year(), week.week().into())
            }),
            ("monthly", self.monthly, |day| {
                (day.year(), day.month().into())
            }),
            ("yearly", self.yearly, |day| (day.year(), 0)),
        ]
    }

    /// Which rules keep each of what was made on these days, the newest first, whatever the days say: clocks are set back.
    pub fn apply(&self, newest_first: &[Date]) -> Vec<Vec<&'static str>> {
        let mut kept = vec![Vec::new(); newest_first.len()];
        for rules in kept.iter_mut().take(self.last as usize) {
            rules.push("last");
        }
        for (name, count, period) in self.rules() {
            let mut periods = BTreeSet::new();
            for (day, rules) in newest_first.iter().zip(&mut kept) {
                if periods.len() < count as usize && periods.insert(period(*day)) {
                    rules.push(name);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    /// What is kept of what was made on these days, the oldest first; the newest comes first.
    fn kept(rules: KeepRules, oldest_first: &[&str]) -> Vec<String> {
        let days: Vec<Date> = oldest_first
            .iter()
            .rev()
            .map(|day| day.parse().unwrap())
            .collect();
        let kept = rules.apply(&days).into_iter().zip(days);
        kept.filter(|(rules, _)| !rules.is_empty())
            .map(|(rules, day)| format!("{day} {}", rules.join(",")))
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
        let rules = KeepRules {
            daily: 7,
            ..KeepRules::default()
        };
        let kept = rules.apply(&[date(2025, 1, 1); 3]);
        assert_eq!(kept, [vec!["daily"], vec![], vec![]]);
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

    #[test]
    fn a_rule_of_nothing_is_none() {
        let none: KeepRules = serde_json::from_str(r#"{"daily": 0}"#).unwrap();
        assert!(none.is_empty());
        assert!(serde_json::from_str::<KeepRules>(r#"{"hourly": 1}"#).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_rule_lets_the_newest_go(
            offsets in proptest::collection::vec(-30_000_i32..30_000, 1..40),
            last in 0_u32..3, daily in 0_u32..3, weekly in 0_u32..3, monthly in 0_u32..3, yearly in 1_u32..3,
        ) {
            // Days around 2024-02-29, in any order: a clock that jumps.
            let leap = date(2024, 2, 29);
            let days: Vec<Date> = offsets
                .iter()
                .map(|days| leap.saturating_add(days.days()))
                .collect();
            let rules = KeepRules { last, daily, weekly, monthly, yearly };
            proptest::prop_assert!(!rules.apply(&days)[0].is_empty());
        }
    }
}
