//! Making snapshots, and what is promised of them.

mod damage;
mod frozen;
mod kill;
mod links;
mod manage;
mod packages;
mod property;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hashget_tests::assert_same_tree;
use hashget_words::keep_rules::KeepRules;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::*;
use hashget_files::monitor::{Level, Monitor, Problem, Task};

/// Keeps what it is told.
#[derive(Default)]
struct Notes {
    problems: Mutex<Vec<String>>,
    messages: Mutex<Vec<String>>,
}

impl Monitor for Notes {
    fn message(&self, _: Level, text: &str) {
        self.messages.lock().unwrap().push(text.to_owned());
    }
    fn problem(&self, problem: &Problem) {
        let text = format!("{}: {}", problem.subject, problem.what);
        self.problems.lock().unwrap().push(text);
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

/// A source, a destination, and a clock.
struct Bench {
    temp: tempfile::TempDir,
    notes: Notes,
    runs: Mutex<i64>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            temp: tempfile::tempdir().unwrap(),
            notes: Notes::default(),
            runs: Mutex::new(0),
        };
        fs::create_dir(bench.source()).unwrap();
        bench
    }

    fn source(&self) -> PathBuf {
        self.temp.path().join("docs")
    }

    fn place(&self) -> PathBuf {
        self.temp.path().join("backup")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A snapshot, an hour after the last one.
    fn create(&self, options: &CreateOptions<'_>) -> Created {
        self.try_create(options).unwrap()
    }

    fn try_create(&self, options: &CreateOptions<'_>) -> Result<Created, SnapshotError> {
        // Quick mode relies on no file that changed within the last moment.
        std::thread::sleep(std::time::Duration::from_millis(25));
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        let now = start().saturating_add(runs.hours());
        create(
            &self.source(),
            &self.place(),
            options,
            &utc(now),
            &self.notes,
        )
    }

    fn snapshot(&self) -> Created {
        let created = self.create(&CreateOptions::default());
        assert_same_tree(&self.source(), &created.path);
        created
    }

    fn destination(&self) -> Destination {
        Destination::open(&self.place()).unwrap()
    }

    fn problems(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.problems.lock().unwrap())
    }
}

/// A time of a machine whose zone is UTC.
fn utc(time: DateTime) -> Zoned {
    time.to_zoned(TimeZone::UTC).unwrap()
}

fn start() -> DateTime {
    date(2025, 1, 1).at(0, 0, 0, 0)
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

#[test]
fn an_unchanged_tree_is_linked_and_not_read() {
    let bench = Bench::new();
    bench.write("a/one", "one");
    bench.write("two", "two");
    let first = bench.snapshot();
    assert_eq!(first.id.to_string(), "docs/2025-01-01-010000");
    assert_eq!(first.path, bench.place().join("docs/2025-01-01-010000"));
    assert_eq!((first.stats.copied_files, first.stats.copied_bytes), (2, 6));
    let second = bench.snapshot();
    assert_eq!(second.stats.linked_files, 2);
    assert_eq!(second.stats.saved_bytes, 6);
    assert_eq!((second.stats.read_files, second.stats.copied_files), (0, 0));
    assert_eq!(
        inode(&first.path.join("two")),
        inode(&second.path.join("two"))
    );
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn full_hash_reads_everything_and_copies_nothing() {
    let bench = Bench::new();
    bench.write("one", "one");
    bench.snapshot();
    let options = CreateOptions {
        full_hash: true,
        ..CreateOptions::default()
    };
    let second = bench.create(&options);
    assert_eq!((second.stats.read_files, second.stats.copied_files), (1, 0));
}

#[test]
fn what_was_renamed_or_moved_is_the_same_file() {
    let bench = Bench::new();
    bench.write("directory/deep/one", "one");
    bench.write("two", "two");
    let first = bench.snapshot();
    fs::rename(
        bench.source().join("directory"),
        bench.source().join("other"),
    )
    .unwrap();
    fs::rename(
        bench.source().join("two"),
        bench.source().join("other/zwei"),
    )
    .unwrap();
    let second = bench.snapshot();
    assert_eq!(
        (second.stats.linked_files, second.stats.copied_files),
        (2, 0)
    );
    // Renaming a directory does not touch the files in it.
    assert_eq!(second.stats.read_files, 1);
    for (old, new) in [
        ("directory/deep/one", "other/deep/one"),
        ("two", "other/zwei"),
    ] {
        assert_eq!(inode(&first.path.join(old)), inode(&second.path.join(new)));
    }
    let changes = diff(&first.path, &second.path, &bench.notes).unwrap();
    let renamed = |change: &&Difference| matches!(change.change, Change::Renamed { .. });
    assert_eq!(changes.iter().filter(renamed).count(), 2, "{changes:?}");
}

#[test]
fn an_edit_with_the_same_size_and_time_is_noticed() {
    let bench = Bench::new();
    bench.write("file", "aaaa");
    let first = bench.snapshot();
    let path = bench.source().join("file");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "bbbb").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(modified).unwrap();
    let second = bench.snapshot();
    assert_eq!(fs::read(first.path.join("file")).unwrap(), b"aaaa");
    assert_eq!(fs::read(second.path.join("file")).unwrap(), b"bbbb");
}

#[test]
fn other_metadata_means_another_inode() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.write("file", "content");
    let first = bench.snapshot();
    fs::set_permissions(
        bench.source().join("file"),
        fs::Permissions::from_mode(0o4711),
    )
    .unwrap();
    let second = bench.snapshot();
    let (old, new) = (first.path.join("file"), second.path.join("file"));
    assert_ne!(inode(&old), inode(&new));
    assert_eq!(fs::metadata(new).unwrap().mode() & 0o7777, 0o4711);
    assert_ne!(fs::metadata(old).unwrap().mode() & 0o7777, 0o4711);
}

