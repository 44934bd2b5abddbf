use hashget_tests::zip_builder::ZipBuilder;

use super::*;

#[test]
fn members_of_every_type() {
    let zip = ZipBuilder::new()
        .directory("d/")
        .file("d/deflated", "text ".repeat(100))
        .stored("d/stored", "as it is")
        .symlink("link", "d/stored")
        .file("empty", "")
        .build();
    let (kind, seen) = list(&zip).unwrap();
    assert_eq!(kind, ArchiveKind::Zip);
    assert_eq!(seen[0].entry.kind, EntryKind::Directory);
    assert_eq!(seen[1].content, "text ".repeat(100).into_bytes());
    assert_eq!(seen[2].content, b"as it is");
    assert_eq!(
        seen[3].entry.kind,
        EntryKind::Symlink {
            target: b"d/stored".to_vec()
        }
    );
    assert_eq!(seen[4].entry.size, Some(0));
    assert_eq!(seen[1].entry.metadata.mode, Some(0o644));
}

/// Streaming readers cannot know where such members end.
#[test]
fn zip_descriptor_sizes_come_from_the_directory() {
    let zip = ZipBuilder::new()
        .with_descriptors()
        .file("a", "one")
        .stored("b", "two")
        .build();
    let (_, seen) = list(&zip).unwrap();
    assert_eq!(summary(&seen), ["a: one", "b: two"]);
}

#[test]
fn an_empty_zip_is_one() {
    assert_eq!(
        list(&ZipBuilder::new().build()).unwrap(),
        (ArchiveKind::Zip, vec![])
    );
}

#[test]
fn a_wrong_checksum_is_an_error() {
    let mut zip = ZipBuilder::new().stored("a", "content").build();
    let at = zip
        .windows(7)
        .position(|bytes| bytes == b"content")
        .unwrap();
    zip[at] ^= 1;
    let error = archive_error(list(&zip));
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[test]
fn members_that_cannot_be_read_are_left_out_and_told() {
    let zip = ZipBuilder::new()
        .member("odd", "x", 97, 0o100_644)
        .file("open", "x")
        .marked_encrypted()
        .file("secret", "y")
        .build();
    let (kind, seen, told) = list_told(&zip);
    assert_eq!(kind, ArchiveKind::Zip);
    assert_eq!(summary(&seen), ["open: x"]);
    assert_eq!(
        told,
        [
            "left out: zip archive uses what is not supported, `odd`: compression method 97",
            "left out: `secret` is encrypted; decrypt the archive first"
        ]
    );
    let strict = ArchiveOptions {
        require_end: true,
        ..ArchiveOptions::default()
    };
    let error = archive_error(list_with(&zip, &strict));
    assert!(matches!(error, ArchiveError::Unsupported { .. }), "{error}");
}

#[test]
fn the_directory_decides_on_names() {
    let mut zip = ZipBuilder::new().file("name", "x").build();
    zip[30] = b'g';
    assert_eq!(summary(&list(&zip).unwrap().1), ["name: x"]);
}

/// Self-extracting programs and zipapps. Some programs count what is before the zip in its
/// offsets, others do not.
#[test]
fn a_zip_behind_a_program_is_one() {
    let zip = ZipBuilder::new().file("name", "x").build();
    let starts: [&[u8]; 3] = [b"#!/usr/bin/python3\n", b"MZ a program", b"\x7fELF"];
    for start in starts {
        let mut behind = [start, &zip].concat();
        let (kind, seen) = list(&behind).unwrap();
        assert_eq!(kind, ArchiveKind::Zip);
        assert_eq!(summary(&seen), ["name: x"]);
        let end = behind.len() - 6;
        let added = u8::try_from(start.len()).unwrap();
        behind[end] += added;
        let directory = behind.windows(4).position(|at| at == b"PK\x01\x02");
        behind[directory.unwrap() + 42] += added;
        assert_eq!(list(&behind).unwrap(), (kind, seen));
    }
}

#[test]
fn a_program_that_knows_the_marks_of_zips_is_no_zip() {
    let zip = ZipBuilder::new().file("name", "x").build();
    let end = zip.windows(4).position(|at| at == b"PK\x05\x06").unwrap();
    let empty = ZipBuilder::new().build();
    for rest in [&b"PK\x05\x06"[..], &zip[end..], &empty, b"PK\x01\x02"] {
        let program = [b"MZ a program", rest, &[1; 40]].concat();
        assert_eq!(list(&program).unwrap().0, ArchiveKind::NotArchive);
    }
}

#[test]
fn bytes_between_and_after_the_parts_of_a_zip_are_no_trouble() {
    let zip = ZipBuilder::new().file("name", "x").build();
    let whole = list(&zip).unwrap();
    let after = [&zip[..], &[7; 3000]].concat();
    assert_eq!(list(&after).unwrap(), whole);
    let end = zip.windows(4).position(|at| at == b"PK\x05\x06").unwrap();
    let between = [&zip[..end], b"a signature", &zip[end..]].concat();
    assert_eq!(list(&between).unwrap(), whole);
}

#[test]
fn a_gap_between_two_members_is_no_trouble() {
    let zip = ZipBuilder::new().stored("a", "1").stored("b", "2").build();
    let whole = list(&zip).unwrap();
    let last = |zip: &[u8], mark: &[u8]| zip.windows(4).rposition(|at| at == mark).unwrap();
    let gap = [9; 10];
    let second = last(&zip, b"PK\x03\x04");
    let mut zip = [&zip[..second], &gap, &zip[second..]].concat();
    let (record, end) = (last(&zip, b"PK\x01\x02"), last(&zip, b"PK\x05\x06"));
    zip[record + 42] += 10;
    zip[end + 16] += 10;
    assert_eq!(list(&zip).unwrap(), whole);
}

/// The last member of a zip that is cut short may be a zip, which ends as the whole would.
#[test]
fn a_zip_cut_behind_a_zip_in_it_is_an_error() {
    let inner = ZipBuilder::new().file("inner", "x").build();
    let outer = ZipBuilder::new()
        .stored("in.zip", &inner)
        .stored("last", "y")
        .build();
    let at = 30 + "in.zip".len() + inner.len();
    for cut in at..at + 30 {
        assert!(list(&outer[..cut]).is_err(), "cut at {cut}");
    }
}
