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
fn an_encrypted_member_is_a_clear_error() {
    let zip = ZipBuilder::new()
        .file("open", "x")
        .marked_encrypted()
        .file("secret", "y")
        .build();
    let error = archive_error(list(&zip));
    assert_eq!(
        error.to_string(),
        "`secret` is encrypted; decrypt the archive first"
    );
}

#[test]
fn both_names_of_a_member_must_agree() {
    let mut zip = ZipBuilder::new().file("name", "x").build();
    zip[30] = b'g';
    assert!(
        archive_error(list(&zip))
            .to_string()
            .contains("another name")
    );
}

#[test]
fn bytes_before_the_zip_are_no_trouble() {
    // Recognised by content, such a file is no zip; but the start marker of split zips may stay.
    let zip = ZipBuilder::new().file("name", "x").build();
    assert_eq!(
        list(&[b"MZ..".as_slice(), &zip].concat()).unwrap().0,
        ArchiveKind::NotArchive
    );
}
