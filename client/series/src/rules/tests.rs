//! The seed's rules against schedules that were worked out by hand.

use proptest::prelude::*;

use super::*;

/// `a` is series 1, `a1` its first differential.
fn ids(text: &str) -> BTreeSet<BackupId> {
    let id = |word: &str| {
        let (letter, point) = word.split_at(1);
        let series = u32::from(letter.as_bytes()[0] - b'a') + 1;
        let point = point.parse().unwrap_or(0);
        BackupId { series, point }
    };
    text.split_whitespace().map(id).collect()
}

fn depends(id: BackupId, mode: Mode) -> Vec<BackupId> {
    match (mode, id.point) {
        (_, 0) => Vec::new(),
        (Mode::Incremental, last) => (0..last).map(|point| BackupId { point, ..id }).collect(),
        _ => vec![BackupId::normal(id.series)],
    }
}

fn step(state: &mut BTreeSet<BackupId>, limits: Limits) -> BackupId {
    let new = next(state, limits, false);
    state.insert(new);
    let removals = rotate(state, new, limits);
    for removal in protect(removals, state, &|id| depends(id, limits.mode)) {
        state.remove(&removal.id);
    }
    new
}

fn check(mode: Mode, max_series: u32, max_series_length: u32, schedule: &[&str]) {
    let limits = Limits {
        mode,
        max_series,
        max_series_length,
    };
    let mut state = BTreeSet::new();
    for (run, expected) in schedule.iter().enumerate() {
        step(&mut state, limits);
        assert_eq!(state, ids(expected), "run {} of {limits:?}", run + 1);
    }
}

#[test]
fn two_series_of_three() {
    check(
        Mode::Differential,
        2,
        3,
        &[
            "a",
            "a a1",
            "a a1 a2",
            "a a1 a2 b",
            "a a2 b b1",
            "a b b1 b2",
            "b b1 b2 c",
            "b b2 c c1",
            "b c c1 c2",
            "c c1 c2 d",
        ],
    );
}

#[test]
fn three_series_of_two() {
    check(
        Mode::Differential,
        3,
        2,
        &[
            "a",
            "a a1",
            "a a1 b",
            "a a1 b b1",
            "a a1 b b1 c",
            "a b b1 c c1",
            "b b1 c c1 d",
            "b c c1 d d1",
            "c c1 d d1 e",
        ],
    );
}

#[test]
fn one_series_is_replaced_as_a_whole() {
    check(
        Mode::Differential,
        1,
        3,
        &["a", "a a1", "a a1 a2", "b", "b b1", "b b1 b2", "c"],
    );
}

#[test]
fn series_of_one_are_full_backups() {
    let schedule = ["a", "a b", "a b c", "b c d", "c d e"];
    check(Mode::Differential, 3, 1, &schedule);
    check(Mode::Full, 3, 7, &schedule);
}

#[test]
fn incremental_series_go_whole() {
    check(
        Mode::Incremental,
        2,
        3,
        &[
            "a",
            "a a1",
            "a a1 a2",
            "a a1 a2 b",
            "a a1 a2 b b1",
            "a a1 a2 b b1 b2",
            "b b1 b2 c",
            "b b1 b2 c c1",
        ],
    );
}

#[test]
fn a_series_without_its_base_is_not_continued() {
    let limits = Limits {
        mode: Mode::Differential,
        max_series: 2,
        max_series_length: 5,
    };
    assert_eq!(next(&ids("a1 a2"), limits, false), BackupId::normal(2));
    assert_eq!(next(&ids("a a1"), limits, true), BackupId::normal(2));
}

#[test]
fn a_base_stays_while_something_depends_on_it() {
    let existing = ids("a a1 a2");
    let removal = |id| Removal {
        id,
        why: String::new(),
    };
    let wanted = vec![
        removal(BackupId::normal(1)),
        removal(ids("a1").pop_first().unwrap()),
    ];
    let left = protect(wanted, &existing, &|id| depends(id, Mode::Differential));
    let left: BTreeSet<BackupId> = left.into_iter().map(|removal| removal.id).collect();
    assert_eq!(left, ids("a1"));
}

proptest! {
    #[test]
    fn limits_hold_and_nothing_is_orphaned(
        max_series in 1_u32..6,
        max_series_length in 1_u32..8,
        mode in prop::sample::select(vec![Mode::Differential, Mode::Incremental, Mode::Full]),
    ) {
        let limits = Limits { mode, max_series, max_series_length };
        let mut state = BTreeSet::new();
        for _ in 0..80 {
            let new = step(&mut state, limits);
            prop_assert_eq!(state.last(), Some(&new));
            let series: BTreeSet<u32> = state.iter().map(|id| id.series).collect();
            prop_assert!(series.len() <= max_series as usize);
            for number in series {
                let length = state.iter().filter(|id| id.series == number).count();
                prop_assert!(length <= max_series_length as usize);
            }
            for id in &state {
                for base in depends(*id, mode) {
                    prop_assert!(state.contains(&base), "{id} needs {base}");
                }
            }
        }
    }
}
