//! Packages made to hurt: a clear error each, within a gigabyte of address space.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Output;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::real_packages::debs;
use hashget_tests::programs::{Client, all_text};

/// Submits `package` in a process that may not use more than a gigabyte.
fn submit(home: &Path, package: &Path, more: &[&str]) -> Output {
    let hashget = Client::new(home).command("hashget");
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "ulimit -v 1000000; exec \"$@\"", "sh"])
        .arg(hashget.get_program());
    for (name, value) in hashget.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    limited
        .args([
            "--submit",
            "http://localhost/package",
            "-p",
            "test",
            "--file",
        ])
        .arg(package)
        .args(more)
        .arg("--hashserver")
        .output()
        .unwrap()
}

fn gzip(path: &Path, write: impl FnOnce(&mut dyn Write)) {
    let mut gzip = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    write(&mut gzip);
    gzip.finish().unwrap();
}

fn tar_header(name: &str, kind: u8, size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].fill(b' ');
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn assert_refused(output: &Output, reason: &[&str]) {
    let told = all_text(output);
    assert!(!output.status.success(), "{told}");
    assert!(output.status.code().is_some(), "killed by a signal: {told}");
    assert!(!told.contains("panicked"), "{told}");
    assert!(
        reason.iter().any(|word| told.contains(word)),
        "none of {reason:?} in:\n{told}"
    );
}

#[test]
fn a_truncated_deb() {
    let temp = tempfile::tempdir().unwrap();
    let whole = fs::read(&debs()[0]).unwrap();
    let package = temp.path().join("cut.deb");
    fs::write(&package, &whole[..whole.len() / 2]).unwrap();
    let output = submit(&temp.path().join("home"), &package, &[]);
    assert_refused(&output, &["cut short"]);
}

#[test]
fn a_gzip_bomb() {
    let temp = tempfile::tempdir().unwrap();
    let package = temp.path().join("bomb.gz");
    gzip(&package, |gzip| {
        // Gzip in gzip: a thousandth of a thousandth.
        let mut inner = GzEncoder::new(gzip, Compression::best());
        let zeros = vec![0; 1 << 20];
        for _ in 0..4096 {
            inner.write_all(&zeros).unwrap();
        }
        inner.finish().unwrap();
    });
    let output = submit(&temp.path().join("home"), &package, &["--recursive"]);
    let told = all_text(&output);
    assert!(
        output.status.code().is_some() && !told.contains("panicked"),
        "{told}"
    );
}

#[test]
fn a_tar_with_a_million_entries() {
    let temp = tempfile::tempdir().unwrap();
    let package = temp.path().join("many.tar.gz");
    gzip(&package, |gzip| {
        for number in 0..1_000_000 {
            gzip.write_all(&tar_header(&format!("f{number}"), b'0', 0))
                .unwrap();
        }
        gzip.write_all(&[0; 1024]).unwrap();
    });
    let output = submit(&temp.path().join("home"), &package, &[]);
    assert!(output.status.success(), "{}", all_text(&output));
}

#[test]
fn a_pax_header_of_a_gigabyte() {
    let temp = tempfile::tempdir().unwrap();
    let package = temp.path().join("pax.tar.gz");
    gzip(&package, |gzip| {
        gzip.write_all(&tar_header("pax", b'x', 1 << 30)).unwrap();
        let spaces = vec![b' '; 1 << 20];
        for _ in 0..1024 {
            gzip.write_all(&spaces).unwrap();
        }
        gzip.write_all(&tar_header("file", b'0', 0)).unwrap();
        gzip.write_all(&[0; 1024]).unwrap();
    });
    let output = submit(&temp.path().join("home"), &package, &[]);
    assert_refused(&output, &["limit", "too large", "larger than"]);
}

#[test]
fn an_archive_with_names_that_lead_outside() {
    let temp = tempfile::tempdir().unwrap();
    for (number, name) in ["../escaped", "a/../../escaped", "/tmp/escaped-hashget-test"]
        .iter()
        .enumerate()
    {
        let archive = temp.path().join(format!("{number}.tar.gz"));
        gzip(&archive, |gzip| {
            gzip.write_all(&tar_header(name, b'0', 3)).unwrap();
            let mut block = [0; 512];
            block[..3].copy_from_slice(b"bad");
            gzip.write_all(&block).unwrap();
            gzip.write_all(&[0; 1024]).unwrap();
        });
        let target = temp.path().join("deep/target");
        let client = Client::new(temp.path().join("home"));
        let output = client
            .command("hashget")
            .args([
                "-u",
                archive.to_str().unwrap(),
                "-C",
                target.to_str().unwrap(),
                "--hashserver",
            ])
            .output()
            .unwrap();
        assert_refused(&output, &["escaped"]);
        assert!(
            !temp.path().join("deep/escaped").exists() && !temp.path().join("escaped").exists()
        );
        assert!(!Path::new("/tmp/escaped-hashget-test").exists());
    }
}
