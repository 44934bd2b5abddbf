use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use hashget_archive::ArchiveKind;
use hashget_tests::compression::Compression;
use hashget_tests::deb_builder::DebBuilder;
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::zip_builder::ZipBuilder;
use hashget_words::digest::Digest;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use hashget_files::monitor::error_chain;
use hashget_sources::sources;

const URL: &str = "http://example.org/pool/a.deb";

fn options() -> RecordOptions {
    RecordOptions {
        anchsz: 5_000,
        ..RecordOptions::new(date(2030, 1, 2).at(3, 4, 5, 0))
    }
}

fn local(bytes: &[u8]) -> LocalPackage {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    LocalPackage {
        file: File::open(file.path()).unwrap(),
        path: file.path().to_owned(),
        sha256: Digest::of(bytes),
        size: bytes.len() as u64,
        origin: sources::Origin::Given,
    }
}

fn index(bytes: &[u8], options: &RecordOptions) -> Result<IndexedPackage, IndexPackageError> {
    index_package(&local(bytes), URL, &[], options)
}

/// Content of `size` bytes that differs by `seed`.
fn content(seed: u8, size: usize) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(size).collect()
}

const CONTROL: &str = "Package: vim\nVersion: 2:8.0-1\nArchitecture: amd64\nDescription: x\n y\n";

fn deb() -> Vec<u8> {
    DebBuilder::new()
        .control(CONTROL)
        .control_file("md5sums", content(9, 9_000))
        .file("usr/small", content(1, 1024))
        .file("usr/bin/file", content(2, 1025))
        .file("usr/bin/anchor", content(3, 5_001))
        .file("usr/bin/same", content(3, 5_001))
        .file("usr/share/Makefile", content(4, 10))
        .file("usr/share/empty", b"")
        .symlink("usr/bin/link", "anchor")
        .build()
}

#[test]
fn a_deb_becomes_its_record() {
    let bytes = deb();
    let indexed = index(&bytes, &options()).unwrap();
    let record = indexed.record;
    let of = |seed, size| Digest::of(&content(seed, size));
    let all = [of(1, 1024), of(2, 1025), of(3, 5_001), of(4, 10)];
    assert_eq!(record.files, all, "all but the empty one");
    assert_eq!(record.anchors, [of(3, 5_001)]);
    assert_eq!(record.digest(), Some(Digest::of(&bytes)));
    assert_eq!(record.signatures["url"], URL);
    assert_eq!(record.signatures["deb"], "vim_8.0-1_amd64");
    assert!(record.expires.is_never());
    let attrs = record.attrs;
    assert_eq!(attrs.size, Some(bytes.len() as u64));
    assert_eq!((attrs.filesz, attrs.anchorsz), (Some(0), Some(5_000)));
    assert_eq!(attrs.sum_size, Some(1024 + 1025 + 2 * 5_001 + 10));
    assert_eq!(attrs.indexed_size, attrs.sum_size);
    assert_eq!(attrs.crawled_date.as_deref(), Some("2030-01-02 03:04:05"));
    assert_eq!((indexed.kind, indexed.seen_files), (ArchiveKind::Deb, 6));
    assert_eq!(indexed.notes, [""; 0]);
}

#[test]
fn control_members_are_not_recorded() {
    let record = index(&deb(), &options()).unwrap().record;
    let control = Digest::of(&content(9, 9_000));
    assert!(!record.all_digests().contains(&control));
}

#[test]
fn both_hashes_of_the_package_are_recorded() {
    // The well-known digests of "abc".
    let indexed = index(b"abc", &options()).unwrap();
    let hashes: Vec<String> = indexed
        .record
        .hashes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        hashes,
        [
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "md5:900150983cd24fb0d6963f7d28e17f72",
        ]
    );
}

#[test]
fn what_is_no_archive_is_recorded_alone_with_a_note() {
    let indexed = index(&content(1, 50_000), &options()).unwrap();
    assert_eq!(indexed.kind, ArchiveKind::NotArchive);
    assert!(indexed.record.files.is_empty() && indexed.record.anchors.is_empty());
    assert_eq!(indexed.record.attrs.sum_size, Some(0));
    assert_eq!(indexed.notes.len(), 1);
}

