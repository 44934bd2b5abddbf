//! Archives that somebody else made.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hashget_archive::{EntryKind, EntryMetadata, TarHeader, TarWriter, Timestamp};
use hashget_words::restore_file::{RestoreFile, Xattr};

use super::doubles::{Log, TestSources};
use super::fixture::{is_root, list_of, path};
use crate::restore::{ExtractStats, RestoreOptions, Trust, extract, restore};

const CAPABILITY: &[u8] = b"security.capability";
/// `cap_net_raw+ep`, as the kernel keeps it.
const NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn member(tar: &mut TarWriter<Vec<u8>>, name: &str, kind: EntryKind, mode: u32, content: &[u8]) {
    let header = TarHeader {
        path: name.as_bytes().to_vec(),
        kind,
        size: content.len() as u64,
        metadata: EntryMetadata {
            mode: Some(mode),
            mtime: Some(Timestamp {
                seconds: 1_000,
                nanoseconds: 0,
            }),
            xattrs: if name == "capable" {
                vec![(CAPABILITY.to_vec(), NET_RAW.to_vec())]
            } else {
                Vec::new()
            },
            ..EntryMetadata::default()
        },
    };
    tar.append(&header, &mut &*content).unwrap();
}

/// An archive with all that lends rights; the file `fetched` comes from a package.
fn archive(work: &Path, sources: &mut TestSources) {
    fs::write(work.join("fetched"), "rights").unwrap();
    let package = sources.add(&[b"rights"]);
    let mut list = list_of(work, &[path("fetched")], vec![package]);
    fs::remove_file(work.join("fetched")).unwrap();
    list.files[0].mode_bits = Some(0o6755);
    list.files[0].xattrs = vec![Xattr {
        name: b"trusted.overlay.opaque".to_vec(),
        value: b"y".to_vec(),
    }];
    let json = list.to_json().unwrap();
    fs::write(work.join("list.json"), &json).unwrap();
    let mut tar = TarWriter::new(Vec::new());
    let device = EntryKind::CharDevice { major: 1, minor: 3 };
    member(&mut tar, "./", EntryKind::Directory, 0o777, b"");
    member(&mut tar, "null", device, 0o666, b"");
    member(&mut tar, "setuid", EntryKind::File, 0o4755, b"x");
    member(&mut tar, "setgid", EntryKind::Directory, 0o2755, b"");
    member(&mut tar, "capable", EntryKind::File, 0o755, b"x");
    member(&mut tar, RestoreFile::NAME, EntryKind::File, 0o644, &json);
    fs::write(work.join("a.tar"), tar.finish().unwrap()).unwrap();
}

fn extracted(work: &Path, sources: &TestSources, trust: Trust) -> (ExtractStats, Log) {
    let log = Log::default();
    let options = RestoreOptions {
        trust,
        ..RestoreOptions::default()
    };
    let target = work.join("target");
    let stats = extract(&work.join("a.tar"), &target, &options, sources, &log).unwrap();
    (stats, log)
}

#[test]
fn a_stranger_s_archive_lends_no_rights() {
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    archive(work.path(), &mut sources);
    let target = work.path().join("target");
    fs::create_dir(&target).unwrap();
    let before = fs::metadata(&target).unwrap();
    let (stats, log) = extracted(work.path(), &sources, Trust::Never);
    assert_eq!((stats.failed_members, stats.refused_parts), (0, 7));
    assert!(stats.is_complete());
    let problems = log.problems();
    for name in ["null", "setuid", "setgid", "capable", "fetched"] {
        let refused = |problem: &&String| {
            problem.starts_with(&format!("{name}: ")) && problem.contains("not trusted")
        };
        let count = problems.iter().filter(refused).count();
        assert_eq!(count, if name == "fetched" { 2 } else { 1 }, "{problems:?}");
    }
    assert!(!target.join("null").exists());
    for name in ["setuid", "setgid", "capable", "fetched"] {
        let mode = fs::metadata(target.join(name)).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o755, "{name}");
        let xattrs = super::fixture::xattrs_of(&target.join(name));
        let lends = |name: &[u8]| name == CAPABILITY || name.starts_with(b"trusted.");
        assert!(!xattrs.iter().any(|(name, _)| lends(name)), "{name}");
    }
    let after = fs::metadata(&target).unwrap();
    let seen = |metadata: &fs::Metadata| (metadata.mode(), metadata.mtime(), metadata.mtime_nsec());
    assert_eq!(seen(&before), seen(&after));
}

#[test]
fn an_archive_of_one_s_own_is_restored_as_it_is() {
    if !is_root() {
        eprintln!("not run: only root can make devices");
        return;
    }
    for trust in [Trust::Always, Trust::ByOwner] {
        let work = tempfile::tempdir().unwrap();
        let mut sources = TestSources::default();
        archive(work.path(), &mut sources);
        let (stats, _) = extracted(work.path(), &sources, trust);
        assert_eq!(stats.refused_parts, 0);
        let target = work.path().join("target");
        assert_eq!(
            fs::metadata(target.join("setuid")).unwrap().mode() & 0o7777,
            0o4755
        );
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o7777, 0o777);
    }
}

#[test]
fn who_owns_the_archive_decides_unless_told() {
    if !is_root() {
        eprintln!("not run: only root can give files away");
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let mut sources = TestSources::default();
    archive(work.path(), &mut sources);
    std::os::unix::fs::chown(work.path().join("a.tar"), Some(4321), None).unwrap();
    let (stats, log) = extracted(work.path(), &sources, Trust::ByOwner);
    assert_eq!(stats.refused_parts, 7);
    assert!(log.warnings()[0].contains("4321"));

    // A restore file that somebody else put there, likewise.
    let target = work.path().join("target");
    fs::remove_file(target.join("fetched")).unwrap();
    let list = target.join(RestoreFile::NAME);
    fs::copy(work.path().join("list.json"), &list).unwrap();
    std::os::unix::fs::chown(&list, Some(4321), None).unwrap();
    let options = RestoreOptions {
        trust: Trust::ByOwner,
        ..RestoreOptions::default()
    };
    let stats = restore(&target, &options, &sources, &Log::default()).unwrap();
    assert_eq!((stats.placed_files, stats.refused_parts), (1, 2));
    let mode = fs::metadata(target.join("fetched")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o755);
}
