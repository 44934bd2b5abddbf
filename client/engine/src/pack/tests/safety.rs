//! Nothing is lost, and nothing half is left.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

use super::tree::assert_same_tree;
use super::*;
use hashget_files::temp_name::TempNames;

fn leftovers(case: &Case) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(case.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn write_archive(case: &Case, packing: Packing) -> PackStats {
    let output = Output::File(case.archive());
    packing.write(output, None, &case.told).unwrap()
}

#[test]
fn what_was_listed_a_moment_ago_is_not_looked_at_again() {
    let case = Case::new();
    let lookup = FakeLookup::holding(&[&big(1)]);
    case.write("file", &big(1));
    let options = PackOptions {
        fresh: Duration::from_secs(3600),
        ..gzip()
    };
    let packing = case.plan(&lookup, &options);
    case.write("file", &big(2));
    write_archive(&case, packing);
    let (_, list) = case.unpack();
    // The archive shows the file as it was when it was listed.
    assert_eq!(listed(&list)["file"].sha256, Digest::of(&big(1)));
}

#[test]
fn files_that_change_after_hashing_are_packed_as_they_are() {
    let case = Case::new();
    let mut lookup = FakeLookup::default();
    lookup.add("http://example.org/a", &[&big(1)]);
    lookup.add("http://example.org/b", &[&big(2)]);
    for (name, byte) in [
        ("content", 1),
        ("same-size", 1),
        ("mode", 2),
        ("grown", 3),
        ("quiet", 1),
    ] {
        case.write(name, &big(byte));
    }
    let packing = case.plan(&lookup, &gzip());
    assert_eq!(packing.plan().packages.len(), 2);
    case.write("content", b"new");
    let same_size = case.root().join("same-size");
    let modified = fs::metadata(&same_size).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&same_size).unwrap();
    file.write_all_at(b"x", 7).unwrap();
    file.set_modified(modified).unwrap();
    fs::set_permissions(case.root().join("mode"), fs::Permissions::from_mode(0o600)).unwrap();
    case.write("grown", &vec![9; 6_000_000]);
    let stats = write_archive(&case, packing);
    assert_eq!(
        (
            stats.deduplicated_files,
            stats.archived_files,
            stats.problems
        ),
        (1, 4, 0)
    );
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    assert_eq!(listed(&list).into_keys().collect::<Vec<_>>(), ["quiet"]);
    assert_eq!(
        list.packages.len(),
        1,
        "the package for `mode` is no longer needed"
    );
}

#[test]
fn names_that_vanish_or_become_something_else_are_told() {
    let case = Case::new();
    for name in ["gone-known", "gone-own", "swapped", "now-a-directory"] {
        case.write(name, &big(u8::from(name == "gone-known")));
    }
    let packing = case.plan(&FakeLookup::holding(&[&big(1)]), &gzip());
    for name in ["gone-known", "gone-own", "swapped", "now-a-directory"] {
        fs::remove_file(case.root().join(name)).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, case.root().join("swapped"), 0o600.into()).unwrap();
    fs::create_dir(case.root().join("now-a-directory")).unwrap();
    let stats = write_archive(&case, packing);
    assert_eq!(stats.problems, 4);
    let problems = case.told.problems();
    for name in ["gone-known", "gone-own", "swapped", "now-a-directory"] {
        assert!(problems.iter().any(|p| p.starts_with(name)), "{problems:?}");
    }
    let (_, list) = case.unpack();
    assert!(list.files.is_empty() && list.packages.is_empty());
}

#[test]
fn a_hard_linked_name_that_was_replaced_is_packed_as_what_it_is() {
    let case = Case::new();
    case.write("a", &big(1));
    for name in ["b", "c", "d"] {
        fs::hard_link(case.root().join("a"), case.root().join(name)).unwrap();
    }
    let packing = case.plan(&FakeLookup::default(), &gzip());
    fs::remove_file(case.root().join("b")).unwrap();
    fs::remove_file(case.root().join("c")).unwrap();
    case.write("b", b"another file");
    let stats = write_archive(&case, packing);
    assert_eq!((stats.archived_files, stats.problems), (3, 1), "c is gone");
    let (unpacked, _) = case.unpack();
    assert_eq!(fs::read(unpacked.join("b")).unwrap(), b"another file");
    let inode = |name: &str| fs::metadata(unpacked.join(name)).unwrap().ino();
    assert_eq!(inode("a"), inode("d"));
    assert!(!exists(&unpacked.join("c")));
}

#[test]
fn a_symbolic_link_put_in_the_way_is_not_followed() {
    let case = Case::new();
    case.write("directory/own", &big(2));
    fs::create_dir(case.directory.path().join("secret")).unwrap();
    fs::write(case.directory.path().join("secret/own"), "secret").unwrap();
    let packing = case.plan(&FakeLookup::default(), &gzip());
    fs::remove_dir_all(case.root().join("directory")).unwrap();
    std::os::unix::fs::symlink("../secret", case.root().join("directory")).unwrap();
    let stats = write_archive(&case, packing);
    assert_eq!(stats.problems, 1, "{:?}", case.told.problems());
}

#[test]
fn unreadable_files_are_told_and_the_rest_is_packed() {
    if is_root() {
        // Root reads everything; the case of a vanished file is the same from there on.
        return;
    }
    let case = Case::new();
    let secret = case.write("secret", &big(1));
    case.write("x", b"x");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o0)).unwrap();
    let stats = case.pack(&FakeLookup::holding(&[&big(1)]));
    assert_eq!(
        (
            stats.problems,
            stats.archived_files,
            stats.deduplicated_files
        ),
        (1, 1, 0)
    );
}

