//! How much the store held over time.

use std::collections::BTreeMap;

use hashget_store::StoreStats;
use jiff::Span;
use jiff::civil::Date;

use super::views::{Bar, Frame, GrowthPage, HeldRow, bytes, number};
use crate::error::ApiError;
use crate::growth::{Held, month};
use crate::state::State;

/// Days that are shown one by one.
const SHOWN_DAYS: usize = 31;
/// How wide a bar is, with the gap to the next.
const BAR_WIDTH: usize = 10;
/// The first page compares with the latest day that is at least so many days ago.
const COMPARED_DAYS: i64 = 30;

pub(super) fn growth(state: &State, frame: Frame) -> Result<GrowthPage, ApiError> {
    let days = known_days(state, &state.store.stats()?);
    let months: BTreeMap<_, _> = days.iter().map(|held| (month(held.0), *held)).collect();
    let months: Vec<_> = months.into_values().collect();
    let mut shown_days = rows(&days);
    shown_days.truncate(SHOWN_DAYS);
    Ok(GrowthPage {
        frame,
        bars: bars(&months),
        months: rows(&months),
        days: shown_days,
    })
}

/// How many packages there are more or fewer than some time ago.
pub(super) fn gained(state: &State, now: &StoreStats) -> Option<String> {
    let today = (state.clock)();
    let days = known_days(state, now);
    let long_ago = today.checked_sub(Span::new().days(COMPARED_DAYS)).ok()?;
    let earlier = days.iter().rfind(|(day, _)| *day <= long_ago);
    let (since, held) = earlier.or(days.first())?;
    let difference = now.packages.abs_diff(held.packages);
    let direction = if now.packages < held.packages {
        "fewer"
    } else {
        "more"
    };
    let noun = match difference {
        1 => "package",
        _ => "packages",
    };
    let difference = number(difference);
    (*since < today).then(|| format!("{difference} {noun} {direction} than on {since}"))
}

/// Every day that was noted, and today as it is now.
fn known_days(state: &State, now: &StoreStats) -> Vec<(Date, Held)> {
    let today = (state.clock)();
    let mut days = state.growth.days();
    days.retain(|(day, _)| *day < today);
    days.push((today, Held::from(now)));
    days
}

/// The rows of a table, the latest first.
fn rows(days: &[(Date, Held)]) -> Vec<HeldRow> {
    let before = days.iter().map(|(_, held)| Some(held.packages));
    let before = std::iter::once(None).chain(before);
    let rows = days.iter().zip(before).map(|((day, held), before)| {
        let gained = before.map(|before| signed(held.packages, before));
        HeldRow {
            day: day.to_string(),
            packages: number(held.packages),
            gained: gained.unwrap_or_default(),
            digests: number(held.digests),
            packages_size: bytes(held.packages_bytes),
            store_size: bytes(held.store_bytes),
        }
    });
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    rows
}

fn signed(now: u64, before: u64) -> String {
    match now.abs_diff(before) {
        0 => "0".to_owned(),
        difference if now < before => format!("\u{2212}{}", number(difference)),
        difference => format!("+{}", number(difference)),
    }
}

fn bars(months: &[(Date, Held)]) -> Vec<Bar> {
    let highest = months.iter().map(|(_, held)| held.packages).max();
    let highest = highest.unwrap_or(0).max(1);
    let bars = months.iter().enumerate().map(|(place, (_, held))| {
        let height = u128::from(held.packages) * u128::from(Bar::FULL) / u128::from(highest);
        let height = u64::try_from(height).unwrap_or(Bar::FULL);
        Bar {
            left: place * BAR_WIDTH,
            top: Bar::FULL - height,
            height,
        }
    });
    bars.collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn rows_tell_what_was_gained_and_lost() {
        let held = |packages| Held {
            packages,
            digests: 0,
            packages_bytes: 0,
            store_bytes: 0,
        };
        let days = [
            (date(2030, 1, 1), held(100)),
            (date(2030, 1, 2), held(130)),
            (date(2030, 1, 9), held(50)),
            (date(2030, 1, 10), held(50)),
        ];
        let rows: Vec<_> = rows(&days).into_iter().map(|row| row.gained).collect();
        assert_eq!(rows, ["0", "\u{2212}80", "+30", ""]);
        let heights: Vec<_> = bars(&days).iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [76, 100, 38, 38]);
        assert_eq!(bars(&[(date(2030, 1, 1), held(0))])[0].height, 0);
    }
}
