//! Real .deb files, fetched once for all tests of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Small packages that every Debian has, with programs, documents and links inside.
const NAMES: &[&str] = &["grep", "gzip", "hostname", "sed"];

/// A directory of real .deb files, from `apt-get download`.
///
/// # Panics
///
/// Where apt cannot deliver them: these tests need a Debian with package lists
/// (`apt-get update`).
pub(crate) fn deb_directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        // Below target/, so that a second run fetches nothing, and in place only when whole.
        let target = hashget_tests::programs::program("").join("e2e-debs");
        if !target.is_dir() {
            let temp = tempfile::tempdir_in(target.parent().unwrap()).unwrap();
            let output = Command::new("apt-get")
                .args(["download", "-q"])
                .args(NAMES)
                .current_dir(temp.path())
                .output()
                .unwrap_or_else(|error| panic!("apt-get: {error}"));
            assert!(
                output.status.success(),
                "apt-get download: {}",
                hashget_tests::programs::all_text(&output)
            );
            // Another test process may have been faster.
            if fs::rename(temp.path(), &target).is_ok() {
                let _moved: PathBuf = temp.keep();
            }
        }
        target
    })
}

/// The .deb files, by name.
pub(crate) fn debs() -> Vec<PathBuf> {
    let entries = fs::read_dir(deb_directory()).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    paths.sort();
    assert_eq!(paths.len(), NAMES.len(), "{paths:?}");
    paths
}

/// Unpacks every .deb into `tree`.
pub(crate) fn install_debs(tree: &Path) {
    for deb in debs() {
        let status = Command::new("dpkg-deb")
            .arg("-x")
            .arg(deb)
            .arg(tree)
            .status()
            .unwrap();
        assert!(status.success());
    }
}
