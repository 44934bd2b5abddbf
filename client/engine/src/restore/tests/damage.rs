//! What is broken costs files at most, never their content.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use hashget_words::restore_file::RestoreFile;

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, list_of, path, set_times};
use crate::restore::{Overwrite, RestoreError, RestoreOptions, RestoreStats, extract, restore};
use hashget_files::monitor::Silent;
use hashget_files::temp_name::TempNames;

/// A directory with the restore file of one missing file `a/f` and one present file.
fn directory(root: &Path, content: &[u8]) -> TestSources {
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("a/f"), content).unwrap();
    set_times(&root.join("a/f"), 1_500_000_000, 5);
    let mut sources = TestSources::default();
    let package = sources.add(&[content]);
    let list = list_of(root, &[path("a/f")], vec![package]);
    fs::write(root.join(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    fs::remove_file(root.join("a/f")).unwrap();
    sources
}

fn run(root: &Path, sources: &TestSources, overwrite: Overwrite) -> RestoreStats {
    let options = RestoreOptions {
        overwrite,
        ..RestoreOptions::default()
    };
    restore(root, &options, sources, &Silent).unwrap()
}

#[test]
fn an_existing_file_is_replaced_kept_or_left_alone_as_told() {
    for (existing, overwrite, after, missing, fetches) in [
        ("other", Overwrite::Changed, "right", 0, 1),
        ("other", Overwrite::Never, "other", 1, 0),
        ("other", Overwrite::Always, "right", 0, 1),
        ("right", Overwrite::Changed, "right", 0, 0),
        ("right", Overwrite::Never, "right", 0, 0),
        ("right", Overwrite::Always, "right", 0, 1),
    ] {
        let work = tempfile::tempdir().unwrap();
        let sources = directory(work.path(), b"right");
        let at = work.path().join("a/f");
        fs::write(&at, existing).unwrap();
        let inode = fs::metadata(&at).unwrap().ino();
        let stats = run(work.path(), &sources, overwrite);
        let case = format!("{existing} {overwrite:?}");
        assert_eq!(fs::read(&at).unwrap(), after.as_bytes(), "{case}");
        assert_eq!(stats.missing_files, missing, "{case}");
        assert_eq!(sources.fetched().len(), fetches, "{case}");
        let stat = fs::metadata(&at).unwrap();
        if existing == "right" && overwrite == Overwrite::Changed {
            assert_eq!((stat.ino(), stat.mtime()), (inode, 1_500_000_000), "{case}");
        }
    }
}

#[test]
fn a_restore_that_fails_leaves_the_existing_file() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = directory(work.path(), b"right");
    let digest = *sources.packages.keys().next().unwrap();
    for damage in ["gone", "flipped", "truncated"] {
        fs::write(work.path().join("a/f"), "precious").unwrap();
        let mut bytes = sources.packages.get(&digest).cloned().unwrap_or_default();
        match damage {
            "gone" => {
                sources.packages.remove(&digest);
            }
            "flipped" => {
                bytes = super::fixture::archive_of(work.path(), &[], None);
                let at = bytes.len() - 1500;
                bytes[at] ^= 1;
                sources.packages.insert(digest, bytes);
            }
            _ => {
                bytes.truncate(bytes.len() / 2);
                sources.packages.insert(digest, bytes);
            }
        }
        let log = Log::default();
        let stats = restore(work.path(), &RestoreOptions::default(), &sources, &log).unwrap();
        assert_eq!(stats.missing_files, 1, "{damage}");
        assert_eq!(stats.missing[0].file, path("a/f"));
        assert_eq!(fs::read(work.path().join("a/f")).unwrap(), b"precious");
        assert_eq!(fs::read_dir(work.path().join("a")).unwrap().count(), 1);
        assert!(work.path().join(RestoreFile::NAME).exists());
    }
}

#[test]
fn a_directory_in_the_way_stays_and_is_named() {
    let work = tempfile::tempdir().unwrap();
    let sources = directory(work.path(), b"right");
    fs::create_dir(work.path().join("a/f")).unwrap();
    let stats = run(work.path(), &sources, Overwrite::Changed);
    assert_eq!((stats.missing_files, stats.in_the_way_files), (1, 1));
    let why = &stats.missing[0].why;
    assert!(why.contains("directory"), "{why}");
    assert_eq!(sources.fetched(), Vec::<String>::new());
    fs::write(work.path().join("a/f/mine"), "").unwrap();
    let stats = run(work.path(), &sources, Overwrite::Always);
    assert_eq!((stats.missing_files, stats.in_the_way_files), (1, 1));
    let why = &stats.missing[0].why;
    assert!(why.contains("not empty"), "{why}");
    assert!(work.path().join("a/f/mine").exists());
}