#[test]
fn every_kind_of_archive_is_read() {
    let file = content(7, 3_000);
    let tar = TarBuilder::new().file("a", &file);
    let gzip = [
        Compression::Gzip.compress(&file[..1_000]),
        Compression::Gzip.compress(&file[1_000..]),
    ];
    for bytes in [
        tar.clone().build(),
        tar.clone().build_compressed(Compression::Gzip),
        tar.clone().build_compressed(Compression::Xz),
        tar.clone().build_compressed(Compression::Zstd),
        tar.build_compressed(Compression::Bzip2),
        ZipBuilder::new().file("a", &file).build(),
        ZipBuilder::new()
            .with_descriptors()
            .file("a", &file)
            .build(),
        gzip.concat(),
    ] {
        let indexed = index(&bytes, &options()).unwrap();
        assert_eq!(
            indexed.record.files,
            [Digest::of(&file)],
            "{:?}",
            indexed.kind
        );
        assert_eq!(indexed.record.attrs.indexed_size, Some(3_000));
        assert!(!indexed.record.signatures.contains_key("deb"));
    }
}

#[test]
fn forced_anchors_are_anchors_whatever_their_size() {
    for pattern in [
        "usr/share/Makefile",
        "usr/share/*",
        "*Makefile",
        ".*Makefile",
        "usr/sha",
    ] {
        let options = RecordOptions {
            forced_anchors: AnchorPatterns::new(&[pattern.to_owned()]).unwrap(),
            filesz: Some(1024),
            ..options()
        };
        let record = index(&deb(), &options).unwrap().record;
        let makefile = Digest::of(&content(4, 10));
        assert!(record.anchors.contains(&makefile), "{pattern}");
        assert!(!record.files.contains(&makefile), "{pattern}");
        assert!(!record.anchors.contains(&Digest::of(b"")), "{pattern}");
    }
}

#[test]
fn nothing_but_anchors_is_recorded_without_filesz() {
    let options = RecordOptions {
        filesz: None,
        ..options()
    };
    let record = index(&deb(), &options).unwrap().record;
    assert!(record.files.is_empty());
    assert_eq!(record.anchors.len(), 1);
    assert_eq!(record.attrs.filesz, Some(-1));
}

#[test]
fn a_filesz_that_is_given_counts_as_in_the_original() {
    let options = RecordOptions {
        filesz: Some(1024),
        ..options()
    };
    let record = index(&deb(), &options).unwrap().record;
    let of = |seed, size| Digest::of(&content(seed, size));
    assert_eq!(record.files, [of(2, 1025), of(3, 5_001)]);
    assert_eq!(record.attrs.filesz, Some(1024));
    assert_eq!(record.attrs.indexed_size, Some(1025 + 2 * 5_001));
}

#[test]
fn archives_inside_are_read_only_when_asked_for() {
    let inner = content(5, 2_000);
    let nested = TarBuilder::new()
        .file("x", &inner)
        .build_compressed(Compression::Gzip);
    let broken = &TarBuilder::new()
        .file("x", content(6, 9_000))
        .build_compressed(Compression::Xz)[..4_000];
    let bytes = TarBuilder::new()
        .file("nested.tar.gz", &nested)
        .file("broken.tar.xz", broken)
        .build();
    let plain = index(&bytes, &options()).unwrap();
    assert_eq!(
        plain.record.files,
        [Digest::of(&nested), Digest::of(broken)]
    );
    let recursive = RecordOptions {
        recursive: true,
        ..options()
    };
    let deep = index(&bytes, &recursive).unwrap();
    assert!(deep.record.files.contains(&Digest::of(&inner)));
    assert!(deep.record.files.contains(&Digest::of(&nested)));
    assert_eq!(deep.notes.len(), 1);
    assert!(
        deep.notes[0].starts_with("broken.tar.xz: "),
        "{:?}",
        deep.notes
    );
}

