//! What the fuzz targets of the client's own files do with their input; `client/cli/tests/fuzz_corpus.rs`
//! replays the corpora through the same functions, without a fuzzer.

#![allow(dead_code, reason = "each target uses one of these functions")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use hashget_delta::{DiffIndex, DirIndex};
use hashget_files::hash_cache::HashCache;
use hashget_files::monitor::Silent;
use hashget_files::place::{JOURNAL_NAME, Overwrite, Placer, Target};
use hashget_files::tree::{PatternSet, TreeRoot, read_pattern_file};
use hashget_series::{ChangeList, Manifest, SeriesFile, read_change_list};
use hashget_snapshot::Destination;
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

/// What a remembered digest takes in its file.
const KNOWN_BYTES: usize = 81;

/// The change list of a backup, in its archive; a sound one is written and read again.
pub(crate) fn change_list(data: &[u8]) {
    let temp = directory();
    let archive = temp.path().join("archive.tar");
    write(&archive, &member(ChangeList::NAME, data));
    if let Ok(list) = read_change_list(&archive) {
        let json = serde_json::to_vec(&list).expect("what was read can be written");
        let again: ChangeList = serde_json::from_slice(&json).expect("and read again");
        assert!(again == list);
    }
}

/// The manifest of a backup, which lies beside its archive.
pub(crate) fn series_manifest(data: &[u8]) {
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(data) {
        let json = serde_json::to_vec(&manifest).expect("what was read can be written");
        serde_json::from_slice::<Manifest>(&json).expect("and read again");
    }
}

/// The manifest of a delta, in its archive.
pub(crate) fn delta_manifest(data: &[u8]) {
    let temp = directory();
    let archive = temp.path().join("delta.tar");
    write(&archive, &member("hashget-delta.jsonl", data));
    if let Err(error) = DiffIndex::from_archive(&archive) {
        assert!(!error.to_string().is_empty());
    }
}

/// The index of a directory; a sound one is written and read again.
pub(crate) fn delta_index(data: &[u8]) {
    let temp = directory();
    let path = temp.path().join("index");
    write(&path, data);
    if let Ok(index) = DirIndex::from_file(&path) {
        index.to_file(&path).expect("what was read can be written");
        let again = DirIndex::from_file(&path).expect("and read again");
        assert_eq!(again.state().ok(), index.state().ok());
    }
}

/// The body of a destination's index of inodes, without the number that ties it to its place.
pub(crate) fn snapshot_record(data: &[u8]) {
    let temp = directory();
    let own = temp.path().join(".hashget-snapshots");
    fs::create_dir(&own).expect("a directory");
    let home = fs::metadata(&own).expect("its metadata").ino();
    let body = [&home.to_le_bytes(), data].concat();
    let mut file = b"HGSNAP\ni\x01\0\0\0".to_vec();
    file.extend(zstd::encode_all(&body[..], 1).expect("a compressed body"));
    file.extend_from_slice(Digest::of(&file).as_bytes());
    write(&own.join("index"), &file);
    let destination = Destination::open(temp.path()).expect("a destination");
    hashget_snapshot::verify(&destination, &[], &Silent).ok();
}

/// The remembered digests of a tree: a whole file, or else entries, which get head and blocks here.
pub(crate) fn hash_cache(data: &[u8]) {
    let temp = directory();
    let digests = temp.path().join("digests");
    let mut maker = fs::DirBuilder::new();
    maker.mode(0o700).create(&digests).expect("a directory");
    let status = fs::metadata(temp.path()).expect("its metadata");
    let path = digests.join(format!("{:x}-{:x}", status.dev(), status.ino()));
    if data.starts_with(b"hgdigest") {
        write(&path, data);
    } else {
        write(&path, &remembered(data));
    }
    let root = TreeRoot::open(temp.path()).expect("a tree");
    HashCache::new(temp.path()).recall(&root, &Silent);
}

fn remembered(entries: &[u8]) -> Vec<u8> {
    let count = entries.len() / KNOWN_BYTES;
    let mut file = b"hgdigest\x02\0\0\0".to_vec();
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(&(count as u64).to_le_bytes());
    file.extend_from_slice(Digest::of(&file).as_bytes());
    let blocks = entries[..count * KNOWN_BYTES].chunks(800 * KNOWN_BYTES);
    for (number, block) in blocks.enumerate() {
        let block = [&(number as u64).to_le_bytes(), block].concat();
        file.extend_from_slice(&block);
        file.extend_from_slice(Digest::of(&block).as_bytes());
    }
    file
}

/// What a restore that was killed left to be put right.
pub(crate) fn journal(data: &[u8]) {
    let temp = directory();
    write(&temp.path().join(JOURNAL_NAME), data);
    let target = Target::open(temp.path()).expect("a target");
    let placer = Placer::new(&target, Overwrite::Changed, false, &Silent);
    placer.expect("a journal is read as far as it makes sense");
}

/// A file of patterns, with paths to be matched in its last lines.
pub(crate) fn patterns(data: &[u8]) {
    let temp = directory();
    let path = temp.path().join("patterns");
    write(&path, data);
    let Ok(lines) = read_pattern_file(&path) else {
        return;
    };
    let paths = lines.iter().rev().take(4);
    let paths: Vec<RelPath> = paths.filter_map(|line| RelPath::new(line).ok()).collect();
    if let Ok(set) = PatternSet::new(&lines) {
        for path in &paths {
            set.matches(path, true);
            set.selects(path, false);
        }
        set.unmatched();
    }
}

/// The file of series.
pub(crate) fn settings(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = SeriesFile::parse(text, Path::new("series.toml"))
    {
        assert!(!error.to_string().is_empty());
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn write(path: &Path, data: &[u8]) {
    fs::write(path, data).expect("a written file");
}

/// A tar archive of one file.
fn member(name: &str, data: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    let mut tar = [&header[..], data].concat();
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}
