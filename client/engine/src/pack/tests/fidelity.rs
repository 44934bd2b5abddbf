//! All that tar of GNU keeps is kept, in the archive and in the restore file.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, XattrFlags};

use super::tree::{assert_same_tree, xattrs};
use super::*;

#[test]
fn left_out_files_are_listed_with_all_that_belongs_to_them() {
    let case = Case::new();
    case.write("usr/bin/tool", &big(1));
    case.write("usr/bin/own", &big(2));
    case.write("small", b"not looked for");
    fs::set_permissions(
        case.root().join("usr/bin/tool"),
        Permissions::from_mode(0o4751),
    )
    .unwrap();
    let stats = case.pack(&FakeLookup::holding(&[&big(1), b"not looked for"]));
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    assert_eq!(list.files.len(), 1);
    let tool = &list.files[0];
    assert_eq!((tool.mode, tool.mode_bits), (Some(0o751), Some(0o4751)));
    assert_eq!(list.packages.len(), 1);
    assert_eq!((list.packagesize, list.packagesize_exact), (1000, true));
    let directories: Vec<String> = list
        .directories
        .iter()
        .map(|f| f.directory.to_string())
        .collect();
    assert_eq!(directories, ["usr/bin"]);
    assert_eq!(
        case.names(),
        [
            "./",
            "./.hashget-restore.json",
            "./small",
            "./usr/",
            "./usr/bin/",
            "./usr/bin/own"
        ]
    );
    assert_eq!((stats.tree_files, stats.tree_bytes), (3, 10_014));
    assert_eq!(
        (stats.deduplicated_files, stats.deduplicated_bytes),
        (1, 5000)
    );
    assert_eq!((stats.archived_files, stats.archived_bytes), (2, 5014));
    assert_eq!(
        (stats.packages, stats.download_bytes, stats.problems),
        (1, 1000, 0)
    );
    assert_eq!(
        stats.archive_bytes,
        fs::metadata(case.archive()).unwrap().len()
    );
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    for compression in [
        Compression::None,
        Compression::Gzip(6),
        Compression::Zstd(3),
        Compression::Xz(0),
        Compression::Bzip2(1),
    ] {
        let case = Case::new();
        case.write("a/known", &big(1));
        case.write("a/own", &vec![3; 3_000_000]);
        symlink("own", case.root().join("a/link")).unwrap();
        let options = PackOptions {
            compression,
            ..PackOptions::default()
        };
        let pack_once = || {
            case.pack_with(&FakeLookup::holding(&[&big(1)]), &options)
                .unwrap();
            fs::read(case.archive()).unwrap()
        };
        let first = pack_once();
        assert!(first == pack_once(), "{compression:?}");
    }
}

#[test]
fn odd_names_survive() {
    let case = Case::new();
    let long = "n".repeat(255);
    let names: [&[u8]; 9] = [
        b"new\nline",
        b"*",
        b"[a-z]?",
        b"-rf",
        b"caf\xe9\xff",
        b" space ",
        b"back\\slash",
        "日本".as_bytes(),
        long.as_bytes(),
    ];
    for (number, name) in names.iter().enumerate() {
        let directory = case.root().join(OsStr::from_bytes(name));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("known"), big(1)).unwrap();
        fs::write(directory.join(OsStr::from_bytes(name)), vec![0; number]).unwrap();
        symlink(OsStr::from_bytes(name), directory.join("l")).unwrap();
    }
    case.pack(&FakeLookup::holding(&[&big(1)]));
    let (unpacked, list) = case.unpack();
    assert_eq!(list.files.len(), names.len());
    assert_same_tree(&case.root(), &unpacked, &list);
}

