//! Snapshots and restores on file systems of their own: what they share, and where they refuse.
//!
//! These are made in images and mounted, which takes root, the programs (`mkfs.btrfs` and so on) and a
//! kernel that knows them. Where that is not to be had, a test says so and passes. A directory that
//! takes no hard links may be given in `HASHGET_TEST_DIRECTORY_WITHOUT_LINKS` instead of a FAT image.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hashget_tests::{Random, RandomTree, assert_same_tree};
use serde_json::Value;

/// A file system in an image, until it is dropped.
struct Mounted {
    place: PathBuf,
    _image: tempfile::TempDir,
}

impl Mounted {
    fn new(kind: &str, mebibytes: u64, options: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let (image, place) = (
            directory.path().join("image"),
            directory.path().join("mounted"),
        );
        let file = File::create(&image).unwrap();
        file.set_len(mebibytes << 20).unwrap();
        fs::create_dir(&place).unwrap();
        let made = succeeds(
            Command::new(format!("mkfs.{kind}"))
                .args(options)
                .arg(&image),
        );
        let mounted = made
            && succeeds(
                Command::new("mount")
                    .args(["-o", "loop"])
                    .args([&image, &place]),
            );
        if !mounted {
            eprintln!("skipped: no {kind} can be made and mounted here");
            return None;
        }
        Some(Self {
            place,
            _image: directory,
        })
    }

