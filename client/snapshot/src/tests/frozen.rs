//! The samples under `tests/testdata/formats` are read for ever.

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::super::destination::packages_path;
use super::super::index::{Index, Stored};
use super::super::key::{Key, Looks};
use super::super::separate;
use super::super::state::{SourceFile, SourceState};
use super::*;
use hashget_files::tree::{FileId, FileStamp, Metadata, TreeEntry, TreeKind};

/// The number of the directory that the sample of an index belongs to.
const HOME: u64 = 4711;

fn sample(name: &str) -> PathBuf {
    let formats = "../../tests/testdata/formats/v1/snapshot";
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(formats)
        .join(name)
}

fn path(name: &[u8]) -> RelPath {
    RelPath::new(name).unwrap()
}

fn time(seconds: i64, nanoseconds: u32) -> Timestamp {
    Timestamp {
        seconds,
        nanoseconds,
    }
}

fn stored() -> [Stored; 2] {
    let file = Stored {
        key: Key(Digest::of(b"key")),
        digest: Digest::of(b"content"),
        inode: 12,
        looks: Looks {
            size: 7,
            mtime: time(-1, 999_999_999),
            mode: 0o4755,
            uid: 0,
            gid: 70_000,
        },
        links: 3,
        checked: time(1_738_324_800, 5),
        root: 1,
        path: path(b"folder/caf\xe9"),
    };
    let unpacked = Stored {
        key: Key(Digest::of(b"another key")),
        digest: Digest::of(b"more content"),
        inode: u64::MAX,
        root: 0,
        path: path(b"name"),
        ..file.clone()
    };
    [file, unpacked]
}

fn source_file() -> SourceFile {
    SourceFile {
        path: path(b"folder/caf\xe9"),
        stamp: FileStamp {
            id: FileId {
                device: 2049,
                inode: 12,
            },
            size: 7,
            mtime: time(-1, 999_999_999),
            ctime: time(1_738_324_800, 5),
        },
        key: Key(Digest::of(b"key")),
    }
}

fn id() -> SnapshotId {
    SnapshotId {
        name: "docs".parse().unwrap(),
        stamp: Stamp::new(start()),
    }
}

#[test]
fn an_index_of_version_1() {
    let index = Index::load(&sample("index"), HOME).unwrap().unwrap();
    let roots = [packages_path(), path(b"row/2025-01-31-120000")];
    assert_eq!(index.roots, roots);
    let is: Vec<&Stored> = index.iter().map(|(_, stored)| stored).collect();
    assert_eq!(is, stored().iter().collect::<Vec<_>>());
    let elsewhere = Index::load(&sample("index"), HOME + 1).unwrap();
    assert!(elsewhere.is_none(), "it is another destination's");
}

#[test]
fn a_state_of_version_1() {
    let state = SourceState::load(&sample("row.state")).unwrap();
    let SourceFile { path, stamp, key } = source_file();
    let mut entry = TreeEntry {
        path,
        kind: TreeKind::File {
            size: stamp.size,
            id: stamp.id,
            links: 1,
            allocated_bytes: 4096,
        },
        metadata: Metadata {
            mode: 0o644,
            uid: 0,
            gid: 0,
            user: None,
            group: None,
            atime: time(0, 0),
            mtime: stamp.mtime,
            ctime: stamp.ctime,
            xattrs: Vec::new(),
        },
    };
    assert_eq!(state.unchanged(&entry), Some(key));
    entry.metadata.ctime.nanoseconds += 1;
    assert_eq!(state.unchanged(&entry), None);
}

#[test]
fn a_note_of_version_1_of_what_was_separate() {
    let bench = Bench::new();
    let destination = Destination::open_or_make(&bench.place()).unwrap();
    let place = destination.own(&format!("{}.separate", id()));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(sample("stamp.separate"), place).unwrap();
    let separate = separate::load(&destination, &id()).unwrap();
    let expected = [(path(b"one"), 0), (path(b"two"), 1)];
    assert_eq!(separate, expected.into());
}

/// Writes the samples, when a new version of the formats needs them: with the directory to write to in
/// `HASHGET_WRITE_SNAPSHOT_SAMPLES`.
#[test]
fn write_samples() {
    let Some(directory) = std::env::var_os("HASHGET_WRITE_SNAPSHOT_SAMPLES").map(PathBuf::from)
    else {
        return;
    };
    let mut index = Index::new(packages_path());
    index.add_root(path(b"row/2025-01-31-120000"));
    for stored in stored() {
        index.add(stored);
    }
    index.save(&directory.join("index"), HOME).unwrap();
    let state = SourceState::prepare(&directory.join("row.state"), &[source_file()]);
    state.unwrap().place().unwrap();

    let bench = Bench::new();
    bench.write("one", "content");
    bench.write("two", "content");
    for name in ["one", "two"] {
        let file = fs::File::open(bench.source().join(name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    }
    let created = bench.create(&CreateOptions::default());
    let place = bench.destination().own(&format!("{}.separate", created.id));
    fs::copy(place, directory.join("stamp.separate")).unwrap();
}
