use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn header(path: &[u8], kind: EntryKind, size: u64) -> TarHeader {
    TarHeader {
        path: path.to_vec(),
        kind,
        size,
        metadata: EntryMetadata::default(),
    }
}

/// Two archives of the same members, which must be equal.
pub(super) fn written(members: &[(TarHeader, Vec<u8>)]) -> Vec<u8> {
    let write = || {
        let mut writer = TarWriter::new(Vec::new());
        for (header, content) in members {
            writer.append(header, &mut content.as_slice()).unwrap();
        }
        writer.finish().unwrap()
    };
    let bytes = write();
    assert_eq!(bytes, write());
    assert_eq!(bytes.len() % 512, 0);
    bytes
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = (1..=255_u8).prop_filter("a slash at the end means a directory", |&b| b != b'/');
    prop_oneof![vec(byte.clone(), 1..20), vec(byte, 90..300)]
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![any::<i64>(), -100..100_i64, 0..4_000_000_000_i64];
    let nanoseconds = prop_oneof![Just(0), 0..1_000_000_000_u32];
    (seconds, nanoseconds).prop_map(|(seconds, nanoseconds)| Timestamp {
        seconds,
        nanoseconds,
    })
}

fn kind() -> impl Strategy<Value = EntryKind> {
    prop_oneof![
        Just(EntryKind::File),
        Just(EntryKind::Directory),
        Just(EntryKind::Fifo),
        name().prop_map(|target| EntryKind::Symlink { target }),
        name().prop_map(|target| EntryKind::HardLink { target }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(major, minor)| EntryKind::CharDevice { major, minor }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(major, minor)| EntryKind::BlockDevice { major, minor }),
    ]
}

prop_compose! {
    fn metadata()(
        mode in 0..0o10_000_u32,
        uid in prop_oneof![any::<u64>(), 0..4_000_000_u64],
        gid in any::<u64>(),
        user in proptest::option::of(name()),
        group in proptest::option::of(name()),
        mtime in timestamp(),
        atime in proptest::option::of(timestamp()),
        xattrs in proptest::collection::btree_map(name(), vec(any::<u8>(), 0..50), 0..4),
    ) -> EntryMetadata {
        EntryMetadata {
            mode: Some(mode), uid: Some(uid), gid: Some(gid), user, group,
            mtime: Some(mtime), atime, xattrs: xattrs.into_iter().collect(), sparse: None,
        }
    }
}