#[test]
fn paths_longer_than_4096_bytes_are_packed() {
    let case = Case::new();
    let name = "d".repeat(240);
    let mut directory = File::open(case.root())
        .map(std::os::fd::OwnedFd::from)
        .unwrap();
    for _ in 0..18 {
        rustix::fs::mkdirat(&directory, &name, 0o755.into()).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        directory = rustix::fs::openat(&directory, &name, flags, Mode::empty()).unwrap();
    }
    for (name, byte) in [("known", 1), ("own", 2)] {
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CREATE;
        let file = rustix::fs::openat(&directory, name, flags, 0o644.into()).unwrap();
        File::from(file).write_all_at(&big(byte), 0).unwrap();
    }
    let stats = case.pack(&FakeLookup::holding(&[&big(1)]));
    assert_eq!(
        (
            stats.deduplicated_files,
            stats.archived_files,
            stats.problems
        ),
        (1, 1, 0)
    );
    let names = case.names();
    assert_eq!(names.last().unwrap().len(), 2 + 18 * 241 + 3);
}

#[test]
fn hard_links_stay_linked_whether_left_out_or_not() {
    let case = Case::new();
    case.write("z/known", &big(1));
    case.write("own", &big(2));
    fs::create_dir(case.root().join("a")).unwrap();
    for (from, to) in [
        ("z/known", "a/known"),
        ("z/known", "known3"),
        ("own", "a/own"),
    ] {
        fs::hard_link(case.root().join(from), case.root().join(to)).unwrap();
    }
    // A file linked to from outside of the tree.
    fs::hard_link(
        case.root().join("own"),
        case.directory.path().join("outside"),
    )
    .unwrap();
    let stats = case.pack(&FakeLookup::holding(&[&big(1)]));
    assert_eq!(
        (stats.deduplicated_files, stats.deduplicated_bytes),
        (3, 5000)
    );
    assert_eq!((stats.archived_files, stats.archived_bytes), (2, 5000));
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    let links: Vec<Option<String>> = list
        .files
        .iter()
        .map(|entry| entry.hardlink.as_ref().map(ToString::to_string))
        .collect();
    let first = Some("a/known".to_owned());
    assert_eq!(links, [None, first.clone(), first]);
}

#[test]
fn one_skipped_name_keeps_all_names_of_a_file_in_the_archive() {
    let case = Case::new();
    case.write("keep/known", &big(1));
    fs::hard_link(case.root().join("keep/known"), case.root().join("zz")).unwrap();
    case.write("zzz", &big(1));
    let options = PackOptions {
        skip: hashget_files::tree::PatternSet::new(["keep/"]).unwrap(),
        ..gzip()
    };
    case.pack_with(&FakeLookup::holding(&[&big(1)]), &options)
        .unwrap();
    let (unpacked, list) = case.unpack();
    assert_eq!(listed(&list).into_keys().collect::<Vec<_>>(), ["zzz"]);
    assert_same_tree(&case.root(), &unpacked, &list);
}

#[test]
fn times_before_1970_and_of_directories_are_kept() {
    let case = Case::new();
    let early = SystemTime::UNIX_EPOCH - Duration::new(86_400 * 365, 250_000_000);
    for name in ["known", "own"] {
        let path = case.write(&format!("directory/{name}"), &big(u8::from(name == "own")));
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(early).unwrap();
    }
    let directory = File::open(case.root().join("directory")).unwrap();
    directory
        .set_modified(early + Duration::from_nanos(7))
        .unwrap();
    case.pack(&FakeLookup::holding(&[&big(0)]));
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    assert_eq!(list.files[0].mtime, Some(-86_400 * 365 - 1));
    assert_eq!(
        (list.directories[0].mtime_ns, list.files[0].mtime_ns),
        (750_000_007, 750_000_000)
    );
}

