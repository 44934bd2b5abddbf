use std::fs;
use std::os::unix::fs::PermissionsExt;

use hashget_words::digest::Digest;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::monitor::{Silent, Unit};
use crate::tree::{HashedFile, TreeEntry, TreeKind, WalkOptions, hash_files, walk};

/// A tree and a cache that takes files however new they are, wherever they are.
struct Bed {
    temp: TempDir,
    cache: HashCache,
}

impl Bed {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("tree")).unwrap();
        let cache = HashCache {
            settle: Duration::ZERO,
            any_file_system: true,
            ..HashCache::new(&temp.path().join("cache"))
        };
        Self { temp, cache }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join("tree").join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The one file of the cache.
    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(&self.cache.directory).unwrap();
        let path = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        path
    }

    /// Hashes the tree as a run does, checks every digest, and gives how many files were not read.
    fn run(&self) -> u64 {
        self.run_with(&self.cache)
    }

    fn run_with(&self, cache: &HashCache) -> u64 {
        let root = TreeRoot::open(&self.temp.path().join("tree")).unwrap();
        let entries = walk(&root, &WalkOptions::default(), &Silent);
        let files: Vec<&TreeEntry> = (entries.iter())
            .filter(|entry| matches!(entry.kind, TreeKind::File { .. }))
            .collect();
        let progress = Progress::start(&Silent, "", Unit::Bytes, None);
        let told = std::sync::Mutex::new(Vec::new());
        let hashed = cache.hash_files(
            &root,
            &files[..],
            cache.recall(&root, &Silent),
            &progress,
            &|digests| told.lock().unwrap().extend_from_slice(digests),
            &Silent,
        );
        assert!(hashed.errors().is_empty());
        let plain = hash_files(&root, &files, &progress);
        for ((number, file), right) in files.iter().enumerate().zip(plain) {
            let (sha256, extents) = hashed.content(number.into()).unwrap();
            let extents = extents.cloned();
            let got = HashedFile { sha256, extents };
            assert_eq!(got, right.unwrap(), "{}", file.path);
            let content = fs::read(file.path.under(root.path())).unwrap();
            assert_eq!(got.sha256, Digest::of(&content), "{}", file.path);
            assert!(told.lock().unwrap().contains(&sha256));
        }
        assert_eq!(told.into_inner().unwrap().len(), files.len());
        hashed.cached_files
    }
}

#[test]
fn what_did_not_change_is_not_read_again() {
    let bed = Bed::new();
    for number in 0..900_u32 {
        bed.write(&format!("{number}"), &number.to_le_bytes());
    }
    assert_eq!(bed.run(), 0);
    assert_eq!(bed.run(), 900);
    bed.write("7", b"new!");
    bed.write("more", b"more");
    fs::remove_file(bed.path("8")).unwrap();
    assert_eq!(bed.run(), 898);
    assert_eq!(bed.run(), 900);
    fs::remove_file(bed.path("9")).unwrap();
    assert_eq!(bed.run(), 899);
    assert_eq!(bed.run(), 899);
}

#[test]
fn a_tree_too_large_to_be_held_is_known_all_the_same() {
    let mut bed = Bed::new();
    bed.cache.most_held = 899;
    for number in 0..900_u32 {
        bed.write(&format!("{number}"), &number.to_le_bytes());
    }
    assert_eq!(bed.run(), 0);
    let root = TreeRoot::open(&bed.path("")).unwrap();
    let recalled = bed.cache.recall(&root, &Silent);
    assert!(recalled.held.is_empty() && recalled.rest.is_some());
    bed.write("7", b"new!");
    assert_eq!(bed.run(), 899);
    assert_eq!(bed.run(), 900);
    // Damage that only reading on finds makes all of it absent, as ever.
    let file = bed.file();
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(bed.run(), 0);
    assert_eq!(bed.run(), 900);
}

