//! Archives made by other programs are read.
//!
//! Needs GNU tar, Python 3, bsdtar (Debian's libarchive-tools) and dpkg-deb.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::*;

/// Runs a program in `directory` and gives what it prints.
pub(super) fn run(directory: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("this test needs {program}, which does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    assert!(said.is_empty(), "{program} {arguments:?} complains: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A directory `tree` with a bit of everything that needs no privileges.
fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("tree");
    let deep = root.join("d".repeat(60)).join("e".repeat(90));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("long"), "deep down").unwrap();
    std::fs::write(root.join("file"), vec![b'x'; 1000]).unwrap();
    std::fs::write(root.join("gr\u{fc}n"), "utf-8").unwrap();
    std::fs::hard_link(root.join("file"), root.join("same")).unwrap();
    symlink("t".repeat(150), root.join("link")).unwrap();
    let holes = std::fs::File::create(root.join("holes")).unwrap();
    holes.set_len(400_000).unwrap();
    for at in 0..6 {
        holes.write_all_at(b"data", at * 65_536).unwrap();
    }
    directory
}

/// Every file of `tree` must come out with its content, by whatever name and link.
fn check_tree(directory: &Path, listing: Listing, kind: ArchiveKind) -> Vec<Seen> {
    let (found, seen) = listing.unwrap();
    assert_eq!(found, kind);
    let mut files = 0;
    for seen in &seen {
        let on_disk = directory.join(std::ffi::OsStr::from_bytes(&seen.entry.path));
        if seen.entry.kind == EntryKind::File {
            assert_eq!(
                seen.content,
                std::fs::read(&on_disk).unwrap(),
                "{}",
                on_disk.display()
            );
            files += 1;
        }
        if let EntryKind::Symlink { target } = &seen.entry.kind {
            assert_eq!(target, &vec![b't'; 150]);
        }
    }
    assert!(files >= 4, "{seen:?}");
    seen
}

fn archive(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("archive")).unwrap()
}

#[test]
fn gnu_tar_in_every_format() {
    let directory = tree();
    let directory = directory.path();
    for (format, sparse) in [
        ("gnu", None),
        ("gnu", Some("0.0")),
        ("pax", None),
        ("pax", Some("0.0")),
        ("pax", Some("0.1")),
        ("pax", Some("1.0")),
    ] {
        let format = format!("--format={format}");
        let sparse_version = format!("--sparse-version={}", sparse.unwrap_or("1.0"));
        let mut arguments = vec!["-cf", "archive", &format];
        if sparse.is_some() {
            arguments.extend(["--hole-detection=raw", "-S", &sparse_version]);
        }
        arguments.push("tree");
        run(directory, "tar", &arguments);
        let seen = check_tree(directory, list(&archive(directory)), ArchiveKind::Tar);
        let holes = seen
            .iter()
            .find(|seen| seen.path() == "tree/holes")
            .unwrap();
        assert_eq!(
            holes.entry.metadata.sparse.is_some(),
            sparse.is_some(),
            "{format} {sparse:?}"
        );
        let file = std::fs::metadata(directory.join("tree/file")).unwrap();
        let seen = seen.iter().find(|seen| seen.path() == "tree/file").unwrap();
        let mtime = seen.entry.metadata.mtime.unwrap();
        assert_eq!(mtime.seconds, file.mtime());
        if format == "--format=pax" {
            assert_eq!(i64::from(mtime.nanoseconds), file.mtime_nsec());
        }
    }
}

#[test]
fn gnu_tar_with_v7_and_ustar_headers() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("tree")).unwrap();
    std::fs::write(directory.path().join("tree/file"), "content").unwrap();
    for format in ["--format=v7", "--format=ustar", "--format=oldgnu"] {
        run(directory.path(), "tar", &["-cf", "archive", format, "tree"]);
        let (_, seen) = list(&archive(directory.path())).unwrap();
        assert_eq!(summary(&seen), ["tree/", "tree/file: content"]);
        assert_eq!(seen[0].entry.kind, EntryKind::Directory);
    }
}

