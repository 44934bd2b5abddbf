use std::convert::Infallible;

use hashget_tests::compression::Compression as Packing;
use hashget_tests::tar_builder::{TarBuilder, header, set_octal};

use super::*;

fn only(bytes: &[u8]) -> Seen {
    let (kind, mut seen) = list(bytes).unwrap();
    assert_eq!(kind, ArchiveKind::Tar);
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.remove(0)
}

#[test]
fn every_type_of_member() {
    let mut device = header(b'3', b"null", b"", 0);
    set_octal(&mut device[329..337], 1);
    set_octal(&mut device[337..345], 3);
    let tar = TarBuilder::new()
        .directory("d/")
        .file("d/f", "content")
        .hard_link("d/h", "d/f")
        .symlink("d/s", "f")
        .header(device)
        .member(b'6', "pipe", "", "")
        .member(b'7', "contiguous", "", "c")
        .member(0, "v7/", "", "")
        .member(0, "v7", "", "old")
        .member(b'V', "label", "", "xyz")
        .build();
    let (_, seen) = list(&tar).unwrap();
    let kinds: Vec<_> = seen.iter().map(|seen| seen.entry.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            EntryKind::Directory,
            EntryKind::File,
            EntryKind::HardLink {
                target: b"d/f".to_vec()
            },
            EntryKind::Symlink {
                target: b"f".to_vec()
            },
            EntryKind::CharDevice { major: 1, minor: 3 },
            EntryKind::Fifo,
            EntryKind::File,
            EntryKind::Directory,
            EntryKind::File,
            EntryKind::Other(b'V'),
        ]
    );
    assert_eq!(seen[8].content, b"old");
}

#[test]
fn long_names_of_gnu_and_pax() {
    let long = "n/".repeat(300) + "end";
    let gnu = only(&TarBuilder::new().symlink(&long, &long).build());
    assert_eq!(gnu.path(), long);
    assert_eq!(
        gnu.entry.kind,
        EntryKind::Symlink {
            target: long.clone().into_bytes()
        }
    );
    let records: &[(&str, &[u8])] = &[("path", long.as_bytes()), ("linkpath", b"t\xff")];
    let pax = only(
        &TarBuilder::new()
            .pax(records)
            .symlink("short", "short")
            .build(),
    );
    assert_eq!(pax.path(), long);
    assert_eq!(
        pax.entry.kind,
        EntryKind::Symlink {
            target: b"t\xff".to_vec()
        }
    );
}

#[test]
fn prefixes_count_in_ustar_headers_only() {
    let mut ustar = header(b'0', b"name", b"", 0);
    ustar[345..349].copy_from_slice(b"some");
    assert_eq!(
        only(&TarBuilder::new().header(ustar).build()).path(),
        "some/name"
    );
    let mut gnu = ustar;
    gnu[257..265].copy_from_slice(b"ustar  \0");
    assert_eq!(only(&TarBuilder::new().header(gnu).build()).path(), "name");
}

/// Parsers that cut records at newlines saw the second line as a record of its own.
#[test]
fn pax_newline_rename_attack_fails() {
    let value = b"v\n21 path=../../evil\n";
    let tar = TarBuilder::new()
        .pax(&[("SCHILY.xattr.user.acl1", value), ("path", b"acl1")])
        .file("other", "x")
        .build();
    let seen = only(&tar);
    assert_eq!(seen.path(), "acl1");
    assert_eq!(
        seen.entry.metadata.xattrs,
        [(b"user.acl1".to_vec(), value.to_vec())]
    );
    let tar = TarBuilder::new()
        .pax(&[("SCHILY.xattr.user.acl1", value)])
        .file("acl1", "x")
        .build();
    assert_eq!(only(&tar).path(), "acl1");
}

