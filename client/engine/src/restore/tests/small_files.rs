//! Small members are placed on several threads; what comes of it is as if it had been one after another.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hashget_tests::tar_builder::TarBuilder;

use super::doubles::{Log, TestSources};
use super::fixture::xattrs_of;
use crate::restore::{ExtractStats, Overwrite, RestoreOptions, extract};

fn extracted(
    tar: &[u8],
    target: &Path,
    overwrite: Overwrite,
    jobs: usize,
) -> (ExtractStats, Vec<String>) {
    let work = tempfile::tempdir().unwrap();
    let archive = work.path().join("a.tar");
    fs::write(&archive, tar).unwrap();
    let options = RestoreOptions {
        overwrite,
        jobs,
        ..RestoreOptions::default()
    };
    let log = Log::default();
    let stats = extract(&archive, target, &options, &TestSources::default(), &log).unwrap();
    (stats, log.problems())
}

#[test]
fn the_last_of_several_members_with_one_path_wins() {
    for jobs in [1, 4] {
        let target = tempfile::tempdir().unwrap();
        let mut tar = TarBuilder::new();
        for round in 0..40 {
            for number in 0..10 {
                let content = format!("{round} of {number}");
                tar = tar.file(format!("d{number}/file"), content.as_bytes());
            }
        }
        let (stats, problems) = extracted(&tar.build(), target.path(), Overwrite::Always, jobs);
        assert_eq!(problems, [""; 0]);
        assert_eq!(stats.placed_members, 400);
        for number in 0..10 {
            let content = fs::read_to_string(target.path().join(format!("d{number}/file")));
            assert_eq!(content.unwrap(), format!("39 of {number}"));
        }
    }
}

#[test]
fn links_and_directories_meet_files_as_the_archive_has_them() {
    for jobs in [1, 4] {
        let target = tempfile::tempdir().unwrap();
        let mut tar = TarBuilder::new();
        for number in 0..200 {
            tar = tar
                .file(format!("first{number}"), b"linked")
                .hard_link(format!("second{number}"), format!("first{number}"))
                .file(format!("becomes{number}"), b"a file first")
                .file(format!("becomes{number}/below"), b"then a directory")
                .file(format!("link{number}"), b"a file first")
                .symlink(format!("link{number}"), "first0");
        }
        let (stats, problems) = extracted(&tar.build(), target.path(), Overwrite::Always, jobs);
        assert_eq!(problems, [""; 0]);
        assert_eq!(stats.placed_members, 1200);
        for number in 0..200 {
            let at = |name: &str| target.path().join(format!("{name}{number}"));
            let [first, second] =
                ["first", "second"].map(|name| fs::metadata(at(name)).unwrap().ino());
            assert_eq!(first, second);
            assert_eq!(
                fs::read(at("becomes").join("below")).unwrap(),
                b"then a directory"
            );
            assert!(at("link").is_symlink());
        }
    }
}

#[test]
fn many_directories_and_one_with_many_files_come_out_whole() {
    let target = tempfile::tempdir().unwrap();
    let mut tar = TarBuilder::new();
    let content = |number: usize| vec![b'x'; number * 37 % 3000];
    for number in 0..3000 {
        tar = tar
            .file(format!("one/{number}"), content(number))
            .file(format!("many/{}/{number}", number % 700), content(number));
    }
    let tar = tar.build();
    let (stats, problems) = extracted(&tar, target.path(), Overwrite::Never, 4);
    assert_eq!(problems, [""; 0]);
    assert_eq!(stats.placed_members, 6000);
    let bytes: usize = (0..3000).map(|number| content(number).len()).sum();
    assert_eq!(stats.placed_bytes, 2 * bytes as u64);
    for number in 0..3000 {
        for path in [
            format!("one/{number}"),
            format!("many/{}/{number}", number % 700),
        ] {
            assert_eq!(fs::read(target.path().join(path)).unwrap(), content(number));
        }
    }
    // A second time, all is there; with one changed, just that one is replaced.
    let (stats, _) = extracted(&tar, target.path(), Overwrite::Never, 4);
    assert_eq!((stats.kept_members, stats.placed_members), (6000, 0));
    fs::write(target.path().join("one/77"), "changed").unwrap();
    let (stats, _) = extracted(&tar, target.path(), Overwrite::Changed, 4);
    assert_eq!((stats.unchanged_files, stats.placed_members), (5999, 1));
    assert_eq!(fs::read(target.path().join("one/77")).unwrap(), content(77));
}

#[test]
fn a_directory_that_lends_attributes_does_not_change_its_files() {
    // Read for all, and read and write for user 1234.
    const ACL: &[u8] =
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x06\0\xd2\x04\0\0\x04\0\x04\0\
                         \xff\xff\xff\xff\x10\0\x06\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";
    let target = tempfile::tempdir().unwrap();
    let lends = rustix::fs::setxattr(
        target.path(),
        "system.posix_acl_default",
        ACL,
        rustix::fs::XattrFlags::empty(),
    );
    if lends.is_err() {
        hashget_tests::not_run(
            "a directory that lends attributes",
            "the file system of the temporary directory has no ACLs",
        );
        return;
    }
    let tar = TarBuilder::new().file("file", b"content").build();
    let (_, problems) = extracted(&tar, target.path(), Overwrite::Always, 4);
    assert_eq!(problems, [""; 0]);
    assert_eq!(xattrs_of(&target.path().join("file")), []);
}
