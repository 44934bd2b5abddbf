//! A year of daily runs on a tree that changes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use hashget_tests::{Random, RandomTree, tree_listing};

use super::super::rules::{Limits, Mode};
use super::*;

/// What should be there after `runs` backups, worked out another way than the rules do it: the
/// number of each backup follows from the length alone, and what is left from how many
/// came after.
fn expected(runs: u32, limits: Limits) -> BTreeSet<BackupId> {
    let length = match limits.mode {
        Mode::Full => 1,
        _ => limits.max_series_length,
    };
    let all = (0..runs).map(|run| BackupId {
        series: run / length + 1,
        point: run % length,
    });
    let last_series = (runs - 1) / length + 1;
    let last_point = (runs - 1) % length;
    let oldest = last_series.saturating_sub(limits.max_series) + 1;
    all.filter(|id| {
        let is_thinned = id.series == oldest
            && oldest + limits.max_series == last_series + 1
            && limits.max_series > 1
            && limits.mode == Mode::Differential;
        id.series >= oldest && (!is_thinned || id.point == 0 || id.point > last_point)
    })
    .collect()
}

fn everything(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths {
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

/// One edit: content, name, mode, owner, a new thing or the end of an old one.
fn edit(root: &Path, random: &mut Random) {
    let paths = everything(root);
    let number = random.below(1_000_000);
    let fresh = root.join(format!("new{number}"));
    if paths.is_empty() || random.one_in(5) {
        let size = usize::try_from(random.below(5000)).unwrap();
        return fs::write(fresh, random.bytes(size)).unwrap();
    }
    let path = random.pick(&paths).clone();
    let metadata = fs::symlink_metadata(&path).unwrap();
    match random.below(8) {
        0 if metadata.is_file() => {
            let size = usize::try_from(random.below(9000)).unwrap();
            fs::write(&path, random.bytes(size)).unwrap();
        }
        1 if metadata.is_file() => edit_inside(&path, random),
        2 if metadata.is_dir() => fs::remove_dir_all(&path).unwrap(),
        2 => fs::remove_file(&path).unwrap(),
        3 => fs::rename(&path, fresh).unwrap(),
        4 if !metadata.is_symlink() => {
            let mode = if metadata.is_dir() { 0o700 } else { 0o400 };
            let mode = mode | u32::try_from(random.below(0o1000)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        5 if rustix::process::geteuid().is_root() && !metadata.is_symlink() => {
            let id = u32::try_from(random.below(5000)).unwrap();
            chown(&path, Some(id), Some(id / 2)).unwrap();
        }
        6 if metadata.is_file() => fs::hard_link(&path, fresh).unwrap(),
        7 => symlink(std::ffi::OsStr::from_bytes(b"some\xffwhere"), fresh).unwrap(),
        _ => fs::create_dir(fresh).unwrap(),
    }
}

/// Cuts something out of a file, and puts something in.
fn edit_inside(path: &Path, random: &mut Random) {
    let mut bytes = fs::read(path).unwrap();
    let place =
        |random: &mut Random, most: usize| usize::try_from(random.below(most as u64 + 1)).unwrap();
    let start = place(random, bytes.len());
    let end = (start + place(random, 100)).min(bytes.len());
    let fresh = place(random, 100);
    bytes.splice(start..end, random.bytes(fresh));
    fs::write(path, bytes).unwrap();
}

/// Runs `days` days under `limits`; every few days all backups are restored.
fn live(seed: u64, days: u32, limits: Limits) {
    assert_eq!(live_with(seed, days, limits, "delta = false"), 0);
}

/// Gives how many files were stored as patches.
fn live_with(seed: u64, days: u32, limits: Limits, options: &str) -> u64 {
    let mut random = Random::new(seed);
    let mut patched = 0;
    let mut bed = Bed::new(&format!(
        "mode = '{}'\nmax_series = {}\nmax_series_length = {}\n{options}",
        limits.mode.name(),
        limits.max_series,
        limits.max_series_length
    ));
    RandomTree::grow(&bed.section.source, 20, &mut random).unwrap();
    let mut trees: BTreeMap<BackupId, Vec<String>> = BTreeMap::new();
    for day in 1..=days {
        for _ in 0..random.below(4) {
            edit(&bed.section.source, &mut random);
        }
        let id = bed.backup();
        patched += show(&bed.section, id).unwrap().patches.len() as u64;
        trees.insert(id, without_sockets(tree_listing(&bed.section.source)));
        let there = bed.destination().backups().unwrap();
        assert_eq!(
            there,
            expected(day, limits),
            "seed {seed}, day {day}, {limits:?}"
        );
        trees.retain(|id, _| there.contains(id));
        no_orphans(&bed, &there);
        // All of them now and then; every day the new one and one of the old ones.
        let old = *random.pick(&there.iter().copied().collect::<Vec<_>>());
        let checked = if day % 90 == 0 || day == days {
            there
        } else if day % 12 == 0 {
            BTreeSet::from([id, old])
        } else {
            BTreeSet::new()
        };
        for id in checked {
            let restored = bed.restore(id, "restored").unwrap();
            let listing = tree_listing(&restored);
            assert!(listing == trees[&id], "seed {seed}, day {day}, backup {id}");
            fs::remove_dir_all(restored).unwrap();
        }
    }
    assert!(verify(&bed.section).unwrap().is_good());
    patched
}

fn without_sockets(mut listing: Vec<String>) -> Vec<String> {
    listing.retain(|line| !line.ends_with("socket"));
    listing
}

/// Beside the archives there is only what is known of them.
fn no_orphans(bed: &Bed, there: &BTreeSet<BackupId>) {
    let count = |directory: PathBuf, ending: &str| {
        let names = fs::read_dir(directory).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(ending)).count()
    };
    let destination = bed.destination();
    let state = destination.path().join(Destination::STATE);
    assert_eq!(count(destination.path().to_owned(), ".tar"), there.len());
    assert_eq!(count(state, ".json"), there.len());
}

/// How many days; `HASHGET_SERIES_DAYS` for longer rounds.
fn days() -> u32 {
    let days = std::env::var("HASHGET_SERIES_DAYS").ok();
    days.map_or(40, |days| days.parse().unwrap())
}

fn limits(mode: Mode, max_series: u32, max_series_length: u32) -> Limits {
    Limits {
        mode,
        max_series,
        max_series_length,
    }
}

#[test]
fn a_year_of_weekly_series() {
    live(1, days().max(365), limits(Mode::Differential, 4, 7));
}

#[test]
fn differential_series_under_odd_limits() {
    live(2, days(), limits(Mode::Differential, 1, 5));
    live(3, days(), limits(Mode::Differential, 3, 2));
}

#[test]
fn incremental_series() {
    live(4, days(), limits(Mode::Incremental, 2, 10));
}

#[test]
fn full_series() {
    live(5, days(), limits(Mode::Full, 3, 1));
}

/// The least size is such that most files of these trees can be patches.
const DELTA: &str = "delta = true\ndelta_min_size = 200";

#[test]
fn weekly_series_with_patches() {
    let limits = limits(Mode::Differential, 4, 7);
    assert!(live_with(6, days(), limits, DELTA) > 0);
}

#[test]
fn incremental_series_with_patches() {
    assert!(live_with(7, days(), limits(Mode::Incremental, 2, 10), DELTA) > 0);
}