#[test]
fn a_change_that_keeps_size_and_modification_time_is_seen() {
    let bed = Bed::new();
    bed.write("file", b"before");
    bed.run();
    let time = fs::metadata(bed.path("file")).unwrap().modified().unwrap();
    bed.write("file", b"after!");
    let file = fs::File::options()
        .write(true)
        .open(bed.path("file"))
        .unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(bed.run(), 0);
    assert_eq!(bed.run(), 1);
}

#[test]
fn another_file_under_the_same_name_is_another_file() {
    let bed = Bed::new();
    bed.write("a", b"one");
    bed.write("b", b"two");
    bed.run();
    fs::rename(bed.path("a"), bed.path("c")).unwrap();
    fs::rename(bed.path("b"), bed.path("a")).unwrap();
    fs::rename(bed.path("c"), bed.path("b")).unwrap();
    bed.run();
    bed.run();
}

#[test]
fn only_settled_files_are_remembered() {
    let bed = Bed::new();
    bed.write("file", b"content");
    let careful = HashCache {
        settle: SETTLE,
        ..bed.cache.clone()
    };
    assert_eq!(bed.run_with(&careful), 0);
    assert_eq!(bed.run_with(&careful), 0);
    assert_eq!(careful.stat().unwrap(), CacheStat::default());
    // What was remembered stays good.
    bed.run();
    assert_eq!(bed.run_with(&careful), 1);
}

#[test]
fn settled_means_that_the_last_change_is_long_ago() {
    let bed = Bed::new();
    bed.write("file", b"content");
    let root = TreeRoot::open(&bed.path("")).unwrap();
    let mut entries = walk(&root, &WalkOptions::default(), &Silent);
    let mut entry = entries.pop().unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let mut is_settled_at = |seconds| {
        entry.metadata.ctime.seconds = seconds;
        entry.metadata.ctime.nanoseconds = 0;
        is_settled(&[&entry][..], 0.into(), now, SETTLE)
    };
    assert!(is_settled_at(1_000_000 - 60));
    assert!(!is_settled_at(1_000_000 - 59));
    assert!(!is_settled_at(1_000_000));
    assert!(!is_settled_at(1_000_001), "in the future");
    assert!(!is_settled_at(i64::MAX));
    assert!(!is_settled_at(-1));
}

#[test]
fn holes_are_kept() {
    let bed = Bed::new();
    let file = fs::File::create(bed.path("sparse")).unwrap();
    file.set_len(3 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"data", 2 << 20).unwrap();
    bed.run();
    assert_eq!(bed.run(), 1);
}

#[test]
fn no_damage_is_ever_believed() {
    let bed = Bed::new();
    for number in 0..3_u32 {
        bed.write(&format!("{number}"), &number.to_le_bytes());
    }
    bed.run();
    let path = bed.file();
    let good = fs::read(&path).unwrap();
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        // Compares every digest.
        bed.run()
    };
    assert_eq!(with(&good), 3);
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        assert_eq!(with(&bad), 0, "byte {place}");
    }
    for place in (0..good.len()).step_by(9) {
        assert_eq!(with(&good[..place]), 0, "cut at {place}");
    }
    assert_eq!(with(&[&good[..], b"x"].concat()), 0);
    assert_eq!(with(b""), 0);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(bed.run(), 0);
}

#[test]
fn blocks_cannot_change_places() {
    let bed = Bed::new();
    for number in 0..2000_u32 {
        bed.write(&format!("{number}"), &number.to_le_bytes());
    }
    bed.run();
    let path = bed.file();
    let good = fs::read(&path).unwrap();
    let head = 36 + 32;
    let block = 8 + 800 * 81 + 32;
    let (first, second) = (&good[head..head + block], &good[head + block..][..block]);
    let swapped = [&good[..head], second, first, &good[head + 2 * block..]].concat();
    assert_eq!(swapped.len(), good.len());
    fs::write(&path, &swapped).unwrap();
    assert_eq!(bed.run(), 0);
    assert_eq!(bed.run(), 2000);
}

