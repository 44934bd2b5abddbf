//! What a restore brings back, and how exactly.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use hashget_words::rel_path::RelPath;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat};

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, assert_same, is_root, list_of, path, set_times, snapshot};
use crate::restore::{RestoreOptions, extract, restore};
use hashget_files::monitor::Silent;

const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255,
    255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
];
/// `cap_net_raw+ep`
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A tree with every oddity; gives the files that are left out of its archive.
fn odd_tree(root: &Path) -> Vec<RelPath> {
    let mut left_out = Vec::new();
    let file = |name: &[u8], content: &[u8]| {
        let at = root.join(OsStr::from_bytes(name));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, content).unwrap();
        at
    };
    for (number, name) in [
        &b"plain"[..],
        b"new\nline",
        b"st*r[x]?",
        b"-leading",
        b"not \xff utf-8 \x80",
        b"back\\slash",
        &[b'l'; 255],
        b"deep/er/and/deeper/still",
    ]
    .iter()
    .enumerate()
    {
        file(name, format!("content {number}").repeat(300).as_bytes());
        left_out.push(path(name));
    }
    let long = vec!["d".repeat(200); 18].join("/");
    file(format!("{long}/f").as_bytes(), b"far down");
    left_out.push(path(format!("{long}/f")));
    file(b"empty", b"");
    left_out.push(path("empty"));
    for (name, mode) in [
        ("suid", 0o4755),
        ("sgid", 0o2711),
        ("sticky", 0o1644),
        ("none", 0),
    ] {
        let at = file(name.as_bytes(), name.repeat(700).as_bytes());
        if is_root() {
            std::os::unix::fs::chown(&at, Some(1234), Some(4321)).unwrap();
        }
        fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        left_out.push(path(name));
    }
    for name in ["kept/a", "twice/x", "twice/y"] {
        file(name.as_bytes(), b"the same in several places");
    }
    left_out.push(path("twice/x"));
    left_out.push(path("twice/y"));
    let at = file(b"attributes", &[9; 5000]);
    // Not every file system takes them.
    let set = |name, value: &[u8]| {
        rustix::fs::setxattr(&at, name, value, XattrFlags::empty()).unwrap_or_default();
    };
    set("user.binary", b"a\nb\0c");
    set("system.posix_acl_access", &ACL);
    set("security.capability", &CAPABILITY);
    left_out.push(path("attributes"));
    let at = file(b"ancient", b"before 1970");
    set_times(&at, -1_000_000_000, 1);
    left_out.push(path("ancient"));
    add_what_is_no_file(root);
    left_out
}

fn add_what_is_no_file(root: &Path) {
    fs::write(root.join("archived"), "in the archive itself").unwrap();
    symlink("nowhere/at all", root.join("link")).unwrap();
    set_times(&root.join("link"), -5, 5);
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    if is_root() {
        let device = rustix::fs::makedev(1, 3);
        mknodat(
            CWD,
            root.join("null"),
            FileType::CharacterDevice,
            Mode::RUSR,
            device,
        )
        .unwrap();
        std::os::unix::fs::lchown(root.join("link"), Some(77), Some(78)).unwrap();
    }
    fs::create_dir(root.join("empty directory")).unwrap();
    set_directory_times(root);
    for directory in ["empty directory", "deep/er"] {
        fs::set_permissions(root.join(directory), fs::Permissions::from_mode(0o555)).unwrap();
    }
}

/// Gives every directory its own time, the deepest first.
fn set_directory_times(root: &Path) {
    for (number, directory) in super::fixture::walk(root).iter().enumerate().rev() {
        let at = directory.under(root);
        if at.is_dir() && !at.is_symlink() {
            let number = i64::try_from(number).unwrap();
            set_times(&at, 1_000_000_000 + number, 123_456_789 - number);
        }
    }
}

fn contents(root: &Path, files: &[RelPath]) -> Vec<Vec<u8>> {
    let read = |name: &RelPath| fs::read(name.under(root)).unwrap();
    files.iter().map(read).collect()
}

fn package_up(
    sources: &mut TestSources,
    contents: &[Vec<u8>],
) -> Vec<hashget_words::restore_file::RestorePackage> {
    let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let (some, others) = contents.split_at(contents.len() / 2);
    vec![sources.add(some), sources.add(others)]
}

#[test]
fn everything_comes_back_in_one_go_or_in_two() {
    let work = tempfile::tempdir().unwrap();
    let original = work.path().join("original");
    fs::create_dir(&original).unwrap();
    let left_out = odd_tree(&original);
    let mut sources = TestSources::default();
    let packages = package_up(&mut sources, &contents(&original, &left_out));
    let list = list_of(&original, &left_out, packages);
    let archive = work.path().join("archive.tar");
    fs::write(&archive, archive_of(&original, &left_out, Some(&list))).unwrap();
    set_directory_times(&original);
    let expected = snapshot(&original);

    let log = Log::default();
    let options = RestoreOptions::default();
    let once = work.path().join("once");
    let stats = extract(&archive, &once, &options, &sources, &log).unwrap();
    assert_eq!(log.problems(), Vec::<String>::new());
    assert!(stats.is_complete());
    let restored = stats.restore.unwrap();
    assert_eq!(restored.placed_files, left_out.len() as u64);
    assert!(restored.restore_file_removed);
    assert_same(&expected, &snapshot(&once));

    let twice = work.path().join("twice");
    let nothing = TestSources::default();
    let stats = extract(&archive, &twice, &options, &nothing, &log).unwrap();
    assert_eq!(stats.restore.unwrap().missing_files, left_out.len() as u64);
    let stats = restore(&twice, &options, &sources, &Silent).unwrap();
    assert_eq!(stats.missing, []);
    assert_same(&expected, &snapshot(&twice));
}

