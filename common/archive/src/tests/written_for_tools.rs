//! Other programs read what is written.
//!
//! Needs GNU tar, Python 3 and bsdtar (Debian's libarchive-tools).

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::tools::run;
use super::writer::written;
use super::*;

/// Runs GNU tar without its warnings about `hdrcharset`, which it does not need, and old times.
fn run_gnu(directory: &Path, arguments: &[&str]) -> String {
    let quiet = ["--warning=no-unknown-keyword", "--warning=no-timestamp"];
    run(directory, "tar", &[&quiet, arguments].concat())
}

/// Members that are hard to store, with paths that can be put on a disk.
fn hard_members() -> Vec<(TarHeader, Vec<u8>)> {
    let metadata = EntryMetadata {
        mode: Some(0o640),
        mtime: Some(Timestamp {
            seconds: 1_500_000_000,
            nanoseconds: 123_456_789,
        }),
        ..EntryMetadata::default()
    };
    let file = |path: &[u8], content: &[u8]| {
        let size = content.len() as u64;
        let metadata = metadata.clone();
        let header = TarHeader {
            path: path.to_vec(),
            kind: EntryKind::File,
            size,
            metadata,
        };
        (header, content.to_vec())
    };
    let link = |path: &[u8], kind| {
        (
            TarHeader {
                kind,
                ..file(path, b"").0
            },
            Vec::new(),
        )
    };
    let long = [b"l".repeat(120), b"/".to_vec(), b"m".repeat(140)].concat();
    let mut members = vec![
        file(b"plain", b"content"),
        file(b"not utf-8 \xff\xfe", b"latin"),
        file("gr\u{fc}n".as_bytes(), b"utf-8"),
        file(b"new\nline", b""),
        file(&long, &[7; 513]),
        file(b"l2/\xe9/x", b"both"),
        link(
            b"soft",
            EntryKind::Symlink {
                target: [b"\xff/".repeat(80), b"end".to_vec()].concat(),
            },
        ),
        link(
            b"hard",
            EntryKind::HardLink {
                target: long.clone(),
            },
        ),
        link(b"pipe", EntryKind::Fifo),
    ];
    // Whole seconds: libarchive 3.6 reads a fraction before 1970 as one of the next second.
    let mut before_1970 = file(b"before 1970", b"old");
    before_1970.0.metadata.mtime = Some(Timestamp {
        seconds: -86_401,
        nanoseconds: 0,
    });
    members.push(before_1970);
    for (path, tail) in [(b"holes".as_slice(), 0), (b"h\xfe/hole at the end", 70_000)] {
        let mut sparse = file(path, b"headtail");
        sparse.0.size = 200_004 + tail;
        sparse.0.metadata.sparse = Some(vec![(0, 4), (200_000, 4)]);
        members.push(sparse);
    }
    members
}

/// What `members` must look like on disk.
fn check_disk(root: &Path, members: &[(TarHeader, Vec<u8>)], nanoseconds: bool) {
    for (header, content) in members {
        let path = root.join(std::ffi::OsString::from_vec(header.path.clone()));
        let shown = path.display();
        let found = path
            .symlink_metadata()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mtime = header.metadata.mtime.unwrap();
        match &header.kind {
            EntryKind::Symlink { target } => {
                let found = std::fs::read_link(&path).unwrap();
                assert_eq!(found.as_os_str().as_bytes(), target, "{shown}");
                continue;
            }
            EntryKind::HardLink { target } => {
                let other = root.join(std::ffi::OsStr::from_bytes(target));
                assert_eq!(other.metadata().unwrap().ino(), found.ino(), "{shown}");
            }
            EntryKind::File if header.metadata.sparse.is_some() => {
                let content = std::fs::read(&path).unwrap();
                assert_eq!(content.len() as u64, header.size, "{shown}");
                assert_eq!(
                    (&content[..4], &content[200_000..200_004]),
                    (&b"head"[..], &b"tail"[..])
                );
                assert!(content[4..200_000].iter().all(|&byte| byte == 0), "{shown}");
            }
            EntryKind::File => assert_eq!(&std::fs::read(&path).unwrap(), content, "{shown}"),
            _ => {}
        }
        assert_eq!(found.mode() & 0o7777, 0o640, "{shown}");
        assert_eq!(found.mtime(), mtime.seconds, "{shown}");
        if nanoseconds {
            assert_eq!(found.mtime_nsec(), i64::from(mtime.nanoseconds), "{shown}");
        }
    }
}