#[test]
fn a_directory_that_others_can_write_to_is_not_believed() {
    let bed = Bed::new();
    bed.write("file", b"content");
    bed.run();
    assert_eq!(bed.run(), 1);
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(&bed.cache.directory, open).unwrap();
    assert_eq!(bed.run(), 0);
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(&bed.cache.directory, closed).unwrap();
    assert_eq!(bed.run(), 1);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let bed = Bed::new();
    for number in 0..300_u32 {
        bed.write(&format!("{number}"), &number.to_le_bytes());
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| _ = bed.run()));
        }
    });
    assert_eq!(bed.run(), 300);
    assert_eq!(bed.cache.stat().unwrap().trees, 1);
}

#[test]
fn cleaning_forgets_everything() {
    let bed = Bed::new();
    bed.write("file", b"content");
    bed.run();
    let stat = bed.cache.stat().unwrap();
    assert_eq!(stat.trees, 1);
    assert!(stat.bytes > 0);
    assert_eq!(bed.cache.clean().unwrap(), stat);
    assert_eq!(bed.cache.stat().unwrap(), CacheStat::default());
    assert_eq!(bed.cache.clean().unwrap(), CacheStat::default());
    assert_eq!(bed.run(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Write(u8, Vec<u8>),
    Remove(u8),
    Rename(u8, u8),
    Link(u8, u8),
    Touch(u8),
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0_u8..6;
    prop_oneof![
        (name.clone(), prop::collection::vec(0_u8..3, 0..3)).prop_map(|(n, c)| Step::Write(n, c)),
        name.clone().prop_map(Step::Remove),
        (name.clone(), name.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
        (name.clone(), name.clone()).prop_map(|(a, b)| Step::Link(a, b)),
        name.prop_map(Step::Touch),
        Just(Step::Run),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn digests_are_right_whatever_happened(steps in prop::collection::vec(step(), 1..24)) {
        let bed = Bed::new();
        let path = |name: u8| bed.path(&name.to_string());
        for step in steps {
            // What cannot be done to a file that is not there is not done.
            match step {
                Step::Write(name, content) => fs::write(path(name), content).unwrap(),
                Step::Remove(name) => fs::remove_file(path(name)).unwrap_or_default(),
                Step::Rename(a, b) => fs::rename(path(a), path(b)).unwrap_or_default(),
                Step::Link(a, b) => fs::hard_link(path(a), path(b)).unwrap_or_default(),
                Step::Touch(name) => {
                    if let Ok(file) = fs::File::options().write(true).open(path(name)) {
                        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
                    }
                }
                Step::Run => _ = bed.run(),
            }
        }
        bed.run();
    }
}

#[test]
fn a_file_is_plain_until_its_attributes_change() {
    let bed = Bed::new();
    bed.write("plain", b"one");
    bed.write("with", b"two");
    let set = |name: &str, attribute: &str| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(bed.path(name), attribute, b"value", flags)
    };
    if set("with", "user.a") == Err(rustix::io::Errno::OPNOTSUPP) {
        // This file system has no attributes that could be missed.
        return;
    }
    let root = TreeRoot::open(&bed.path("")).unwrap();
    let plain = || {
        let entries = walk(&root, &WalkOptions::default(), &Silent);
        let recalled = bed.cache.recall(&root, &Silent);
        let files = entries.iter().filter_map(|it| Some((it, it.stamp()?)));
        let plain = files.filter(|(_, stamp)| recalled.is_plain(stamp));
        let names: Vec<String> = plain.map(|(entry, _)| entry.path.to_string()).collect();
        names
    };
    assert!(plain().is_empty(), "nothing is remembered yet");
    bed.run();
    assert_eq!(plain(), ["plain"]);
    set("plain", "user.b").unwrap();
    assert!(plain().is_empty());
    bed.run();
    assert!(plain().is_empty());
    rustix::fs::removexattr(bed.path("plain"), "user.b").unwrap();
    assert!(plain().is_empty(), "it changed again");
    bed.run();
    assert_eq!(plain(), ["plain"]);
}