#[test]
fn a_destination_within_the_source_is_left_out_and_the_reverse_refused() {
    let bench = Bench::new();
    bench.write("file", "content");
    let inside = bench.source().join("backups");
    let options = CreateOptions::default();
    for hour in 0..2 {
        let now = start().saturating_add(hour.hours());
        let created = create(&bench.source(), &inside, &options, &utc(now), &bench.notes).unwrap();
        assert!(created.path.join("file").exists());
        assert!(!created.path.join("backups").exists());
    }
    let row = inside.join("docs");
    let error = create(&row, &inside, &options, &utc(start()), &bench.notes).unwrap_err();
    assert!(matches!(error, SnapshotError::Nested { .. }), "{error}");
}

#[test]
fn two_snapshots_of_one_second_have_two_names() {
    let bench = Bench::new();
    bench.write("file", "content");
    let options = CreateOptions::default();
    let make = || {
        create(
            &bench.source(),
            &bench.place(),
            &options,
            &utc(start()),
            &bench.notes,
        )
    };
    assert_eq!(make().unwrap().id.stamp.to_string(), "2025-01-01-000000");
    assert_eq!(make().unwrap().id.stamp.to_string(), "2025-01-01-000001");
}

#[test]
fn rows_share_files() {
    let bench = Bench::new();
    bench.write("file", "content");
    let first = bench.snapshot();
    let options = CreateOptions {
        name: Some("other".parse().unwrap()),
        ..CreateOptions::default()
    };
    let second = bench.create(&options);
    assert_eq!(second.id.to_string(), "other/2025-01-01-020000");
    assert_eq!((second.stats.read_files, second.stats.linked_files), (1, 1));
    assert_eq!(
        inode(&first.path.join("file")),
        inode(&second.path.join("file"))
    );
}

#[test]
fn sums_are_what_coreutils_takes() {
    let bench = Bench::new();
    bench.write("a/one", "one");
    bench.write("new\nline", "two");
    let options = CreateOptions {
        sums: true,
        ..CreateOptions::default()
    };
    let created = bench.create(&options);
    let sums = bench.destination().sums_path(&created.id);
    let check = std::process::Command::new("sha256sum")
        .args(["--check", "--strict"])
        .arg(&sums)
        .current_dir(&created.path)
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
    assert_same_tree(&bench.source(), &created.path);
    delete(&bench.destination(), &[created.id], &bench.notes).unwrap();
    assert!(!sums.exists());
}

#[test]
fn the_order_is_that_of_the_runs_whatever_the_clock_says() {
    let bench = Bench::new();
    let at = |text: &str| -> Zoned { text.parse().unwrap() };
    let options = CreateOptions::default();
    // The hour that comes twice in Rome, then a clock that was set back by a month.
    for time in [
        "2025-10-26T02:30:00+02:00[Europe/Rome]",
        "2025-10-26T02:10:00+01:00[Europe/Rome]",
        "2025-09-26T12:00:00+02:00[Europe/Rome]",
    ] {
        create(
            &bench.source(),
            &bench.place(),
            &options,
            &at(time),
            &bench.notes,
        )
        .unwrap();
    }
    let listed = list(&bench.destination(), None, false, &bench.notes).unwrap();
    let begun: Vec<String> = listed
        .iter()
        .map(|it| it.begun.unwrap().to_string())
        .collect();
    assert_eq!(
        begun,
        [
            "2025-10-26T00:30:00Z",
            "2025-10-26T01:10:00Z",
            "2025-09-26T10:00:00Z"
        ]
    );
    let stamps: Vec<String> = listed.iter().map(|it| it.id.stamp.to_string()).collect();
    assert_eq!(
        stamps,
        [
            "2025-10-26-023000",
            "2025-10-26-021000",
            "2025-09-26-120000"
        ]
    );
    let rules = KeepRules {
        last: 1,
        ..KeepRules::default()
    };
    prune(&bench.destination(), None, &rules, false, &bench.notes).unwrap();
    let left = bench.destination().snapshots(None).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].stamp.to_string(), "2025-09-26-120000");
}

#[test]
fn a_link_to_the_source_gives_the_snapshot_its_own_name() {
    let bench = Bench::new();
    let link = bench.source().with_file_name("called-so");
    std::os::unix::fs::symlink(bench.source(), &link).unwrap();
    let made = create(
        &link,
        &bench.place(),
        &CreateOptions::default(),
        &utc(start()),
        &bench.notes,
    );
    assert_eq!(made.unwrap().id.name.as_str(), "called-so");
}