#[test]
fn a_tree_that_was_never_restored_is_refused() {
    let case = Case::new();
    case.write("known", &big(1));
    case.write("own", &big(2));
    case.pack(&FakeLookup::holding(&[&big(1)]));
    let (unpacked, _) = case.unpack();
    let again = |output: &str| {
        let output = Output::File(case.directory.path().join(output));
        pack(
            &unpacked,
            output,
            &gzip(),
            &FakeLookup::default(),
            &case.told,
        )
    };
    let error = again("second").unwrap_err();
    assert!(
        matches!(error, PackError::NeverRestored { missing: 1, .. }),
        "{error:?}"
    );
    assert!(!exists(&case.directory.path().join("second")));
    assert!(exists(&unpacked.join(RestoreFile::NAME)), "and left alone");

    // Restored, its place is taken, and that is told.
    fs::write(unpacked.join("known"), big(1)).unwrap();
    assert_eq!(again("second").unwrap().archived_files, 2);
    assert!(case.told.messages().contains("is replaced"));
}

#[test]
fn what_is_no_restore_file_is_not_replaced() {
    for content in ["{\"version\": 99}", "no json", "17"] {
        let case = Case::new();
        case.write(RestoreFile::NAME, content.as_bytes());
        let error = case.pack_with(&FakeLookup::default(), &gzip()).unwrap_err();
        assert!(
            matches!(
                error,
                PackError::NotARestoreFile {
                    source: Some(_),
                    ..
                }
            ),
            "{error:?}"
        );
        let mut options = gzip();
        options.walk.exclude = hashget_files::tree::PatternSet::new([RestoreFile::NAME]).unwrap();
        case.pack_with(&FakeLookup::default(), &options).unwrap();
    }
    let case = Case::new();
    fs::create_dir(case.root().join(RestoreFile::NAME)).unwrap();
    let error = case.pack_with(&FakeLookup::default(), &gzip()).unwrap_err();
    assert!(
        matches!(error, PackError::NotARestoreFile { source: None, .. }),
        "{error:?}"
    );
    // Below the root it is a file like any other.
    let case = Case::new();
    case.write("sub/.hashget-restore.json", b"no json");
    assert_eq!(case.pack(&FakeLookup::default()).archived_files, 1);
}

#[test]
fn a_full_disk_leaves_the_old_archive_and_no_half_one() {
    let case = Case::new();
    case.write("own", &big(2));
    let error = pack(
        &case.root(),
        Output::File("/dev/full".into()),
        &gzip(),
        &FakeLookup::default(),
        &case.told,
    );
    let error = error.unwrap_err();
    assert!(
        matches!(error, PackError::Output { .. } | PackError::Archive { .. }),
        "{error:?}"
    );
    assert!(
        exists(Path::new("/dev/full")),
        "a device is written to, not replaced"
    );
    assert_eq!(leftovers(&case), ["tree"]);
}

#[test]
fn a_killed_run_leaves_no_litter_after_the_next() {
    let case = Case::new();
    case.write("own", &big(2));
    let directory = File::open(case.directory.path()).unwrap();
    let name = TempNames::of(&directory).unwrap().fresh();
    fs::write(case.directory.path().join(name), "half").unwrap();
    let not_ours = ".hashget-tmp-00ff00ff00ff00ff";
    fs::write(case.directory.path().join(not_ours), "a user's").unwrap();
    case.pack(&FakeLookup::default());
    assert_eq!(leftovers(&case), [not_ours, "out.tar.gz", "tree"]);
}

#[test]
fn an_output_that_cannot_be_is_refused_before_the_tree_is_read() {
    let case = Case::new();
    for output in ["missing/out.tar", "tree"] {
        let output = Output::File(case.directory.path().join(output));
        let error = PackScan::new(&case.root(), Some(&output), &gzip(), &case.told).unwrap_err();
        assert!(matches!(error, PackError::Output { .. }), "{error:?}");
    }
    let error = PackScan::new(
        &case.directory.path().join("none"),
        None,
        &gzip(),
        &case.told,
    )
    .unwrap_err();
    assert!(matches!(error, PackError::Tree(_)), "{error:?}");
}

#[test]
fn files_that_keep_changing_never_fall_out() {
    let case = Case::new();
    let path = case.write("log", &big(1));
    case.write("big-log", &vec![1; 5_000_000]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let files = [&path, &case.root().join("big-log")]
                .map(|path| File::options().write(true).open(path).unwrap());
            let mut round = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for (file, size) in files.iter().zip([5000, 5_000_000]) {
                    file.set_len(size - round % 3).unwrap();
                    file.write_all_at(&[(round % 251) as u8], round % 4000)
                        .unwrap();
                }
                round += 1;
            }
        });
        for _ in 0..10 {
            let stats = case.pack(&FakeLookup::holding(&[&big(1)]));
            let (unpacked, list) = case.unpack();
            for name in ["log", "big-log"] {
                let is_listed = listed(&list).contains_key(name);
                assert!(exists(&unpacked.join(name)) != is_listed, "{name}");
            }
            assert_eq!(stats.archived_files + stats.deduplicated_files, 2);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