/// Extents and the content with its holes.
fn sparse() -> impl Strategy<Value = (Vec<(u64, u64)>, Vec<u8>)> {
    let pieces = vec((0..2000_usize, vec(1..=255_u8, 1..600)), 0..5);
    (pieces, 0..1000_usize).prop_map(|(pieces, tail)| {
        let mut content = Vec::new();
        let mut extents = Vec::new();
        for (hole, data) in pieces {
            content.resize(content.len() + hole, 0);
            extents.push((content.len() as u64, data.len() as u64));
            content.extend(data);
        }
        content.resize(content.len() + tail, 0);
        (extents, content)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        members in vec((name(), kind(), metadata(), vec(any::<u8>(), 0..1500)), 1..5),
    ) {
        let members: Vec<_> = members.into_iter().map(|(path, kind, metadata, content)| {
            let content = if kind == EntryKind::File { content } else { Vec::new() };
            (TarHeader { path, kind, size: content.len() as u64, metadata }, content)
        }).collect();
        let (found, seen) = list(&written(&members)).unwrap();
        prop_assert_eq!(found, ArchiveKind::Tar);
        prop_assert_eq!(seen.len(), members.len());
        for (seen, (header, content)) in seen.iter().zip(&members) {
            let mut path = header.path.clone();
            if header.kind == EntryKind::Directory {
                path.push(b'/');
            }
            prop_assert_eq!(&seen.entry.path, &path);
            prop_assert_eq!(&seen.entry.kind, &header.kind);
            prop_assert_eq!(&seen.content, content);
            prop_assert_eq!(&seen.entry.metadata, &header.metadata);
        }
    }

    #[test]
    fn sparse_files_are_read_back(path in name(), (extents, content) in sparse()) {
        let mut data = Vec::new();
        for &(at, length) in &extents {
            let at = usize::try_from(at).unwrap();
            data.extend_from_slice(&content[at..at + usize::try_from(length).unwrap()]);
        }
        let mut header = header(&path, EntryKind::File, content.len() as u64);
        header.metadata.sparse = Some(extents.clone());
        let (_, seen) = list(&written(&[(header, data)])).unwrap();
        prop_assert_eq!(&seen[0].entry.path, &path);
        prop_assert_eq!(&seen[0].content, &content);
        let found = seen[0].entry.metadata.sparse.clone().unwrap();
        for (at, length) in extents {
            let covers = |&(from, long): &(u64, u64)| from <= at && at + length <= from + long;
            prop_assert!(found.iter().any(covers));
        }
        for (at, length) in found {
            prop_assert!(at % 512 == 0 && (length % 512 == 0 || at + length == content.len() as u64));
        }
    }
}

#[test]
fn short_content_names_the_member_and_spoils_the_archive() {
    let mut writer = TarWriter::new(Vec::new());
    let file = header(b"shrinking.log", EntryKind::File, 10);
    let error = writer.append(&file, &mut b"four".as_slice()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`shrinking.log` ended after 4 of 10 bytes: it changed while it was read"
    );
    assert!(matches!(
        writer.append(&file, &mut io::empty()),
        Err(TarWriteError::Unusable)
    ));
    assert!(matches!(writer.finish(), Err(TarWriteError::Unusable)));
}

#[test]
fn content_beyond_the_promise_is_left() {
    let mut writer = TarWriter::new(Vec::new());
    let mut content = b"grown".as_slice();
    writer
        .append(&header(b"log", EntryKind::File, 3), &mut content)
        .unwrap();
    assert_eq!(content, b"wn");
    let (_, seen) = list(&writer.finish().unwrap()).unwrap();
    assert_eq!(summary(&seen), ["log: gro"]);
}

#[test]
fn what_tar_cannot_store_is_refused_and_the_archive_goes_on() {
    let mut writer = TarWriter::new(Vec::new());
    let link = |target: &[u8]| EntryKind::Symlink {
        target: target.to_vec(),
    };
    let mut overlapping = header(b"s", EntryKind::File, 10);
    overlapping.metadata.sparse = Some(vec![(0, 5), (4, 2)]);
    let mut late = header(b"t", EntryKind::File, 0);
    late.metadata.mtime = Some(Timestamp {
        seconds: 0,
        nanoseconds: 1_000_000_000,
    });
    for header in [
        header(b"", EntryKind::File, 0),
        header(b"a\0b", EntryKind::File, 0),
        header(b"file/", EntryKind::File, 0),
        header(b"link", link(b""), 0),
        header(b"link", link(b"a\0"), 0),
        header(b"odd", EntryKind::Other(b'V'), 0),
        header(b"huge", EntryKind::File, u64::MAX),
        overlapping,
        late,
    ] {
        let error = writer.append(&header, &mut io::empty()).unwrap_err();
        assert!(matches!(error, TarWriteError::Unstorable { .. }), "{error}");
    }
    writer
        .append(&header(b"fine", EntryKind::File, 0), &mut io::empty())
        .unwrap();
    assert_eq!(list(&writer.finish().unwrap()).unwrap().1.len(), 1);
}

/// Sizes beyond 8 GiB do not fit into the header.
#[test]
fn a_size_beyond_8_gib_is_told_by_pax() {
    struct Counting(u64, Vec<u8>);
    impl io::Write for Counting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            if self.1.len() < 4096 {
                self.1.extend_from_slice(&bytes[..bytes.len().min(4096)]);
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let size = (8 << 30) + 1_u64;
    let mut writer = TarWriter::new(Counting(0, Vec::new()));
    let file = header(b"big", EntryKind::File, size);
    writer.append(&file, &mut io::repeat(0)).unwrap();
    let Counting(count, start) = writer.finish().unwrap();
    assert_eq!(count, 1024 + 512 + size.next_multiple_of(512) + 1024 + 512);
    let mut stream = start[..2048].chain(io::repeat(0).take(size.next_multiple_of(512)));
    let mut seen = Vec::new();
    let result: Result<_, ReadError<io::Error>> = read_archive(
        Input::Stream(&mut stream),
        &ArchiveOptions::default(),
        &mut |entry, _| {
            seen.push(entry.size);
            Ok(())
        },
    );
    assert_eq!(
        (result.unwrap(), seen),
        (ArchiveKind::Tar, vec![Some(size)])
    );
}

#[test]
fn a_changed_byte_is_noticed_wherever_it_is() {
    let content = b"neither compressed nor hashed".to_vec();
    let file = header(b"a", EntryKind::File, content.len() as u64);
    let whole = written(&[(file, content)]);
    let options = ArchiveOptions {
        require_end: true,
        ..ArchiveOptions::default()
    };
    let read = |tar: &[u8]| {
        let mut seen = Vec::new();
        let mut visit = |entry: &Entry, content: &mut dyn io::Read| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            seen.push((entry.clone(), bytes));
            Ok::<(), io::Error>(())
        };
        match read_archive(Input::Stream(&mut &tar[..]), &options, &mut visit) {
            Ok(ArchiveKind::Tar) => Ok(seen),
            other => Err(format!("{other:?}")),
        }
    };
    let right = read(&whole).unwrap();
    let end = whole.len() - 512;
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        match read(&changed) {
            Err(_) => {}
            // Without its first letters the checksum is none, and all the rest is right.
            Ok(seen) => assert!(at >= end && seen == right, "byte {at}"),
        }
    }
    // As other programs and older versions end: without the checksum.
    assert_eq!(read(&whole[..end]).unwrap(), right);
    let mut other = whole[..end].to_vec();
    other.extend_from_slice(b"hashget-crc32, but not ours");
    assert_eq!(read(&other).unwrap(), right);
}
