//! Small archives of each kind, cut at every byte and flipped at every bit.

use hashget_tests::compression::Compression as Packing;
use hashget_tests::deb_builder::DebBuilder;
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::zip_builder::ZipBuilder;

use super::*;

fn tar() -> TarBuilder {
    let noise: Vec<u8> = (0..700_u32).map(|i| (i * i % 251) as u8).collect();
    TarBuilder::new()
        .directory("d/")
        .pax(&[("SCHILY.xattr.user.x", b"a\nb"), ("mtime", b"1.5")])
        .file("d/f", noise)
        .symlink("n/".repeat(60), "target")
        .file("last", "text")
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let mut samples = vec![
        ("tar", tar().build()),
        (
            "zip",
            ZipBuilder::new()
                .file("a", "x".repeat(99))
                .stored("b", "text")
                .build(),
        ),
        (
            "zip with descriptors",
            ZipBuilder::new()
                .with_descriptors()
                .file("a", "text")
                .build(),
        ),
    ];
    for packing in Packing::ALL {
        if packing != Packing::Plain {
            samples.push(("compressed tar", packing.compress(&tar().build())));
            samples.push(("compressed file", packing.compress(b"some text, not a tar")));
        }
        let deb = DebBuilder::new()
            .control("Package: a\n")
            .file("f", "text")
            .compression(packing);
        samples.push(("deb", deb.build()));
    }
    samples
}

fn read(bytes: &[u8]) -> (Result<ArchiveKind, ReadError<io::Error>>, Vec<Seen>) {
    let mut seen = Vec::new();
    let limits = Limits {
        max_total_bytes: 1 << 20,
        ..Limits::default()
    };
    let options = ArchiveOptions {
        limits,
        ..recursive()
    };
    let mut stream = bytes;
    let result = visit_all(Input::Stream(&mut stream), &options, &mut seen);
    (result, seen)
}

#[test]
fn a_cut_archive_is_an_error_and_never_a_short_file() {
    for (name, whole) in samples() {
        let (kind, all) = read(&whole);
        let kind = kind.unwrap();
        for cut in 0..whole.len() {
            let (result, seen) = read(&whole[..cut]);
            match result {
                Err(ReadError::Archive(_)) => {}
                Ok(ArchiveKind::NotArchive) => assert!(seen.is_empty()),
                // A plain tar may end at a header boundary, a package without its last padding.
                Ok(found) => {
                    assert_eq!(found, kind, "{name} cut at {cut}");
                    assert!(all.starts_with(&seen), "{name} cut at {cut}");
                    let may_be_shorter = name == "tar";
                    assert!(may_be_shorter || seen == all, "{name} cut at {cut}");
                }
                Err(other) => panic!("{name} cut at {cut}: {other}"),
            }
            // Single compressed files have no size; their content is whole or an error.
            if kind != ArchiveKind::NotArchive && name != "compressed file" {
                let files = seen.iter().zip(&all);
                assert!(
                    files.clone().all(|(seen, whole)| seen == whole),
                    "{name} cut at {cut}"
                );
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    for (_, whole) in samples() {
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            drop(read(&bytes));
        }
    }
}