#[test]
fn pax_records_win_over_the_header() {
    let tar = TarBuilder::new()
        .member(
            b'g',
            "global",
            "",
            hashget_tests::tar_builder::pax_record("uname", b"all"),
        )
        .pax(&[
            ("uid", b"5000000000"),
            ("gid", b"7"),
            ("gname", "gr\u{fc}n".as_bytes()),
            ("mtime", b"-1.25"),
            ("atime", b"12"),
            ("size", b"3"),
            ("LIBARCHIVE.xattr.user.b%20c", b"AAEC"),
        ])
        .header(header(b'0', b"f", b"", 1 << 20))
        .content("abc")
        .build();
    let seen = only(&tar);
    assert_eq!(seen.content, b"abc");
    let metadata = &seen.entry.metadata;
    assert_eq!((metadata.uid, metadata.gid), (Some(5_000_000_000), Some(7)));
    assert_eq!(metadata.user.as_deref(), Some(b"all".as_slice()));
    assert_eq!(metadata.group.as_deref(), Some("gr\u{fc}n".as_bytes()));
    assert_eq!(
        metadata.mtime,
        Some(Timestamp {
            seconds: -2,
            nanoseconds: 750_000_000
        })
    );
    assert_eq!(
        metadata.atime,
        Some(Timestamp {
            seconds: 12,
            nanoseconds: 0
        })
    );
    assert_eq!(metadata.xattrs, [(b"user.b c".to_vec(), vec![0, 1, 2])]);
}

#[test]
fn sparse_files_of_all_pax_versions() {
    let expected = b"\0\0\0ab\0\0\0\0cde\0\0";
    let v00 = TarBuilder::new().pax(&[
        ("GNU.sparse.size", b"14"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"3"),
        ("GNU.sparse.numbytes", b"2"),
        ("GNU.sparse.offset", b"9"),
        ("GNU.sparse.numbytes", b"3"),
        ("path", b"file"),
    ]);
    let v01 = TarBuilder::new().pax(&[
        ("GNU.sparse.size", b"14"),
        ("GNU.sparse.map", b"3,2,9,3,14,0"),
        ("GNU.sparse.name", b"file"),
    ]);
    let v10 = TarBuilder::new().pax(&[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"file"),
        ("GNU.sparse.realsize", b"14"),
    ]);
    let mut inline = b"3\n3\n2\n9\n3\n14\n0\n".to_vec();
    inline.resize(512, 0);
    inline.extend_from_slice(b"abcde");
    for tar in [
        v00.file("x", "abcde"),
        v01.file("GNUSparseFile.1/file", "abcde"),
        v10.file("GNUSparseFile.1/file", inline),
    ] {
        let seen = only(&tar.build());
        assert_eq!(seen.path(), "file");
        assert_eq!(seen.content, expected);
        assert_eq!(seen.entry.metadata.sparse, Some(vec![(3, 2), (9, 3)]));
    }
}

#[test]
fn impossible_sparse_maps_are_errors() {
    for map in [
        "3,2,4,3",
        "3,2,9,30",
        "3,5,1",
        "3,2",
        "18446744073709551615,5",
        "a,b",
    ] {
        let records: &[(&str, &[u8])] = &[
            ("GNU.sparse.size", b"14"),
            ("GNU.sparse.map", map.as_bytes()),
        ];
        let tar = TarBuilder::new().pax(records).file("f", "abcde").build();
        assert!(list(&tar).is_err(), "{map}");
    }
}

#[test]
fn an_archive_may_lack_its_end_but_not_its_middle() {
    let tar = TarBuilder::new().file("a", "1").file("b", vec![b'2'; 700]);
    let whole = tar.clone().build();
    let bare = tar.build_without_end();
    assert_eq!(list(&bare).unwrap(), list(&whole).unwrap());
    let mut garbage = whole.clone();
    garbage.extend_from_slice(b"whatever follows the end");
    assert_eq!(list(&garbage).unwrap(), list(&whole).unwrap());
    let error = archive_error(list(&bare[..bare.len() - 900]));
    assert!(error.to_string().contains("at byte"), "{error}");
}