    fn used_bytes(&self) -> u64 {
        let directory = File::open(&self.place).unwrap();
        rustix::fs::syncfs(&directory).unwrap();
        let status = rustix::fs::fstatvfs(&directory).unwrap();
        (status.f_blocks - status.f_bfree) * status.f_frsize
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let lazily = Command::new("umount").arg("-l").arg(&self.place).status();
        assert!(lazily.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn hashget(args: &[&OsStr]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_hashget"))
        .arg("snapshot")
        .args(args)
        .env("HOME", home.path())
        .env("HASHGET_CONFIG", "/dev/null")
        .output()
        .unwrap()
}

/// A snapshot: where it is, what was done, and what was said.
struct Made {
    path: PathBuf,
    stats: Value,
    said: String,
}

impl Made {
    fn count(&self, what: &str) -> u64 {
        self.stats[what].as_u64().unwrap()
    }
}

fn create(source: &Path, destination: &Path) -> Made {
    let output = hashget(&[
        "create".as_ref(),
        "--json".as_ref(),
        "--name=row".as_ref(),
        source.as_ref(),
        destination.as_ref(),
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    let mut events = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let made: Value = events
        .rfind(|event: &Value| event["event"] == "snapshot_created")
        .unwrap();
    Made {
        path: destination.join(made["snapshot"].as_str().unwrap()),
        stats: made.clone(),
        said,
    }
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

/// What holds wherever data can be shared by files that differ in their metadata.
fn shares_data(kind: &str) {
    let Some(mounted) = Mounted::new(kind, 512, &[]) else {
        return;
    };
    let (source, destination) = (mounted.place.join("source"), mounted.place.join("backup"));
    fs::create_dir(&source).unwrap();
    let mut random = Random::new(17);
    RandomTree::grow(&source, 200, &mut random).unwrap();
    let large = source.join("large");
    fs::write(&large, random.bytes(20 << 20)).unwrap();
    let first = create(&source, &destination);
    assert_same_tree(&source, &first.path);
    let second = create(&source, &destination);
    assert_same_tree(&source, &second.path);
    assert_eq!(second.count("copied_files"), 0, "{}", second.said);
    assert_eq!(
        inode(&first.path.join("large")),
        inode(&second.path.join("large"))
    );

    let used = mounted.used_bytes();
    let touched = std::time::SystemTime::UNIX_EPOCH;
    File::open(&large).unwrap().set_modified(touched).unwrap();
    let third = create(&source, &destination);
    assert_same_tree(&source, &third.path);
    assert_eq!(
        (third.count("cloned_files"), third.count("copied_files")),
        (1, 0)
    );
    assert_ne!(
        inode(&first.path.join("large")),
        inode(&third.path.join("large"))
    );
    let grown = mounted.used_bytes().saturating_sub(used);
    assert!(
        grown < 10 << 20,
        "{kind}: {grown} bytes for a touched file of 20 MiB"
    );

    let back = mounted.place.join("back");
    let restored = hashget(&["restore".as_ref(), third.path.as_ref(), back.as_ref()]);
    assert!(restored.status.success(), "{restored:?}");
    assert_same_tree(&source, &back);
    let deleted = hashget(&["delete".as_ref(), first.path.as_ref()]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert_same_tree(&source, &third.path);
    let verified = hashget(&["verify".as_ref(), destination.as_ref()]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn btrfs_shares_the_data_of_touched_files() {
    shares_data("btrfs");
}

#[test]
fn xfs_shares_the_data_of_touched_files() {
    shares_data("xfs");
}

/// Uses up the names of an inode, and makes snapshots beyond.
fn takes_a_new_inode(kind: &str, mebibytes: u64) {
    let Some(mounted) = Mounted::new(kind, mebibytes, &[]) else {
        return;
    };
    let (source, destination) = (mounted.place.join("source"), mounted.place.join("backup"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "content").unwrap();
    let first = create(&source, &destination);
    let filler = mounted.place.join("filler");
    fs::create_dir(&filler).unwrap();
    let linked =
        |number: u32| fs::hard_link(first.path.join("file"), filler.join(number.to_string()));
    let full = (0..100_000).find_map(|number| Some((number, linked(number).err()?)));
    let (names, error) = full.unwrap();
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::MLINK.raw_os_error()),
        "{error}"
    );
    eprintln!("{kind}: an inode takes {} names", names + 1);
    for number in 0..2 {
        fs::remove_file(filler.join(number.to_string())).unwrap();
    }
    let made: Vec<Made> = (0..5).map(|_| create(&source, &destination)).collect();
    let new = |made: &Made| made.count("copied_files") + made.count("cloned_files");
    let copied: Vec<u64> = made.iter().map(new).collect();
    assert_eq!(copied, [0, 0, 1, 0, 0]);
    for made in &made {
        assert_same_tree(&source, &made.path);
    }
    let inodes: HashSet<u64> = made
        .iter()
        .map(|made| inode(&made.path.join("file")))
        .collect();
    assert_eq!(inodes.len(), 2);
}

#[test]
fn ext4_gets_a_new_inode_when_one_is_full_of_names() {
    takes_a_new_inode("ext4", 64);
}

#[test]
fn btrfs_gets_a_new_inode_when_one_is_full_of_names() {
    takes_a_new_inode("btrfs", 256);
}

#[test]
fn a_file_with_few_names_in_one_directory_gets_copies() {
    // As Btrfs was made before 2012: all names that a file has in a directory are in one item.
    let Some(mounted) = Mounted::new("btrfs", 256, &["-O", "^extref"]) else {
        return;
    };
    let (source, destination) = (mounted.place.join("source"), mounted.place.join("backup"));
    fs::create_dir(&source).unwrap();
    let count: u64 = 400;
    for number in 0..count {
        let path = source.join(format!("{number:0>200}"));
        fs::write(&path, "the same").unwrap();
        let same = std::time::SystemTime::UNIX_EPOCH;
        File::open(&path).unwrap().set_modified(same).unwrap();
    }
    for made in [create(&source, &destination), create(&source, &destination)] {
        let names = || {
            fs::read_dir(&made.path)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        };
        assert!(names().all(|path| fs::read(path).unwrap() == b"the same"));
        assert_eq!(names().count() as u64, count);
        let inodes = names()
            .map(|path| inode(&path))
            .collect::<HashSet<_>>()
            .len() as u64;
        eprintln!("{count} equal files in one directory are {inodes} inodes");
        assert!(1 < inodes && inodes < count / 2, "{inodes}: {}", made.said);
    }
}

/// A directory that takes no hard links.
fn without_links() -> Option<(PathBuf, Option<Mounted>)> {
    let given = std::env::var_os("HASHGET_TEST_DIRECTORY_WITHOUT_LINKS").map(PathBuf::from);
    let (directory, mounted) = if let Some(directory) = given {
        (directory, None)
    } else {
        let mounted = Mounted::new("vfat", 64, &[])?;
        (mounted.place.clone(), Some(mounted))
    };
    let (file, link) = (directory.join("probe"), directory.join("link"));
    fs::write(&file, "").unwrap();
    assert!(fs::hard_link(&file, &link).is_err(), "hard links are taken");
    fs::remove_file(&file).unwrap();
    Some((directory, mounted))
}

#[test]
fn a_file_system_without_hard_links_is_told_about() {
    let Some((directory, _mounted)) = without_links() else {
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let (source, destination) = (temp.path().join("source"), directory.join("backup"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "content").unwrap();
    fs::write(source.join("other"), "more").unwrap();
    fs::hard_link(source.join("other"), source.join("another")).unwrap();
    std::os::unix::fs::symlink("file", source.join("symbolic")).unwrap();
    create(&source, &destination);
    let second = create(&source, &destination);
    assert_eq!(second.count("copied_files"), 3, "{}", second.said);
    assert!(
        second.said.contains("does not take hard links"),
        "{}",
        second.said
    );
    // Symbolic links are not to be had everywhere, either; then that is told.
    let link = fs::read_link(second.path.join("symbolic"));
    assert!(
        link.is_ok() || second.said.contains("symbolic: "),
        "{}",
        second.said
    );
    for (name, content) in [("file", "content"), ("other", "more"), ("another", "more")] {
        assert_eq!(fs::read_to_string(second.path.join(name)).unwrap(), content);
    }
    fs::remove_dir_all(&destination).unwrap();
}

#[test]
fn an_edit_within_the_coarse_time_of_a_file_system_is_noticed() -> io::Result<()> {
    let Some((directory, _mounted)) = without_links() else {
        return Ok(());
    };
    let temp = tempfile::tempdir().unwrap();
    let (source, destination) = (directory.join("source"), temp.path().join("backup"));
    fs::create_dir(&source)?;
    // FAT counts in steps of two seconds: most of these have one time.
    for round in 0..8 {
        let content = format!("content {round}");
        fs::write(source.join("file"), &content)?;
        let made = create(&source, &destination);
        assert_eq!(
            fs::read_to_string(made.path.join("file"))?,
            content,
            "{}",
            made.said
        );
    }
    fs::remove_dir_all(&source)
}

/// What a restore puts in several places takes its room once, wherever data can be shared.
fn restores_equal_files_as_one(kind: &str) {
    const COPIES: u64 = 8;
    const LARGE_BYTES: u64 = 12 << 20;
    const SMALL_BYTES: u64 = 100 << 10;
    let Some(mounted) = Mounted::new(kind, 512, &[]) else {
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    let tree = at("tree");
    fs::create_dir_all(&tree).unwrap();
    let mut random = Random::new(23);
    for (name, bytes) in [("large", LARGE_BYTES), ("small", SMALL_BYTES)] {
        let content = random.bytes(usize::try_from(bytes).unwrap());
        for copy in 0..COPIES {
            fs::write(tree.join(format!("{name}{copy}")), &content).unwrap();
        }
    }
    fs::create_dir(at("pool")).unwrap();
    assert!(succeeds(
        Command::new("tar")
            .arg("-cf")
            .arg(at("pool/package.tar"))
            .arg("-C")
            .arg(&tree)
            .args(["large0", "small0"])
    ));
    let client = |args: &[&OsStr]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hashget"))
            .args(["--pool".as_ref(), at("pool").as_os_str()])
            .args(args)
            .arg("--hashserver")
            .env("HOME", at("home"))
            .env("HASHGET_CONFIG", "/dev/null")
            .env("HASHGET_HASHDB_PATH", at("hashdb"))
            .env("HASHGET_CACHE", at("cache"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let (archive, restored) = (at("archive"), mounted.place.join("restored"));
    client(&[
        "--submit".as_ref(),
        "http://localhost/package.tar".as_ref(),
        "--file".as_ref(),
        at("pool/package.tar").as_ref(),
        "-p".as_ref(),
        "test".as_ref(),
    ]);
    let options = ["--heuristics".as_ref(), "--pack".as_ref()];
    client(
        &[
            &options[..],
            &[tree.as_ref(), "-f".as_ref(), archive.as_ref()],
        ]
        .concat(),
    );
    assert!(fs::metadata(&archive).unwrap().len() < SMALL_BYTES);
    let before = mounted.used_bytes();
    client(&[
        "-u".as_ref(),
        archive.as_ref(),
        "-C".as_ref(),
        restored.as_ref(),
    ]);
    let used = mounted.used_bytes() - before;
    assert_same_tree(&tree, &restored);
    let once = LARGE_BYTES + SMALL_BYTES;
    assert!((once..2 * once).contains(&used), "{used}");
}

#[test]
fn btrfs_restores_equal_files_as_one() {
    restores_equal_files_as_one("btrfs");
}

#[test]
fn xfs_restores_equal_files_as_one() {
    restores_equal_files_as_one("xfs");
}
