//! Real runs on real trees.

mod clocks;
mod damage;
mod delta;
mod standalone;
mod year;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::rel_path::RelPath;
use jiff::{Timestamp, ToSpan, Zoned};

use super::*;
use hashget_engine::restore::{
    RestoreOptions, RestoreSources, Selection, SourceFailure, SourceReport,
};
use hashget_files::monitor::{Monitor, Silent};
use hashget_sources::hash_db::{Found, PackageLookup};
use hashget_sources::sources::{LocalPackage, PackageRef};

/// Knows no packages.
pub(super) struct Nothing;

impl PackageLookup for Nothing {
    type Error = Infallible;

    fn find(&self, digests: &[Digest], _: Expiry) -> Result<Found, Infallible> {
        Ok(Found {
            packages: Vec::new(),
            matches: vec![Vec::new(); digests.len()].into(),
        })
    }
}

impl RestoreSources for Nothing {
    fn package(&self, _: &PackageRef, _: &dyn Monitor) -> Result<LocalPackage, SourceFailure> {
        Err("nobody has it".into())
    }

    fn probe(&self, _: &PackageRef, _: &dyn Monitor) -> Vec<SourceReport> {
        Vec::new()
    }
}

/// A source, a destination, and a clock.
pub(super) struct Bed {
    pub(super) directory: tempfile::TempDir,
    pub(super) section: Section,
    pub(super) allow_empty: bool,
    pub(super) broken: BTreeSet<RelPath>,
    pub(super) now: Zoned,
}

impl Bed {
    pub(super) fn new(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let text = format!(
            "[profile.Home.Docs]\nsource='{path}/source'\ndestination='{path}/destination'\n\
             name='({{profile}}){{section}}_{{series}}[{{point}}].tar'\n{options}\n"
        );
        let file = SeriesFile::parse(&text, Path::new("series.toml")).unwrap();
        fs::create_dir(directory.path().join("source")).unwrap();
        let now = Timestamp::from_second(1_767_236_400).unwrap();
        Self {
            section: file.sections.into_iter().next().unwrap(),
            directory,
            allow_empty: false,
            broken: BTreeSet::new(),
            now: now.to_zoned(jiff::tz::TimeZone::UTC),
        }
    }

    pub(super) fn source(&self, name: &str) -> PathBuf {
        self.section.source.join(name)
    }

    pub(super) fn destination(&self) -> Destination {
        Destination::of(&self.section)
    }

    /// A day passes, and a run is made.
    pub(super) fn run_with(&mut self, force: bool, full: bool) -> Result<RunReport, SeriesError> {
        self.now = self.now.checked_add(1.day()).unwrap();
        self.run_now(force, full)
    }

    /// A run is made, whatever the clock says.
    pub(super) fn run_now(&self, force: bool, full: bool) -> Result<RunReport, SeriesError> {
        let options = RunOptions {
            hints: hashget_engine::hint_scope::HintScopes::default(),
            hash_cache: None,
            force,
            full,
            comment: None,
            now: self.now.clone(),
            allow_empty: self.allow_empty,
            new_destination: false,
            state: Some(self.directory.path().join("state")),
            broken: self.broken.clone(),
        };
        run(&self.section, &options, &Nothing, &Silent)
    }

    pub(super) fn run(&mut self) -> Outcome {
        self.run_with(false, false).unwrap().outcome
    }

    /// Makes a backup, whatever changed.
    pub(super) fn backup(&mut self) -> BackupId {
        match self.run_with(true, false).unwrap().outcome {
            Outcome::Made { backup, .. } => backup,
            Outcome::Unchanged { .. } => unreachable!("it was forced"),
        }
    }

    pub(super) fn restore(&self, id: BackupId, name: &str) -> Result<PathBuf, SeriesError> {
        let target = self.directory.path().join(name);
        let options = RestoreOptions::default();
        let stats = restore(&self.section, id, &target, &options, &Nothing, &Silent)?;
        assert!(stats.is_complete(), "{id}: {stats:?}");
        Ok(target)
    }
}

#[test]
fn nothing_changed_makes_no_backup() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    fs::write(bed.source("a"), "1").unwrap();
    assert!(matches!(bed.run(), Outcome::Made { .. }));
    assert!(matches!(bed.run(), Outcome::Unchanged { .. }));
    fs::set_permissions(
        bed.source("a"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    assert!(matches!(
        bed.run(),
        Outcome::Made {
            updated_files: 1,
            ..
        }
    ));
    assert_eq!(bed.backup().to_string(), "001[02]");
}

#[test]
fn a_differential_backup_holds_only_what_changed() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    fs::write(bed.source("large"), vec![7; 500_000]).unwrap();
    fs::write(bed.source("gone"), "x").unwrap();
    bed.backup();
    fs::write(bed.source("new"), "n").unwrap();
    fs::remove_file(bed.source("gone")).unwrap();
    let id = bed.backup();
    let size = fs::metadata(bed.destination().archive(id)).unwrap().len();
    assert!(size < 50_000, "{size}");
    let shown = show(&bed.section, id).unwrap();
    let became = |name: &str| {
        let change = shown
            .files
            .iter()
            .find(|change| change.path.to_string() == name);
        change.unwrap().status
    };
    assert_eq!(became("large"), Status::Unchanged);
    assert_eq!(became("new"), Status::New);
    assert_eq!(became("gone"), Status::Deleted);
    let changes = diff(&bed.section, BackupId::normal(1), id).unwrap();
    let differing = changes.iter().filter(|c| c.status != Status::Unchanged);
    assert_eq!(differing.count(), 3, "the directory's times too");
    let versions = find(&bed.section, &|path| path.as_bytes() == b"large").unwrap();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].backups.len(), 2);
}

