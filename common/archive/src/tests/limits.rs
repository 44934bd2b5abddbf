use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashget_tests::compression::Compression as Packing;
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::zip_builder::ZipBuilder;

use super::*;

fn limit_hit(bytes: &[u8], limits: Limits) -> LimitKind {
    match archive_error(list_with(
        bytes,
        &ArchiveOptions {
            limits,
            ..recursive()
        },
    )) {
        ArchiveError::Limit { limit, .. } => limit,
        other => panic!("{other}"),
    }
}

#[test]
fn each_limit_has_its_error() {
    let limits = Limits::default;
    let three = TarBuilder::new()
        .file("a", "")
        .file("b", "")
        .file("c", "")
        .build();
    assert_eq!(
        limit_hit(
            &three,
            Limits {
                max_entries: 2,
                ..limits()
            }
        ),
        LimitKind::Entries
    );
    assert!(list_with(&three, &ArchiveOptions::default()).is_ok());

    let zeros = vec![0; 4 << 20];
    for packing in Packing::ALL.into_iter().skip(1) {
        let bomb = packing.compress(&zeros);
        let small = Limits {
            max_total_bytes: 1 << 20,
            ..limits()
        };
        assert_eq!(limit_hit(&bomb, small), LimitKind::TotalBytes);
        let fair = Limits {
            ratio_free_bytes: 1 << 20,
            max_ratio: 100,
            ..limits()
        };
        assert_eq!(limit_hit(&bomb, fair), LimitKind::Ratio);
    }
    let zip = ZipBuilder::new().file("zeros", &zeros).build();
    let fair = Limits {
        ratio_free_bytes: 1 << 20,
        max_ratio: 100,
        ..limits()
    };
    assert_eq!(limit_hit(&zip, fair.clone()), LimitKind::Ratio);
    let wrapped = TarBuilder::new().file("in.zip", &zip).build();
    assert_eq!(limit_hit(&wrapped, fair), LimitKind::Ratio);

    let long = TarBuilder::new().file("n".repeat(5000), "").build();
    let short = Limits {
        max_extension_bytes: 4096,
        ..limits()
    };
    assert_eq!(limit_hit(&long, short.clone()), LimitKind::ExtensionBytes);
    let pax = TarBuilder::new()
        .pax(&[("comment", &[b'c'; 5000])])
        .file("a", "")
        .build();
    assert_eq!(limit_hit(&pax, short), LimitKind::ExtensionBytes);
}

#[test]
fn decoder_memory_is_bounded() {
    let packed = liblzma::encode_all([1; 1000].as_slice(), 9).unwrap();
    let small = Limits {
        max_decoder_memory: 8 << 20,
        ..Limits::default()
    };
    assert_eq!(limit_hit(&packed, small.clone()), LimitKind::DecoderMemory);
    assert!(list(&packed).is_ok());
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![1; 1000]).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(limit_hit(&packed, small), LimitKind::DecoderMemory);
    assert!(list(&packed).is_ok());
}

#[test]
fn holes_count_against_the_total_and_their_own_limit_but_not_the_ratio() {
    let records: &[(&str, &[u8])] = &[("GNU.sparse.size", b"4000000"), ("GNU.sparse.map", b"0,1")];
    let tar = TarBuilder::new().pax(records).file("f", "x").build();
    let fair = Limits {
        ratio_free_bytes: 0,
        max_ratio: 2,
        ..Limits::default()
    };
    let seen = list_with(
        &tar,
        &ArchiveOptions {
            limits: fair,
            ..recursive()
        },
    )
    .unwrap()
    .1;
    assert_eq!(seen[0].content.len(), 4_000_000);
    let small = Limits {
        max_total_bytes: 1 << 20,
        ..Limits::default()
    };
    assert_eq!(limit_hit(&tar, small), LimitKind::TotalBytes);
    let few = Limits {
        max_hole_bytes: 3_999_998,
        ..Limits::default()
    };
    assert_eq!(limit_hit(&tar, few), LimitKind::HoleBytes);
}

