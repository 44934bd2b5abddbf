use hashget_tests::compression::Compression as Packing;
use hashget_tests::deb_builder::DebBuilder;
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::zip_builder::ZipBuilder;

use super::*;

#[test]
fn archives_in_archives_are_visited_after_their_file() {
    let zip = ZipBuilder::new().file("z", "in zip").build();
    let tar = TarBuilder::new().file("in.zip", &zip).file("t", "in tar");
    let tar = tar.build_compressed(Packing::Xz);
    let deb = DebBuilder::new()
        .control("c")
        .file("in.tar.xz", &tar)
        .build();
    let outer = ZipBuilder::new()
        .file("in.deb", &deb)
        .stored("last", "x")
        .build();
    let (kind, seen) = list_with(&outer, &recursive()).unwrap();
    assert_eq!(kind, ArchiveKind::Zip);
    let places: Vec<_> = seen
        .iter()
        .map(|s| (s.path(), s.entry.depth, s.entry.origin))
        .collect();
    let nested = |path: &str, depth| (path.to_owned(), depth, Origin::Nested);
    assert_eq!(
        places,
        [
            ("in.deb".to_owned(), 0, Origin::Member),
            nested("in.deb/./control", 1),
            nested("in.deb/./", 1),
            nested("in.deb/./in.tar.xz", 1),
            nested("in.deb/./in.tar.xz/in.zip", 2),
            nested("in.deb/./in.tar.xz/in.zip/z", 3),
            nested("in.deb/./in.tar.xz/t", 2),
            ("last".to_owned(), 0, Origin::Member),
        ]
    );
    assert_eq!(seen[0].content, deb);
    assert_eq!(seen[5].content, b"in zip");
    assert_eq!(
        list(&outer).unwrap().1.len(),
        2,
        "not asked to go into archives"
    );
}

#[test]
fn a_single_compressed_file_is_nested_too() {
    let packed = Packing::Bzip2.compress(b"text");
    let tar = TarBuilder::new().file("a.bz2", &packed).build();
    let (_, seen) = list_with(&tar, &recursive()).unwrap();
    assert_eq!(seen[1].path(), "a.bz2/");
    assert_eq!(seen[1].content, b"text");
}

#[test]
fn a_broken_nested_archive_is_reported_and_passed() {
    let gz = Packing::Gzip.compress(&TarBuilder::new().file("x", vec![1; 9000]).build());
    let tar = TarBuilder::new()
        .file("bad.gz", &gz[..gz.len() / 2])
        .file("good", "1")
        .build();
    let (options, reports) = reporting(recursive());
    let mut seen = Vec::new();
    let kind = visit_all(Input::Stream(&mut tar.as_slice()), &options, &mut seen).unwrap();
    assert_eq!(kind, ArchiveKind::Tar);
    assert_eq!(seen[0].path(), "bad.gz");
    assert_eq!(seen[0].content, &gz[..gz.len() / 2]);
    assert_eq!(seen.last().unwrap().path(), "good");
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 1);
    assert!(
        reports[0].starts_with("bad.gz: gzip data is damaged"),
        "{reports:?}"
    );
}

#[test]
fn depth_and_spool_limits_leave_the_file_itself() {
    let inner = TarBuilder::new().file("x", vec![1; 9000]).build();
    let tar = TarBuilder::new()
        .file("in.tar", &inner)
        .file("after", "1")
        .build();
    let limits = [
        Limits {
            max_depth: 0,
            ..Limits::default()
        },
        Limits {
            max_spool_bytes: 4000,
            ..Limits::default()
        },
    ];
    for limits in limits {
        let (options, reports) = reporting(recursive());
        let options = ArchiveOptions { limits, ..options };
        let mut seen = Vec::new();
        visit_all(Input::Stream(&mut tar.as_slice()), &options, &mut seen).unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].content, inner);
        assert_eq!(reports.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_short_outer_archive_is_an_error_even_in_a_nested_one() {
    let inner = TarBuilder::new().file("x", vec![1; 9000]).build();
    let tar = TarBuilder::new().file("in.tar", &inner).build();
    let error = archive_error(list_with(&tar[..5000], &recursive()));
    assert!(matches!(error, ArchiveError::Truncated { .. }), "{error}");
}

#[test]
fn a_cut_beyond_the_spool_is_told_as_what_it_is() {
    let inner = TarBuilder::new().file("x", vec![1; 9000]).build();
    let tar = TarBuilder::new().file("in.tar", &inner).build();
    let limits = Limits {
        max_spool_bytes: 1000,
        ..Limits::default()
    };
    let error = archive_error(list_with(
        &tar[..5000],
        &ArchiveOptions {
            limits,
            ..recursive()
        },
    ));
    assert!(matches!(error, ArchiveError::Truncated { .. }), "{error}");
}