#[test]
fn limits_are_settled_until_they_are_converted() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    bed.backup();
    bed.section.limits.mode = rules::Mode::Incremental;
    let error = bed.run_with(true, false).unwrap_err();
    assert!(
        error.to_string().contains("mode cannot be changed"),
        "{error}"
    );
    assert!(matches!(error, SeriesError::Settled { .. }));
    convert(&bed.section).unwrap();
    assert_eq!(bed.backup(), BackupId::normal(2), "a new series");
    assert_eq!(bed.backup().to_string(), "002[01]");
}

#[test]
fn a_destination_inside_the_source_is_not_backed_up() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    bed.section.destination = bed.source("back[up]*");
    bed.backup();
    let id = bed.backup();
    let restored = bed.restore(id, "out").unwrap();
    assert_eq!(fs::read_dir(restored).unwrap().count(), 0);
}

#[test]
fn one_run_at_a_time() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    let lock = bed.destination().lock().unwrap();
    let error = bed.run_with(false, false).unwrap_err();
    assert!(matches!(error, SeriesError::Busy { .. }));
    assert!(error.to_string().contains("process "), "{error}");
    drop(lock);
    bed.backup();
}

#[test]
fn keep_rules_remove_but_never_a_base_that_is_needed() {
    let mut bed = Bed::new("max_series = 9\nmax_series_length = 4\nkeep = { daily = 2 }");
    for _ in 0..6 {
        bed.backup();
    }
    // Of series 1 nothing is wanted; of series 2 the normal backup is needed.
    let left: Vec<String> = bed
        .destination()
        .backups()
        .unwrap()
        .iter()
        .map(BackupId::to_string)
        .collect();
    assert_eq!(left, ["002", "002[01]"]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_at_every_run_and_is_in_no_list_as_there() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    fs::write(bed.source("a"), "1").unwrap();
    fs::write(bed.source("b"), "2").unwrap();
    bed.broken = BTreeSet::from([RelPath::new(b"b").unwrap()]);
    for _ in 0..2 {
        let report = bed.run_with(false, false).unwrap();
        assert_eq!((report.problems, report.unreadable_files), (1, 1));
    }
    let id = BackupId::normal(1);
    let versions = find(&bed.section, &|path| path.as_bytes() == b"b").unwrap();
    assert!(versions.iter().all(|version| version.unreadable));
    let mut output = Vec::new();
    let path = RelPath::new(b"b").unwrap();
    let error = cat(&bed.section, id, &path, &mut output, &Nothing, &Silent).unwrap_err();
    assert!(matches!(error, SeriesError::Unreadable { .. }), "{error}");
    bed.broken.clear();
    assert!(matches!(bed.run(), Outcome::Made { .. }));
}

#[test]
fn a_source_that_is_suddenly_empty_removes_nothing() {
    let mut bed = Bed::new("mode = 'full'\nmax_series = 1\nmax_series_length = 1");
    fs::write(bed.source("a"), "1").unwrap();
    bed.backup();
    fs::remove_file(bed.source("a")).unwrap();
    let report = bed.run_with(true, false).unwrap();
    assert_eq!((report.problems, report.removed.len()), (1, 0));
    bed.allow_empty = true;
    let report = bed.run_with(true, false).unwrap();
    assert_eq!((report.problems, report.removed.len()), (0, 2));
}

#[test]
fn the_backup_before_a_sudden_emptiness_is_not_pruned() {
    let mut bed =
        Bed::new("mode = 'full'\nmax_series = 9\nmax_series_length = 1\nkeep = { daily = 1 }");
    fs::write(bed.source("a"), "1").unwrap();
    let good = bed.backup();
    fs::remove_file(bed.source("a")).unwrap();
    let empty = bed.backup();
    assert_eq!(prune(&bed.section, &bed.now).unwrap(), []);
    assert_eq!(
        bed.destination().backups().unwrap(),
        BTreeSet::from([good, empty])
    );
}

#[test]
fn the_preview_of_a_rotation_is_what_the_run_removes() {
    for options in [
        "mode = 'full'\nmax_series = 2\nmax_series_length = 1",
        "mode = 'full'\nmax_series = 9\nmax_series_length = 1\nkeep = { daily = 2 }",
        "max_series = 2\nmax_series_length = 3\nkeep = { daily = 4 }",
        "mode = 'incremental'\nmax_series = 2\nmax_series_length = 3\nkeep = { daily = 1 }",
    ] {
        let mut bed = Bed::new(options);
        fs::write(bed.source("a"), "1").unwrap();
        for _ in 0..9 {
            let soon = bed.now.checked_add(1.day()).unwrap();
            let planned = rotation_preview(&bed.section, &soon).unwrap();
            let report = bed.run_with(true, false).unwrap();
            assert_eq!(report.removed, planned, "{options}");
        }
    }
}

#[test]
fn a_destination_that_was_there_is_not_made_anew() {
    let mut bed = Bed::new("max_series = 1\nmax_series_length = 1");
    bed.backup();
    fs::remove_dir_all(&bed.section.destination).unwrap();
    let error = bed.run_with(true, false).unwrap_err();
    assert!(
        matches!(
            error,
            SeriesError::NoDestination {
                was_there: true,
                ..
            }
        ),
        "{error}"
    );
}