#[test]
fn bsdtar_archives() {
    let directory = tree();
    let directory = directory.path();
    for arguments in [
        ["-cf", "archive", "--format=pax"],
        ["-cf", "archive", "--format=gnutar"],
        ["-czf", "archive", "--format=pax"],
        ["-cJf", "archive", "--format=pax"],
    ] {
        run(directory, "bsdtar", &[&arguments[..], &["tree"]].concat());
        check_tree(directory, list(&archive(directory)), ArchiveKind::Tar);
    }
    run(
        directory,
        "bsdtar",
        &["-cf", "archive", "--format=zip", "tree"],
    );
    check_tree(directory, list(&archive(directory)), ArchiveKind::Zip);
}

#[test]
fn python_archives() {
    const SCRIPT: &str = "
import sys, tarfile, zipfile
for name, format in ('pax', tarfile.PAX_FORMAT), ('gnu', tarfile.GNU_FORMAT):
    with tarfile.open(name, 'w', format=format) as archive:
        archive.add('tree')
with zipfile.ZipFile('zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    for name in 'tree/file', 'tree/gr\\u00fcn', 'tree/holes', 'tree/same':
        archive.write(name)
with open('stream', 'wb') as raw:
    class Pipe:
        def write(self, data): return raw.write(data)
        def flush(self): pass
    with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in 'tree/file', 'tree/gr\\u00fcn', 'tree/holes', 'tree/same':
            archive.write(name)
        with archive.open('tree/file', 'w', force_zip64=True) as member:
            member.write(b'x' * 1000)
";
    let directory = tree();
    let directory = directory.path();
    run(directory, "python3", &["-W", "ignore", "-c", SCRIPT]);
    for (name, kind) in [
        ("pax", ArchiveKind::Tar),
        ("gnu", ArchiveKind::Tar),
        ("zip", ArchiveKind::Zip),
        ("stream", ArchiveKind::Zip),
    ] {
        check_tree(
            directory,
            list(&std::fs::read(directory.join(name)).unwrap()),
            kind,
        );
    }
}

/// More members than 16 bits can count need zip64.
#[test]
fn a_zip64_directory() {
    const SCRIPT: &str = "
import zipfile
with zipfile.ZipFile('archive', 'w') as archive:
    for number in range(66000):
        archive.writestr(f'{number}', '')
";
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), "python3", &["-c", SCRIPT]);
    let (kind, seen) = list(&archive(directory.path())).unwrap();
    assert_eq!((kind, seen.len()), (ArchiveKind::Zip, 66_000));
}

#[test]
fn dpkg_deb_packages() {
    let directory = tempfile::tempdir().unwrap();
    let debian = directory.path().join("p/DEBIAN");
    std::fs::create_dir_all(&debian).unwrap();
    let control = "Package: p\nVersion: 1\nArchitecture: all\n\
        Maintainer: A <a@example.org>\nDescription: a test\n";
    std::fs::write(debian.join("control"), control).unwrap();
    std::fs::write(directory.path().join("p/file"), "content").unwrap();
    for compression in ["gzip", "xz", "zstd", "none"] {
        let option = format!("-Z{compression}");
        if compression == "zstd" && !dpkg_knows_zstd() {
            continue;
        }
        run(
            directory.path(),
            "dpkg-deb",
            &[&option, "--root-owner-group", "-b", "p", "archive"],
        );
        let (kind, seen) = list(&archive(directory.path())).unwrap();
        assert_eq!(kind, ArchiveKind::Deb);
        let control = format!("./control: {control}");
        assert_eq!(summary(&seen), ["./", &control, "./", "./file: content"]);
    }
}

fn dpkg_knows_zstd() -> bool {
    let help = Command::new("dpkg-deb").arg("--help").output().unwrap();
    String::from_utf8_lossy(&help.stdout).contains("zstd")
}
