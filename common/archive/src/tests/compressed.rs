use hashget_tests::compression::Compression as Packing;
use hashget_tests::tar_builder::TarBuilder;

use super::*;

const COMPRESSIONS: [(Packing, Compression); 5] = [
    (Packing::Gzip, Compression::Gzip),
    (Packing::Xz, Compression::Xz),
    (Packing::Lzma, Compression::Lzma),
    (Packing::Bzip2, Compression::Bzip2),
    (Packing::Zstd, Compression::Zstd),
];

#[test]
fn tars_of_every_compression() {
    for (packing, _) in COMPRESSIONS {
        let tar = TarBuilder::new().file("a", "1").file("b", vec![b'x'; 3000]);
        let (kind, seen) = list(&tar.build_compressed(packing)).unwrap();
        assert_eq!((kind, seen.len()), (ArchiveKind::Tar, 2));
    }
}

#[test]
fn single_files_of_every_compression() {
    for (packing, compression) in COMPRESSIONS {
        for content in [b"".as_slice(), b"just text", &vec![9; 70_000]] {
            let (kind, seen) = list(&packing.compress(content)).unwrap();
            assert_eq!(kind, ArchiveKind::Compressed(compression));
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].content, content);
            assert_eq!((seen[0].entry.size, seen[0].path().as_str()), (None, ""));
        }
    }
}

/// Decoders of one member lose whatever comes after the first.
#[test]
fn gzip_first_member_is_not_all() {
    for (packing, _) in COMPRESSIONS {
        if packing == Packing::Lzma {
            continue;
        }
        let both = [packing.compress(b"one "), packing.compress(b"two")].concat();
        assert_eq!(list(&both).unwrap().1[0].content, b"one two", "{packing:?}");
    }
}

#[test]
fn padding_is_ignored_and_garbage_is_told_or_an_error() {
    let is_tolerant = |packing| matches!(packing, Packing::Gzip | Packing::Bzip2);
    for (packing, _) in COMPRESSIONS {
        let packed = packing.compress(b"text");
        let padded = list(&[packed.as_slice(), &[0; 512]].concat());
        if is_tolerant(packing) || packing == Packing::Xz {
            assert_eq!(padded.unwrap().1[0].content, b"text");
        } else {
            assert!(padded.is_err(), "{packing:?}");
        }
        for garbage in [
            &b"more"[..],
            b"\0\0\0more",
            b"BZh9no",
            b"\x1f\x8bno gzip at all",
        ] {
            let bytes = [packed.as_slice(), garbage].concat();
            if !is_tolerant(packing) {
                assert!(list(&bytes).is_err(), "{packing:?}");
                continue;
            }
            if packing == Packing::Bzip2 && garbage.starts_with(b"BZh") {
                // It may as well be a stream that is damaged.
                assert!(list(&bytes).is_err());
                continue;
            }
            let (_, seen, told) = list_told(&bytes);
            assert_eq!(seen[0].content, b"text");
            assert_eq!(told.len(), 1, "{packing:?}: {told:?}");
            assert!(told[0].starts_with("ignored: garbage after the "));
        }
    }
}

/// A later stream that is cut short is no garbage.
#[test]
fn a_later_stream_is_whole_or_an_error() {
    for packing in [Packing::Gzip, Packing::Bzip2] {
        let (one, two) = (packing.compress(b"one "), packing.compress(b"two"));
        for cut in 1..two.len() {
            let bytes = [&one[..], &two[..cut]].concat();
            assert!(list(&bytes).is_err(), "{packing:?} cut at {cut}");
        }
    }
}

/// Some servers compress what is compressed.
#[test]
fn a_tar_compressed_twice_is_a_tar() {
    let noise: Vec<u8> = (0..200_000_u64).map(|i| (i * i % 251) as u8).collect();
    let tar = TarBuilder::new().file("a", "1").file("b", noise).build();
    for (inner, _) in COMPRESSIONS {
        for (outer, compression) in COMPRESSIONS {
            let twice = outer.compress(&inner.compress(&tar));
            let (kind, seen) = list(&twice).unwrap();
            assert_eq!((kind, seen.len()), (ArchiveKind::Tar, 2), "{outer:?}");
            let text = inner.compress(b"no tar");
            let (kind, seen) = list(&outer.compress(&text)).unwrap();
            assert_eq!(kind, ArchiveKind::Compressed(compression));
            assert_eq!(seen[0].content, text);
        }
    }
}

#[test]
fn skippable_zstd_frames_are_skipped() {
    let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
    let packed = Packing::Zstd.compress(b"text");
    let both = [skippable.as_slice(), &packed, skippable].concat();
    let (kind, seen) = list(&both).unwrap();
    assert_eq!(kind, ArchiveKind::Compressed(Compression::Zstd));
    assert_eq!(seen[0].content, b"text");
}

#[test]
fn the_name_in_a_gzip_header_is_the_path() {
    let gz = flate2::GzBuilder::new().filename("notes.txt").mtime(77);
    let mut encoder = gz.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"text").unwrap();
    let (_, seen) = list(&encoder.finish().unwrap()).unwrap();
    assert_eq!(summary(&seen), ["notes.txt: text"]);
    let mtime = seen[0].entry.metadata.mtime;
    assert_eq!(
        mtime,
        Some(Timestamp {
            seconds: 77,
            nanoseconds: 0
        })
    );
}
