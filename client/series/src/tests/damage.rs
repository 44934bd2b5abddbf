//! Damage, lost files, replicas.

use super::*;

/// Three backups of a small tree.
fn three() -> Bed {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 3");
    fs::write(bed.source("large"), vec![7; 50_000]).unwrap();
    for number in 0..3 {
        fs::write(bed.source("small"), format!("{number}")).unwrap();
        bed.backup();
    }
    bed
}

pub(super) fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_base_is_told_with_all_that_rely_on_it() {
    let mut bed = three();
    assert!(verify(&bed.section).unwrap().is_good());
    flip(&bed.destination().archive(BackupId::normal(1)));
    let check = verify(&bed.section).unwrap();
    assert!(!check.is_good());
    assert!(check.backups[0].damage.is_some());
    let dependants: Vec<String> = check.backups[0]
        .dependants
        .iter()
        .map(BackupId::to_string)
        .collect();
    assert_eq!(dependants, ["001[01]", "001[02]"]);
    assert!(check.backups[1].damage.is_none() && !check.backups[1].is_good());
    assert!(bed.restore(BackupId::normal(1), "out").is_err());
    // The run goes on: with a new series, as this one was to be long enough anyway.
    assert_eq!(bed.backup(), BackupId::normal(2));
}

/// Puts a pipe in the place of a file, as whoever may write to the directory can.
fn make_pipe(path: &Path) {
    fs::remove_file(path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn a_pipe_in_the_place_of_an_archive_or_manifest_is_not_waited_for() {
    let bed = three();
    let last = *bed.destination().backups().unwrap().last().unwrap();
    make_pipe(&bed.destination().manifest_path(last));
    bed.restore(last, "out").unwrap();
    make_pipe(&bed.destination().archive(BackupId::normal(1)));
    let check = verify(&bed.section).unwrap();
    let damage = check.backups[0].damage.as_ref().unwrap();
    assert!(
        format!("{damage:?}").contains("no regular file"),
        "{damage:?}"
    );
    assert!(bed.restore(BackupId::normal(1), "out1").is_err());
}

#[test]
fn the_archives_alone_tell_everything() {
    let mut bed = three();
    let state = bed.destination().path().join(Destination::STATE);
    fs::remove_dir_all(state).unwrap();
    let listed = list(&bed.section).unwrap();
    assert!(listed.iter().all(|backup| backup.facts.is_some()));
    let id = listed[2].backup;
    bed.restore(id, "out").unwrap();
    assert!(verify(&bed.section).unwrap().is_good());
    fs::write(bed.source("small"), "more").unwrap();
    assert_eq!(bed.backup(), BackupId::normal(2));
}

#[test]
fn what_killed_runs_leave_is_removed_by_the_next() {
    let mut bed = three();
    let destination = bed.destination();
    let next = BackupId::normal(2);
    fs::write(destination.incoming(next), "half").unwrap();
    let manifest = destination.path().join(Destination::STATE);
    fs::write(manifest.join("(Home)Docs_002.tar.json"), "{}").unwrap();
    let report = bed.run_with(true, false).unwrap();
    assert_eq!(report.cleaned_files, 2);
    bed.restore(next, "out").unwrap();
}

#[test]
fn a_replica_stands_in_and_follows() {
    let mut bed = Bed::new("max_series = 1\nmax_series_length = 2");
    let directory = bed.directory.path().join("replica");
    bed.section.replicate_to = vec![directory.clone()];
    fs::write(bed.source("large"), vec![7; 50_000]).unwrap();
    bed.backup();
    fs::write(bed.source("small"), "1").unwrap();
    let last = bed.backup();
    let replica = Destination::new(&directory, &bed.section.names);
    assert_eq!(replica.backups().unwrap().len(), 2);
    flip(&bed.destination().archive(BackupId::normal(1)));
    bed.restore(last, "out").unwrap();
    bed.restore(BackupId::normal(1), "out0").unwrap();
    bed.backup();
    assert_eq!(
        replica.backups().unwrap(),
        bed.destination().backups().unwrap()
    );
    // An empty destination beside a replica that has backups is probably not mounted.
    fs::remove_dir_all(&bed.section.destination).unwrap();
    fs::create_dir_all(bed.section.destination.join(Destination::STATE)).unwrap();
    let error = bed.run_with(true, false).unwrap_err();
    assert!(matches!(error, SeriesError::EmptyDestination { .. }));
}