#[test]
fn the_original_s_restore_files_disturb_no_directory_times() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/f"), "content").unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"content"]);
    let mut list = list_of(root, &[path("a/b/f")], vec![package]);
    list.version = None;
    list.directories.clear();
    fs::remove_file(root.join("a/b/f")).unwrap();
    fs::write(root.join(".hashget-restore.json"), list.to_json().unwrap()).unwrap();
    set_directory_times(root);
    let times = |name: &str| {
        let stat = fs::metadata(root.join(name)).unwrap();
        (stat.mtime(), stat.mtime_nsec())
    };
    let before = [times(""), times("a"), times("a/b")];
    let stats = restore(root, &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.restore_file_removed), (1, true));
    assert_eq!([times(""), times("a"), times("a/b")], before);
    assert_eq!(fs::read_dir(root).unwrap().count(), 1);
}

#[test]
fn hard_links_of_archived_and_left_out_names_are_one_group() {
    let work = tempfile::tempdir().unwrap();
    let original = work.path().join("original");
    fs::create_dir_all(original.join("sub")).unwrap();
    let link =
        |from: &str, to: &str| fs::hard_link(original.join(from), original.join(to)).unwrap();
    fs::write(original.join("archived"), "one").unwrap();
    link("archived", "sub/archived-too");
    link("archived", "left-out-link");
    fs::write(original.join("out"), "two").unwrap();
    link("out", "sub/out2");
    link("out", "out3");
    let left_out = ["left-out-link", "out", "out3", "sub/out2"].map(path);
    let mut sources = TestSources::default();
    let package = sources.add(&[b"two"]);
    let mut list = list_of(&original, &left_out, vec![package]);
    list.files[0].hardlink = Some(path("archived"));
    list.files[2].hardlink = Some(path("out"));
    list.files[3].hardlink = Some(path("out"));
    let archive = work.path().join("archive.tar");
    fs::write(&archive, archive_of(&original, &left_out, Some(&list))).unwrap();
    let target = work.path().join("target");
    let options = RestoreOptions {
        keep_restore_file: true,
        ..RestoreOptions::default()
    };
    let log = Log::default();
    extract(&archive, &target, &options, &sources, &log).unwrap();
    // Again, now that everything is there.
    let stats = restore(&target, &options, &sources, &log).unwrap();
    assert_eq!((stats.in_place_files, stats.placed_files), (4, 0));
    assert_eq!(log.problems(), Vec::<String>::new());
    fs::remove_file(target.join(".hashget-restore.json")).unwrap();
    set_directory_times(&original);
    set_directory_times(&target);
    assert_same(&snapshot(&original), &snapshot(&target));
}

#[test]
fn holes_come_back_as_holes() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    let mut content = vec![0; 8 << 20];
    content[4 << 20..][..10].copy_from_slice(b"0123456789");
    fs::write(root.join("f"), &content).unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[&content]);
    let mut list = list_of(root, &[path("f")], vec![package]);
    list.files[0].extents = Some(vec![(4 << 20, 4096)]);
    fs::remove_file(root.join("f")).unwrap();
    fs::write(root.join(".hashget-restore.json"), list.to_json().unwrap()).unwrap();
    restore(root, &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!(fs::read(root.join("f")).unwrap(), content);
    let allocated = fs::metadata(root.join("f")).unwrap().blocks() * 512;
    assert!(allocated < 65536, "{allocated}");
}

#[test]
fn sparse_files_of_more_than_8_gib_are_extracted() {
    use hashget_archive::{EntryKind, EntryMetadata, TarHeader, TarWriter};
    let work = tempfile::tempdir().unwrap();
    let mut tar = TarWriter::new(Vec::new());
    let size = (9 << 30) + 5;
    let header = TarHeader {
        path: b"big".to_vec(),
        kind: EntryKind::File,
        size,
        metadata: EntryMetadata {
            sparse: Some(vec![(8 << 30, 4096)]),
            ..EntryMetadata::default()
        },
    };
    tar.append(&header, &mut &[7; 4096][..]).unwrap();
    fs::write(work.path().join("a.tar"), tar.finish().unwrap()).unwrap();
    let target = work.path().join("target");
    let archive = work.path().join("a.tar");
    let options = RestoreOptions::default();
    let stats = extract(
        &archive,
        &target,
        &options,
        &TestSources::default(),
        &Silent,
    )
    .unwrap();
    assert_eq!((stats.placed_members, stats.placed_bytes), (1, size));
    let stat = fs::metadata(target.join("big")).unwrap();
    assert_eq!(stat.len(), size);
    assert!(stat.blocks() * 512 < 1 << 20);
}

#[test]
fn unknown_attributes_of_old_restore_files_are_left_alone() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    let json = format!(
        r#"{{"files": [{{"file": "sub/f", "sha256": "{}", "mode": 416}}], "packages": [PACKAGE]}}"#,
        hashget_words::digest::Digest::of(b"x")
    );
    let mut sources = TestSources::default();
    let package = sources.add(&[b"x"]);
    let json = json.replace("PACKAGE", &serde_json::to_string(&package).unwrap());
    fs::write(root.join(".hashget-restore.json"), json).unwrap();
    let stats = restore(root, &RestoreOptions::default(), &sources, &Silent).unwrap();
    assert_eq!((stats.placed_files, stats.created_directories), (1, 1));
    let mode = fs::metadata(root.join("sub/f")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o640);
}
