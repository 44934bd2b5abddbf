//! How files share inodes, and what happens where they cannot.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_full_inode_gets_a_copy() {
    let bench = Bench::new();
    bench.write("file", "content");
    let options = CreateOptions {
        most_links: 3,
        ..CreateOptions::default()
    };
    let made: Vec<Created> = (0..7).map(|_| bench.create(&options)).collect();
    let inodes: Vec<u64> = made.iter().map(|m| inode(&m.path.join("file"))).collect();
    assert_eq!(inodes[0], inodes[2]);
    assert_ne!(inodes[2], inodes[3]);
    assert_eq!(inodes[3], inodes[5]);
    assert_ne!(inodes[5], inodes[6]);
    for made in &made {
        assert!(fs::metadata(made.path.join("file")).unwrap().nlink() <= 3);
        assert_same_tree(&bench.source(), &made.path);
    }
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn a_copy_of_a_known_file_has_its_attributes() {
    let bench = Bench::new();
    for name in ["file", "empty"] {
        bench.write(name, if name == "file" { "content" } else { "" });
        let path = bench.source().join(name);
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, "user.note", b"kept", flags).unwrap();
    }
    let options = CreateOptions {
        most_links: 1,
        ..CreateOptions::default()
    };
    for _ in 0..2 {
        // The walk does not read the attributes of what quick mode knows.
        let created = bench.create(&options);
        assert_eq!(created.stats.copied_files, 2);
        assert_same_tree(&bench.source(), &created.path);
    }
}

#[test]
fn hard_links_of_the_source_stay_together() {
    let bench = Bench::new();
    bench.write("first", "content");
    for name in ["second", "third"] {
        fs::hard_link(bench.source().join("first"), bench.source().join(name)).unwrap();
    }
    let options = CreateOptions {
        most_links: 7,
        ..CreateOptions::default()
    };
    for _ in 0..5 {
        // Also where an inode has room for a part of the group only.
        let created = bench.create(&options);
        assert_same_tree(&bench.source(), &created.path);
    }
}

#[test]
fn equal_files_share_an_inode_and_are_restored_apart() {
    let bench = Bench::new();
    bench.write("one", "content");
    let status = std::process::Command::new("cp")
        .arg("-p")
        .args([bench.source().join("one"), bench.source().join("two")])
        .status()
        .unwrap();
    assert!(status.success());
    fs::hard_link(bench.source().join("two"), bench.source().join("three")).unwrap();
    bench.write("empty/one", "");
    bench.write("empty/two", "");
    let created = bench.create(&CreateOptions::default());
    let at = |name: &str| inode(&created.path.join(name));
    assert_eq!(at("one"), at("two"));
    assert_eq!(at("one"), at("three"));
    assert_ne!(at("empty/one"), at("empty/two"));
    let back = bench.temp.path().join("back");
    restore(&bench, &created, &back);
    assert_same_tree(&bench.source(), &back);
    // Without the note of what was separate, they come back as one file.
    fs::remove_dir_all(bench.place().join(".hashget-snapshots")).unwrap();
    let back = bench.temp.path().join("back2");
    restore(&bench, &created, &back);
    assert_eq!(inode(&back.join("one")), inode(&back.join("two")));
}

pub(super) fn restore(bench: &Bench, created: &Created, target: &Path) {
    let root = hashget_words::rel_path::RelPath::root();
    let options = RestoreSnapshotOptions::default();
    let destination = bench.destination();
    restore_snapshot(
        &destination,
        &created.id,
        &root,
        target,
        &options,
        &bench.notes,
    )
    .unwrap();
}

#[test]
fn directories_that_may_not_be_written_to_are_kept_and_removed() {
    let bench = Bench::new();
    bench.write("closed/inner/file", "content");
    for directory in ["closed/inner", "closed"] {
        let mode = fs::Permissions::from_mode(0o555);
        fs::set_permissions(bench.source().join(directory), mode).unwrap();
    }
    let first = bench.snapshot();
    let second = bench.snapshot();
    delete(&bench.destination(), &[first.id], &bench.notes).unwrap();
    assert_same_tree(&bench.source(), &second.path);
    for directory in ["closed", "closed/inner"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(bench.source().join(directory), mode).unwrap();
    }
}
