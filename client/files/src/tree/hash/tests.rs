use std::cmp::Reverse;

use super::*;
use crate::monitor::{Silent, Unit};
use crate::tree::{WalkOptions, walk};

#[test]
fn files_of_every_size_have_the_digest_of_their_content() {
    let temp = tempfile::tempdir().unwrap();
    let sizes = [0, 1, 1023, 4096, 1 << 20, (1 << 20) + 1, 3 << 20];
    for (number, size) in sizes.into_iter().cycle().take(70).enumerate() {
        let content = vec![u8::try_from(number).unwrap(); size];
        std::fs::write(temp.path().join(format!("{number}")), content).unwrap();
    }
    let root = TreeRoot::open(temp.path()).unwrap();
    let entries = walk(&root, &WalkOptions::default(), &Silent);
    let files: Vec<&TreeEntry> = entries
        .iter()
        .filter(|entry| !entry.path.is_root())
        .collect();
    let progress = Progress::start(&Silent, "", Unit::Bytes, None);
    let hashed = hash_files(&root, &files, &progress);
    assert_eq!(hashed.len(), 70);
    for (entry, result) in files.iter().zip(hashed) {
        let content = std::fs::read(entry.path.under(temp.path())).unwrap();
        assert_eq!(
            result.unwrap().sha256,
            Digest::of(&content),
            "{}",
            entry.path
        );
    }
    let ordered = by_size(&files[..], (0..70).map(FileIndex::from).collect());
    let size = |file: &BySize| size(&files[..], file.number());
    assert!(ordered.is_sorted_by_key(|file| Reverse(size(file))));
    let batches = batches(&files[..], &ordered);
    assert!(batches.iter().all(|batch| {
        let bytes: u64 = batch.iter().map(size).sum();
        batch.len() == 1 || bytes <= BATCH_BYTES + SMALL_BYTES
    }));
    assert!(batches.concat() == ordered);
}