#[test]
fn names_outside_a_file_s_group_keep_their_metadata() {
    let work = tempfile::tempdir().unwrap();
    let sources = directory(&work.path().join("root"), b"right");
    let other = work.path().join("snapshot");
    fs::write(&other, "right").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    set_times(&other, 7, 7);
    fs::hard_link(&other, work.path().join("root/a/f")).unwrap();
    let stats = run(&work.path().join("root"), &sources, Overwrite::Changed);
    assert_eq!((stats.in_place_files, stats.missing_files), (1, 0));
    let (a, b) = (
        fs::metadata(&other).unwrap(),
        fs::metadata(work.path().join("root/a/f")).unwrap(),
    );
    assert_eq!((a.mtime(), b.mtime()), (7, 1_500_000_000));
    assert_eq!((a.nlink(), b.nlink()), (1, 1));
}

#[test]
fn archives_cut_short_or_flipped_end_in_an_error() {
    let work = tempfile::tempdir().unwrap();
    let tree = work.path().join("tree");
    directory(&tree, b"right");
    fs::write(tree.join("b"), vec![3; 10_000]).unwrap();
    let whole = archive_of(&tree, &[], None);
    let archive = work.path().join("archive.tar");
    // The checksum may be missing, the end before it not.
    for length in (0..whole.len() - 512).step_by(509) {
        fs::write(&archive, &whole[..length]).unwrap();
        let target = work.path().join(format!("cut{length}"));
        let options = RestoreOptions::default();
        let result = extract(
            &archive,
            &target,
            &options,
            &TestSources::default(),
            &Silent,
        );
        assert!(result.is_err(), "{length} of {}", whole.len());
        assert!(!target.join("b").exists());
    }
    for at in (0..whole.len() - 512).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        fs::write(&archive, &changed).unwrap();
        let target = work.path().join(format!("flipped{at}"));
        let options = RestoreOptions::default();
        let sources = TestSources::default();
        let result = extract(&archive, &target, &options, &sources, &Silent);
        assert!(result.is_err(), "{at} of {}", whole.len());
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    }
    fs::write(&archive, b"no archive at all").unwrap();
    let result = extract(
        &archive,
        &work.path().join("none"),
        &RestoreOptions::default(),
        &TestSources::default(),
        &Silent,
    );
    assert!(matches!(result, Err(RestoreError::NotArchive { .. })));
}

#[test]
fn damaged_restore_files_are_refused() {
    let work = tempfile::tempdir().unwrap();
    let sources = directory(work.path(), b"right");
    let at = work.path().join(RestoreFile::NAME);
    let whole = fs::read(&at).unwrap();
    for length in 0..whole.len() - 2 {
        fs::write(&at, &whole[..length]).unwrap();
        let result = restore(work.path(), &RestoreOptions::default(), &sources, &Silent);
        assert!(matches!(result, Err(RestoreError::RestoreFile { .. })));
    }
    fs::write(&at, br#"{"version": 99, "files": []}"#).unwrap();
    let result = restore(work.path(), &RestoreOptions::default(), &sources, &Silent);
    assert!(matches!(result, Err(RestoreError::RestoreFile { .. })));
    fs::remove_file(&at).unwrap();
    let result = restore(work.path(), &RestoreOptions::default(), &sources, &Silent);
    assert!(matches!(result, Err(RestoreError::NoRestoreFile { .. })));
}

#[test]
fn litter_of_killed_runs_is_removed() {
    let work = tempfile::tempdir().unwrap();
    let sources = directory(work.path(), b"right");
    let directory = fs::File::open(work.path().join("a")).unwrap();
    let name = TempNames::of(&directory).unwrap().fresh();
    let litter = work.path().join("a").join(name);
    fs::write(&litter, "half").unwrap();
    let not_ours = work.path().join("a/.hashget-tmp-0123456789abcdef");
    fs::write(&not_ours, "a user's").unwrap();
    let stats = run(work.path(), &sources, Overwrite::Changed);
    assert_eq!((stats.removed_litter_files, stats.placed_files), (1, 1));
    assert!(!litter.exists());
    assert!(not_ours.exists());
}
