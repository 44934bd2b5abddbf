//! Every sample under `tests/testdata/formats` is read for ever.

use std::path::PathBuf;

use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::restore_file::{RestoreFile, RestoreFileError};
use hashget_words::signature::Signature;

fn sample(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/testdata/formats");
    let path = root.join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn record(name: &str) -> HashPackage {
    serde_json::from_slice(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn restore_file(name: &str) -> RestoreFile {
    RestoreFile::parse(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_full_record_of_the_original() {
    let vim = record("original/record.json");
    assert_eq!(vim.name(), "vim-common_8.0.0197-4+deb9u1_all.deb");
    assert_eq!(
        (vim.files.len(), vim.anchors.len(), vim.hashes.len()),
        (3, 1, 2)
    );
    assert_eq!(vim.attrs.size, Some(293_526));
    assert_eq!(vim.expires, "2019-06-01".parse::<Expiry>().unwrap());
    assert!(vim.has_signature(&Signature::new("deb", "vim-common_8.0.0197-4+deb9u1_all").unwrap()));
    let again: HashPackage = serde_json::from_str(&serde_json::to_string(&vim).unwrap()).unwrap();
    assert_eq!(again, vim);
}

#[test]
fn an_old_record_with_members_missing() {
    let old = record("original/record-members-missing.json");
    assert!(old.anchors.is_empty() && old.expires.is_never());
    assert_eq!(old.attrs.size, Some(11));
    assert!(old.digest().is_some());
}

#[test]
fn a_record_of_cold_storage_with_members_of_the_future() {
    let cold = record("original/record-cold-storage.json");
    assert!(!cold.is_downloadable());
    assert_eq!(cold.name(), "id-7");
    assert_eq!(cold.attrs.other["note"], "cold");
    assert_eq!(cold.attrs.filesz, Some(-1));
}

#[test]
fn a_restore_file_of_the_original() {
    let file = restore_file("original/restore.json");
    assert_eq!(file.version, None);
    assert_eq!(file.packagesize, 104_874_548);
    assert!(file.packagesize_exact);
    let names: Vec<&[u8]> = file
        .files
        .iter()
        .map(|entry| entry.file.as_bytes())
        .collect();
    assert_eq!(
        names,
        [
            &b"usr/bin/vim"[..],
            b"caf\xe9/menu \xff.txt",
            "smile \u{1f600}/\u{fc}\n[x]*".as_bytes()
        ]
    );
    assert_eq!(file.files[0].permissions(), Some(0o755));
}

#[test]
fn a_restore_file_with_members_missing() {
    let file = restore_file("original/restore-members-missing.json");
    assert_eq!((file.files.len(), file.packages.len()), (1, 1));
    assert_eq!(file.files[0].permissions(), None);
    assert!(!file.packagesize_exact && file.expires.is_never());
    assert!(restore_file("original/restore-empty.json").files.is_empty());
}

#[test]
fn version_1_is_read_and_written_to_the_byte() {
    let file = restore_file("v1/restore.json");
    assert_eq!(file.files[0].permissions(), Some(0o4755));
    assert_eq!(file.files[0].xattrs[1].name, b"user.caf\xe9");
    assert_eq!(file.files[1].hardlink, Some(file.files[0].file.clone()));
    assert_eq!(
        file.files[2].extents.as_deref(),
        Some(&[(0, 4096), (8_999_995_904, 4096)][..])
    );
    assert!(file.directories[0].directory.is_root());
    let written = file.to_json().unwrap();
    assert_eq!(
        String::from_utf8(written),
        String::from_utf8(sample("v1/restore-with-check.json"))
    );
    assert_eq!(restore_file("v1/restore-with-check.json"), file);
}

#[test]
fn a_restore_file_shows_when_a_byte_of_it_changed() {
    let whole = sample("v1/restore-with-check.json");
    let right = RestoreFile::parse(&whole).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            // Only in the name of the checksum a change is not seen, and then nothing else changed.
            if let Ok(read) = RestoreFile::parse(&changed) {
                assert_eq!(read, right, "bit {bit} of byte {at}");
            }
        }
    }
    let one_line: Vec<u8> = whole.into_iter().filter(|byte| *byte != b'\n').collect();
    assert!(matches!(
        RestoreFile::parse(&one_line),
        Err(RestoreFileError::Changed)
    ));
}

#[test]
fn a_compact_restore_file() {
    let file = restore_file("v2/restore.json");
    assert_eq!(file.version, Some(2));
    assert_eq!(file.files.len(), 1);
    let members = &file.members[0];
    assert_eq!(members.package, file.packages[0].hash);
    assert_eq!(members.from.as_bytes(), b"src-1.0");
    assert_eq!(members.into.as_bytes(), b"opt/src");
    assert_eq!(
        (members.files, members.bytes, members.directories),
        (26, 60_115, 5)
    );
    assert_eq!(members.except[0].as_bytes(), b"README");
    assert_eq!(members.except_below[0].as_bytes(), b"lib/part1");
    assert_eq!(members.umask, 0o022);
    assert_eq!(members.owner.as_ref().map(|owner| owner.uid), Some(1000));
    assert_eq!((file.files_count(), file.files_bytes()), (27, 61_115));
    let written = file.to_json().unwrap();
    assert_eq!(
        String::from_utf8(written),
        String::from_utf8(sample("v2/restore.json"))
    );
    // The original takes what is under this name, and knows of no members.
    let text = String::from_utf8(sample("v2/restore.json")).unwrap();
    assert!(!text.contains("\"files\": ["));
}

#[test]
fn members_are_of_version_2() {
    let json = br#"{"version": 1, "members": [], "listed": []}"#;
    assert!(RestoreFile::parse(json).is_err());
}

#[test]
fn a_newer_version_is_refused() {
    let newer = br#"{"version": 3, "files": "in a form of the future"}"#;
    assert!(matches!(
        RestoreFile::parse(newer),
        Err(RestoreFileError::Version { found: 3 })
    ));
}

#[test]
fn contradictions_are_refused() {
    let hash = "0".repeat(64);
    let entry =
        |file: &str, more: &str| format!(r#"{{"file": "{file}", "sha256": "{hash}"{more}}}"#);
    for files in [
        entry(".", ""),
        entry("../x", ""),
        entry("/etc/passwd", ""),
        format!("{}, {}", entry("a", ""), entry("./a", "")),
        entry("a", r#", "hardlink": "a""#),
        entry("a", r#", "size": 9, "extents": [[8, 2]]"#),
        entry("a", r#", "extents": [[8, 2], [9, 1]]"#),
        entry("a", r#", "extents": [[18446744073709551615, 1]]"#),
        entry("a", r#", "mtime_ns": 1000000000"#),
        entry("a", r#", "size": -1"#),
    ] {
        let json = format!(r#"{{"files": [{files}], "packages": []}}"#);
        assert!(RestoreFile::parse(json.as_bytes()).is_err(), "{json}");
    }
    for other in ["{}", "[]", "[1]", "7", "", "null"] {
        assert!(RestoreFile::parse(other.as_bytes()).is_err(), "{other}");
    }
    assert!(matches!(
        RestoreFile::parse(b"{\"a\": \"\xff\"}"),
        Err(RestoreFileError::NotUtf8(7))
    ));
}
