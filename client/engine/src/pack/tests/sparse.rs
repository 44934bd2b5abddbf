//! Holes of sparse files are kept.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::XattrFlags;

use super::tree::assert_same_tree;
use super::*;

#[test]
fn sparse_files_keep_their_holes() {
    const MIB: u64 = 1024 * 1024;
    let case = Case::new();
    let known = File::create(case.root().join("known")).unwrap();
    known.write_all_at(&big(1), MIB).unwrap();
    known.set_len(3 * MIB).unwrap();
    let own = File::create(case.root().join("own")).unwrap();
    own.write_all_at(&big(2), 2 * MIB).unwrap();
    let empty = File::create(case.root().join("hole")).unwrap();
    empty.set_len(10 * MIB).unwrap();
    let content = fs::read(case.root().join("known")).unwrap();
    case.pack(&FakeLookup::holding(&[&content]));
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    let extents = listed(&list)["known"].extents.clone().unwrap();
    assert_eq!(extents, [(MIB, 8192)], "blocks of 4096 bytes");
    for name in ["own", "hole"] {
        let blocks = |root: &Path| fs::metadata(root.join(name)).unwrap().blocks();
        assert_eq!(blocks(&unpacked), blocks(&case.root()), "{name}");
    }
}

#[test]
fn holes_are_kept_where_attributes_take_as_much_disk() {
    let case = Case::new();
    for (name, byte) in [("known", 1), ("own", 2)] {
        let path = case.root().join(name);
        let file = File::create(&path).unwrap();
        file.write_all_at(&big(byte), 4096).unwrap();
        let set = rustix::fs::setxattr(&path, "user.long", &[7; 500], XattrFlags::empty());
        if set == Err(rustix::io::Errno::OPNOTSUPP) {
            eprintln!("skipped: the file system of the temporary directory has no attributes");
            return;
        }
        set.unwrap();
    }
    let content = fs::read(case.root().join("known")).unwrap();
    case.pack(&FakeLookup::holding(&[&content]));
    let (unpacked, list) = case.unpack();
    assert_same_tree(&case.root(), &unpacked, &list);
    let extents = listed(&list)["known"].extents.clone().unwrap();
    assert_eq!(extents, [(4096, 5000)]);
    let file = File::open(unpacked.join("own")).unwrap();
    let extents = hashget_files::tree::data_extents(&file, 9096).unwrap();
    assert_eq!(extents, Some(vec![(4096, 5000)]));
}

#[test]
fn a_sparse_file_over_8_gib_is_packed_at_once() {
    let case = Case::new();
    let file = File::create(case.root().join("huge")).unwrap();
    file.set_len(9 << 30).unwrap();
    file.write_all_at(b"end", (9 << 30) - 3).unwrap();
    let stats = case.pack(&FakeLookup::default());
    assert_eq!((stats.archived_bytes, stats.problems), (9 << 30, 0));
    assert!(stats.archive_bytes < 10_000);
    let (unpacked, _) = case.unpack();
    let copy = File::open(unpacked.join("huge")).unwrap();
    assert_eq!(copy.metadata().unwrap().len(), 9 << 30);
    let mut end = [0; 3];
    copy.read_exact_at(&mut end, (9 << 30) - 3).unwrap();
    assert_eq!(&end, b"end");
    assert!(copy.metadata().unwrap().blocks() < 100);
}