#[test]
fn special_files_are_packed_and_sockets_reported() {
    let case = Case::new();
    let root = case.root();
    rustix::fs::mkfifoat(CWD, root.join("fifo"), 0o640.into()).unwrap();
    symlink("/nowhere/at all", root.join("broken")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::set_permissions(root.join("empty"), Permissions::from_mode(0o555)).unwrap();
    case.write("zero", b"");
    // Only root can make devices.
    if is_root() {
        let device = rustix::fs::makedev(1, 3);
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(CWD, root.join("null"), kind, 0o666.into(), device).unwrap();
        let kind = rustix::fs::FileType::BlockDevice;
        rustix::fs::mknodat(CWD, root.join("loop"), kind, 0o600.into(), device).unwrap();
    }
    let stats = case.pack(&FakeLookup::default());
    let (unpacked, list) = case.unpack();
    assert_same_tree(&root, &unpacked, &list);
    assert_eq!((stats.problems, stats.socket_files), (0, 0));

    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    let stats = case.pack(&FakeLookup::default());
    assert_eq!((stats.problems, stats.socket_files), (0, 1));
    assert!(
        case.told
            .messages()
            .contains("socket is a socket: left out")
    );
}

#[test]
fn attributes_acls_and_capabilities_are_kept() {
    let case = Case::new();
    // user::rw- user:1234:r-- group::r-- mask::r-- other::r--, as the kernel keeps it.
    let mut acl = vec![2, 0, 0, 0];
    for (tag, bits, id) in [
        (1_u16, 6_u16, u32::MAX),
        (2, 4, 1234),
        (4, 4, u32::MAX),
        (16, 4, u32::MAX),
        (32, 4, u32::MAX),
    ] {
        acl.extend(tag.to_le_bytes());
        acl.extend(bits.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    // cap_net_raw=ep, version 2.
    let capability = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let mut wanted: Vec<(&str, &[u8])> = vec![
        ("user.test", b"a\nb\0c="),
        ("user.empty", b""),
        ("system.posix_acl_access", &acl),
    ];
    // Only root may give capabilities.
    if is_root() {
        wanted.push(("security.capability", &capability));
    }
    let of_root = rustix::fs::setxattr(case.root(), "user.root", b"1", XattrFlags::empty());
    if of_root == Err(rustix::io::Errno::OPNOTSUPP) {
        eprintln!("skipped: the file system of the temporary directory has no extended attributes");
        return;
    }
    for (name, byte) in [("known", 1), ("own", 2)] {
        let path = case.write(name, &big(byte));
        for (attribute, value) in &wanted {
            rustix::fs::setxattr(&path, *attribute, value, XattrFlags::empty()).unwrap();
        }
        assert_eq!(xattrs(&path).len(), wanted.len());
    }
    let stats = case.pack(&FakeLookup::holding(&[&big(1)]));
    assert_eq!(stats.problems, 0);
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
}

#[test]
fn owners_are_kept_by_number_and_name() {
    let case = Case::new();
    let known = case.write("known", &big(1));
    let own = case.write("own", &big(2));
    // Only root may give files away.
    if is_root() {
        std::os::unix::fs::chown(&own, Some(3_000_000_000), Some(12)).unwrap();
        std::os::unix::fs::chown(&known, Some(0), Some(0)).unwrap();
    }
    case.pack(&FakeLookup::holding(&[&big(1)]));
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    if is_root() {
        assert_eq!(list.files[0].user.as_deref(), Some("root"));
    }
    let mut options = gzip();
    options.walk.numeric_owner = true;
    case.pack_with(&FakeLookup::holding(&[&big(1)]), &options)
        .unwrap();
    let (_, list) = case.unpack();
    assert_eq!((&list.files[0].user, &list.files[0].group), (&None, &None));
}

#[test]
fn access_times_are_kept_and_left_alone() {
    let case = Case::new();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let path = case.write("known", &big(1));
    let times = fs::FileTimes::new().set_accessed(long_ago);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_times(times)
        .unwrap();
    case.pack(&FakeLookup::holding(&[&big(1)]));
    let (_, list) = case.unpack();
    assert_eq!(list.files[0].atime, Some(1_000_000_000));
    assert_eq!(fs::metadata(&path).unwrap().atime(), 1_000_000_000);
}