/// A file with one byte of data at its end, and the largest hole that can be told before it.
fn giant() -> Vec<u8> {
    let end = i64::MAX as u64 - 1000;
    let size = (end + 1).to_string();
    let map = format!("{end},1");
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.map", map.as_bytes()),
    ];
    let tar = TarBuilder::new().pax(records).file("giant", "x");
    tar.file("after", "y").build()
}

#[test]
fn a_giant_hole_is_refused_before_it_is_read() {
    assert_eq!(limit_hit(&giant(), Limits::default()), LimitKind::HoleBytes);
}

/// A hole within the limits is still a minute of work.
#[test]
fn a_reading_ends_when_it_may_not_go_on() {
    let size = (15_u64 << 30).to_string();
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.map", b"0,1"),
    ];
    let sparse = TarBuilder::new().pax(records).file("hole", "x").build();
    let zeros = TarBuilder::new().file("zeros", vec![0; 4 << 20]);
    let zeros = zeros.build_compressed(Packing::Gzip);
    for archive in [&sparse[..], &zeros[..]] {
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        let options = ArchiveOptions {
            may_go_on: Some(Arc::new(move || {
                match counted.fetch_add(1, Ordering::Relaxed) {
                    0..20 => Ok(()),
                    _ => Err(io::Error::other("enough")),
                }
            })),
            ..ArchiveOptions::default()
        };
        let read = read_archive(
            Input::Stream(&mut &archive[..]),
            &options,
            &mut |_, content| io::copy(content, &mut io::sink()).map(drop),
        );
        let Err(ReadError::Archive(ArchiveError::Stopped(reason))) = read else {
            panic!("{read:?}");
        };
        assert_eq!(reason.to_string(), "enough");
        assert_eq!(asked.load(Ordering::Relaxed), 21);
    }
}

#[test]
fn a_giant_hole_costs_nothing_where_it_is_not_read_or_skipped() {
    for options in [ArchiveOptions::default(), ArchiveOptions::own()] {
        let mut names = Vec::new();
        let mut tar = &giant()[..];
        read_archive(Input::Stream(&mut tar), &options, &mut |entry, _| {
            names.push(entry.path.clone());
            Ok::<_, io::Error>(())
        })
        .unwrap();
        assert_eq!(names, [&b"giant"[..], b"after"]);
    }
    let mut tar = &giant()[..];
    let mut contents = Vec::new();
    read_archive(
        Input::Stream(&mut tar),
        &ArchiveOptions::own(),
        &mut |entry, content| {
            let mut text = String::new();
            content.read_to_string(&mut text)?;
            contents.push((entry.size, entry.metadata.sparse.clone(), text));
            Ok::<_, io::Error>(())
        },
    )
    .unwrap();
    let end = i64::MAX as u64 - 1000;
    let giant = (Some(end + 1), Some(vec![(end, 1)]), "x".to_owned());
    assert_eq!(contents, [giant, (Some(1), None, "y".to_owned())]);
}

#[test]
fn endless_sparse_maps_are_refused() {
    let mut map = b"2000000\n".to_vec();
    map.resize(512, 0);
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"5"),
    ];
    let tar = TarBuilder::new().pax(records).file("f", map).build();
    assert_eq!(limit_hit(&tar, Limits::default()), LimitKind::SparseExtents);
}

#[test]
fn global_headers_cannot_pile_up() {
    let record = |i: u32| {
        let name = format!("SCHILY.xattr.user.a{i}");
        hashget_tests::tar_builder::pax_record(&name, &vec![b'v'; 30_000])
    };
    let tar = (0..4).fold(TarBuilder::new(), |tar, i| {
        tar.member(b'g', "g", "", record(i))
    });
    assert_eq!(
        limit_hit(&tar.file("f", "").build(), Limits::default()),
        LimitKind::GlobalBytes
    );
}