#[test]
fn the_end_is_required_when_asked_for() {
    let tar = TarBuilder::new().file("a", "1").file("b", vec![b'2'; 700]);
    let bare = tar.clone().build_without_end();
    let half = [&bare[..], &[0; 512]].concat();
    let options = ArchiveOptions {
        require_end: true,
        ..ArchiveOptions::default()
    };
    let read = |tar: &[u8]| {
        let mut visit = |_: &Entry, _: &mut dyn Read| Ok::<(), Infallible>(());
        read_archive(Input::Stream(&mut &tar[..]), &options, &mut visit)
    };
    for compression in Packing::ALL {
        let whole = tar.clone().build_compressed(compression);
        assert_eq!(read(&whole).unwrap(), ArchiveKind::Tar, "{compression:?}");
        for cut in [&bare, &half] {
            let error = read(&compression.compress(cut)).unwrap_err().to_string();
            assert!(error.contains("end marker"), "{compression:?}: {error}");
        }
    }
    // A compressed file that is cut between two of its members, where a tar member ends too.
    let gzip = |bytes: &[u8]| Packing::Gzip.compress(bytes);
    let (first, second) = (gzip(&bare), gzip(&[0; 1024]));
    assert!(read(&[&first[..], &second].concat()).is_ok());
    assert!(read(&first).is_err());
}

#[test]
fn an_extension_header_needs_its_member() {
    let tar = TarBuilder::new().file("a", "1").pax(&[("path", b"b")]);
    assert!(list(&tar.clone().build()).is_err());
    assert!(list(&tar.build_without_end()).is_err());
}

#[test]
fn negative_sizes_are_errors() {
    let mut negative = header(b'0', b"f", b"", 0);
    negative[124..136].fill(0xff);
    assert!(list(&TarBuilder::new().header(negative).build()).is_err());
    let records: &[(&str, &[u8])] = &[("size", b"18446744073709551615")];
    assert!(list(&TarBuilder::new().pax(records).file("f", "").build()).is_err());
}

#[test]
fn a_hard_link_may_bring_its_content() {
    let body = vec![b'x'; 700];
    let link = header(b'1', b"b", b"a", 700);
    let pax = TarBuilder::new().pax(&[("mtime", b"1")]);
    for tar in [TarBuilder::new(), pax] {
        let tar = tar.file("first", "1").header(link).content(&body);
        let (_, seen) = list(&tar.file("last", "2").build()).unwrap();
        let last = seen.last().unwrap();
        assert_eq!((seen.len(), last.path()), (3, "last".to_owned()));
        assert_eq!(
            (&seen[1].entry.kind, &seen[1].content),
            (&EntryKind::File, &body)
        );
    }
    // Old programs put the size of the other file there.
    let tar = TarBuilder::new().header(link).file("last", "2");
    let (_, seen) = list(&tar.build()).unwrap();
    let target = b"a".to_vec();
    assert_eq!(seen[0].entry.kind, EntryKind::HardLink { target });
    assert_eq!(seen[1].content, b"2");
    assert_eq!(
        list(&TarBuilder::new().header(link).build())
            .unwrap()
            .1
            .len(),
        1
    );
}

#[test]
fn the_rest_of_a_broken_pax_header_is_ignored_and_told() {
    let tar = TarBuilder::new()
        .pax_bytes("9 path=b\n12 mtime=1.x")
        .file("a", "1");
    let (_, seen, told) = list_told(&tar.clone().build());
    assert_eq!(summary(&seen), ["b: 1"]);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("newline, 9 bytes into it"), "{told:?}");
    let strict = ArchiveOptions {
        require_end: true,
        ..ArchiveOptions::default()
    };
    assert!(list_with(&tar.build(), &strict).is_err());
}

#[test]
fn holes_beyond_all_measure_are_refused_at_once() {
    let map: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", b"9223372036854775807"),
        ("GNU.sparse.map", b"9223372036854775000,5"),
    ];
    let tar = TarBuilder::new().pax(map).file("f", "abcde").build();
    let error = archive_error(list(&tar)).to_string();
    assert!(error.contains("max_hole_bytes"), "{error}");
}
