//! `hashget series`, from an empty home to a restore, and under `kill -9`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::bed::{Bed, files_of, noise};

/// Writes a series file with one section; the source is `~/source`.
fn series_file(bed: &Bed, options: &str) {
    let home = bed.path("");
    let home = home.display();
    let text = format!(
        "[profile.Home.Docs]\nsource = '{home}source'\ndestination = '{home}destination'\n{options}\n"
    );
    bed.write(".config/hashget/series.toml", text);
}

fn archives(bed: &Bed) -> Vec<PathBuf> {
    let entries = fs::read_dir(bed.path("destination")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}

#[test]
fn from_an_empty_home_to_a_restore() {
    let bed = Bed::new();
    let written = bed.run("series init").expect(0).stdout;
    assert!(written.contains("series.toml"), "{written}");
    bed.run("series init").expect(1).tells("hint: ");
    series_file(
        &bed,
        "max_series = 2\nmax_series_length = 3\npost = 'echo $HASHGET_STATUS >> statuses'",
    );
    bed.write("source/a", noise(1, 50_000));
    let made = bed.run("series run --comment first").expect(0).stdout;
    assert!(
        made.contains("normal backup (Home)Docs_001.tar.gz"),
        "{made}"
    );
    let same = bed.run("series run Home/Docs").expect(0).stdout;
    assert!(same.contains("nothing changed since backup 001"), "{same}");
    bed.write("source/b", "b");
    let small = bed.run("series run --json").expect(0).stdout;
    assert!(small.contains(r#""event":"series_run""#), "{small}");
    assert!(small.contains(r#""backup":"001[01]""#), "{small}");
    let listed = bed.run("series list").expect(0).stdout;
    assert!(
        listed.contains("first") && listed.contains("001[01]"),
        "{listed}"
    );
    let shown = bed.run("series show 001[01]").expect(0).stdout;
    assert!(
        shown.contains("new       file") && !shown.contains("unchanged file"),
        "{shown}"
    );
    assert_eq!(bed.run("series cat 1.1 b").expect(0).stdout, "b");
    bed.run("series restore 1.1 ~/out").expect(0);
    assert_eq!(files_of(&bed.path("out")), files_of(&bed.path("source")));
    bed.run("series restore 1.1 ~/out")
        .expect(1)
        .tells("--in-place");
    bed.run("series export 1.1 -f ~/one.tar.gz").expect(0);
    bed.run("-u ~/one.tar.gz -C ~/out2").expect(0);
    assert_eq!(fs::read(bed.path("out2/a")).unwrap(), noise(1, 50_000));
    bed.run("series verify").expect(0);
    bed.run("series restore 9 ~/out3")
        .expect(1)
        .tells("series list");
    bed.run("series run Nobody").expect(1).tells("Nobody");
    let statuses = fs::read_to_string(bed.path("statuses")).unwrap();
    assert_eq!(statuses, "made\nunchanged\nmade\n");
}

#[test]
fn a_failing_pre_hook_makes_no_backup() {
    let bed = Bed::new();
    series_file(
        &bed,
        "max_series = 2\nmax_series_length = 3\npre = 'exit 3'",
    );
    bed.write("source/a", "a");
    bed.run("series run").expect(1).tells("exit status: 3");
    assert!(archives(&bed).is_empty());
}

/// `HASHGET_SERIES_KILLS` for longer rounds.
#[test]
fn what_a_plain_restore_cannot_do_with_patches_is_told() {
    let bed = Bed::new();
    series_file(&bed, "max_series = 2\nmax_series_length = 3\ndelta = true");
    bed.write("source/large", noise(1, 100_000));
    bed.run("series run").expect(0);
    let mut changed = noise(1, 100_000);
    changed[500] ^= 1;
    bed.write("source/large", &changed);
    let small = bed.run("series run").expect(0).stdout;
    assert!(small.contains("1 as patches of "), "{small}");
    let archive = "~/destination/(Home)Docs_001[01].tar.gz";
    let ran = bed
        .run(&format!("-u {archive} -C ~/out --pool ~/destination"))
        .expect(1)
        .tells("hashget series restore");
    assert!(ran.stdout.contains("MISSING large"), "{}", ran.stdout);
    assert!(!bed.path("out/large").exists());
    bed.run("series restore 1.1 ~/right").expect(0);
    assert_eq!(fs::read(bed.path("right/large")).unwrap(), changed);
}

#[test]
fn names_that_series_need_themselves_are_told() {
    let bed = Bed::new();
    series_file(&bed, "max_series = 2\nmax_series_length = 3");
    bed.write("source/a", "a");
    bed.write("source/.hashget-patches/mine", "b");
    bed.run("series run")
        .expect(0)
        .tells(".hashget-patches is not backed up");
}

fn kills() -> u64 {
    let kills = std::env::var("HASHGET_SERIES_KILLS").ok();
    kills.map_or(12, |kills| kills.parse().unwrap())
}

#[test]
fn killed_runs_damage_nothing() {
    kill_runs("delta = false");
}

#[test]
fn killed_runs_that_make_patches_damage_nothing() {
    kill_runs("delta = true\ndelta_min_size = 10000");
}

fn kill_runs(options: &str) {
    let bed = Bed::new();
    let limits = "max_series = 2\nmax_series_length = 3\nindex = false\nself_sufficient = true";
    series_file(&bed, &format!("{limits}\n{options}"));
    for number in 0..20 {
        bed.write(&format!("source/f{number}"), noise(number, 60_000));
    }
    let started = std::time::Instant::now();
    bed.run("series run").expect(0);
    let whole = started.elapsed();
    for kill in 0..kills() {
        bed.write("source/changes", format!("{kill}"));
        let mut changed = noise(1000 + kill, 60_000);
        if kill % 2 == 1 {
            // Only a part of it.
            changed[..50_000].copy_from_slice(&noise(kill % 20, 60_000)[..50_000]);
        }
        bed.write(&format!("source/f{}", kill % 20), changed);
        let words = bed.words("series run");
        let mut child = bed.hashget().args(words).spawn().unwrap();
        // At every part of a run, the end included.
        std::thread::sleep(
            whole * u32::try_from(kill % 11).unwrap() / 9 + Duration::from_millis(1),
        );
        child.kill().unwrap();
        child.wait().unwrap();
        for archive in archives(&bed) {
            let name = archive.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(name.starts_with("(Home)Docs_"), "{name}");
        }
        if kill % 10 == 9 {
            bed.run("series verify").expect(0);
        }
    }
    bed.run("series run --force").expect(0);
    bed.run("series verify").expect(0);
    let state = fs::read_dir(bed.path("destination/.hashget-series")).unwrap();
    let left: Vec<_> = state
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("incoming-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let last = archives(&bed).pop().unwrap();
    let name = last.file_name().unwrap().to_str().unwrap().to_owned();
    let id = name
        .trim_start_matches("(Home)Docs_")
        .trim_end_matches(".tar.gz")
        .to_owned();
    bed.run(&format!("series restore {id} ~/out")).expect(0);
    assert_eq!(files_of(&bed.path("out")), files_of(&bed.path("source")));
}