fn extracted(extract: impl Fn(&Path), nanoseconds: bool) {
    let directory = tempfile::tempdir().unwrap();
    let members = hard_members();
    std::fs::write(directory.path().join("archive"), written(&members)).unwrap();
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    extract(&out);
    check_disk(&out, &members, nanoseconds);
}

#[test]
fn gnu_tar_extracts_what_is_written() {
    extracted(
        |out| {
            run_gnu(out, &["--no-same-owner", "-xpf", "../archive"]);
        },
        true,
    );
}

#[test]
fn bsdtar_extracts_what_is_written() {
    extracted(
        |out| {
            run(out, "bsdtar", &["--no-same-owner", "-xpf", "../archive"]);
        },
        true,
    );
}

#[test]
fn python_extracts_what_is_written() {
    const SCRIPT: &str = "
import tarfile
with tarfile.open('../archive') as archive:
    archive.extractall('.')
";
    extracted(
        |out| {
            run(out, "python3", &["-W", "ignore", "-c", SCRIPT]);
        },
        // Its times are floating point numbers.
        false,
    );
}

/// What cannot be extracted without privileges is compared as Python lists it.
#[test]
fn python_lists_owners_attributes_and_devices() {
    const SCRIPT: &str = "
import os, tarfile
for m in tarfile.open('archive'):
    value = m.pax_headers.get('SCHILY.xattr.user.x', '')
    value = value.encode('utf-8', 'surrogateescape').hex()
    print(os.fsencode(m.name).hex(), m.type.decode(), oct(m.mode), m.uid, m.gid,
          m.uname, m.gname, m.devmajor, m.devminor, value)
";
    let metadata = EntryMetadata {
        mode: Some(0o4755),
        uid: Some(4_000_000_000),
        gid: Some(2_097_152),
        user: Some("j\u{fc}rgen".into()),
        group: Some(b"a-group-with-a-name-beyond-31-bytes".to_vec()),
        xattrs: vec![(b"user.x".to_vec(), b"\n9 path=z\n\xff\0".to_vec())],
        ..EntryMetadata::default()
    };
    let device = |major, minor| EntryKind::BlockDevice { major, minor };
    let members: Vec<_> = [
        (b"\xff".as_slice(), device(8, 1)),
        (b"b", device(4095, 3_000_000)),
    ]
    .map(|(path, kind)| {
        let metadata = metadata.clone();
        (
            TarHeader {
                path: path.to_vec(),
                kind,
                size: 0,
                metadata,
            },
            Vec::new(),
        )
    })
    .into();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("archive"), written(&members)).unwrap();
    let owner = "0o4755 4000000000 2097152 j\u{fc}rgen a-group-with-a-name-beyond-31-bytes";
    let value = "0a3920706174683d7a0aff00";
    assert_eq!(
        run(directory.path(), "python3", &["-c", SCRIPT]),
        format!("ff 4 {owner} 8 1 {value}\n62 4 {owner} 4095 3000000 {value}\n")
    );
    let listed = run_gnu(directory.path(), &["--numeric-owner", "-tvf", "archive"]);
    assert!(
        listed.contains("brwsr-xr-x 4000000000/2097152 4095,3000000"),
        "{listed}"
    );
    let listed = run(
        directory.path(),
        "bsdtar",
        &["--numeric-owner", "-tvf", "archive"],
    );
    assert!(
        listed.contains("4000000000  2097152 4095,3000000"),
        "{listed}"
    );
}