#[test]
fn given_signatures_join_and_replace_those_found() {
    let given = ["deb:other_1_all", "mine:x"].map(|text| text.parse().unwrap());
    let package = local(&deb());
    let record = index_package(&package, URL, &given, &options())
        .unwrap()
        .record;
    assert_eq!(record.signatures["deb"], "other_1_all");
    assert_eq!(record.signatures["mine"], "x");
    assert_eq!(record.signatures.len(), 3);
}

#[test]
fn a_broken_archive_is_an_error_and_no_record() {
    let bytes = deb();
    for cut in [bytes.len() - 1, bytes.len() / 2, 100] {
        let error = index(&bytes[..cut], &options()).unwrap_err();
        assert!(
            matches!(error, IndexPackageError::Archive { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(URL));
    }
}

#[test]
fn a_bomb_ends_at_the_limits() {
    let zeros = TarBuilder::new()
        .file("z", vec![0; 4 << 20])
        .build_compressed(Compression::Gzip);
    let options = RecordOptions {
        limits: Limits {
            max_total_bytes: 1 << 20,
            ..Limits::default()
        },
        ..options()
    };
    let error = index(&zeros, &options).unwrap_err();
    assert!(
        error_chain(&error).contains("max_total_bytes"),
        "{}",
        error_chain(&error)
    );
}

/// Packages of the distribution, where there is one.
#[test]
fn real_debs_agree_with_dpkg() {
    let directory = tempfile::tempdir().unwrap();
    let apt = Command::new("apt-get")
        .args(["download", "hostname", "sysvinit-utils"])
        .current_dir(directory.path())
        .output();
    if !apt.is_ok_and(|output| output.status.success()) {
        return a_deb_becomes_its_record();
    }
    for entry in fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let record = index(&fs::read(&path).unwrap(), &options()).unwrap().record;
        let tree = tempfile::tempdir().unwrap();
        let unpacked = Command::new("dpkg")
            .arg("-x")
            .arg(&path)
            .arg(tree.path())
            .status();
        assert!(unpacked.unwrap().success());
        let mut expected = Vec::new();
        digests_below(tree.path(), &mut expected);
        let mut files = record.files.clone();
        files.sort();
        expected.sort();
        expected.dedup();
        assert_eq!(files, expected, "{}", path.display());
        let name = path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .replace("%3a", ":");
        let (package, rest) = name.split_once('_').unwrap();
        let version = rest.split_once(':').map_or(rest, |(_, version)| version);
        assert_eq!(record.signatures["deb"], format!("{package}_{version}"));
    }
}

fn digests_below(directory: &Path, digests: &mut Vec<Digest>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            digests_below(&path, digests);
        } else if metadata.is_file() && metadata.len() > 0 {
            digests.push(Digest::of(&fs::read(path).unwrap()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is in a package: the digests above the size, in order, each once.
    #[test]
    fn records_hold_what_a_package_holds(
        files in prop::collection::vec((0_u8..4, 0_usize..4_000), 0..12),
        filesz in 0_u64..3_000,
        anchsz in 0_u64..3_000,
    ) {
        let mut tar = TarBuilder::new();
        let (mut above, mut anchors) = (Vec::new(), Vec::new());
        for (place, (seed, size)) in files.iter().enumerate() {
            let bytes = content(*seed, *size);
            let digest = Digest::of(&bytes);
            for (digests, least) in [(&mut above, filesz), (&mut anchors, anchsz)] {
                if bytes.len() as u64 > least && !digests.contains(&digest) {
                    digests.push(digest);
                }
            }
            tar = tar.file(format!("f{place}"), bytes);
        }
        let options = RecordOptions { filesz: Some(filesz), anchsz, ..options() };
        let bytes = tar.build();
        let indexed = index(&bytes, &options).unwrap();
        prop_assert_eq!(&indexed.record.files, &above);
        prop_assert_eq!(&indexed.record.anchors, &anchors);
        prop_assert_eq!(index(&bytes, &options).unwrap(), indexed);
    }

    #[test]
    fn any_bytes_are_indexed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _result = index(&bytes, &options()).is_ok();
    }
}
