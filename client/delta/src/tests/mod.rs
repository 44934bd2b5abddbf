//! Deltas of whole directories.

mod apply;
mod diff;
mod edit;
mod frozen;
mod kill;
mod property;

use std::path::{Path, PathBuf};

use hashget_tests::{Random, RandomTree};
use tempfile::TempDir;

use super::*;
use hashget_files::monitor::Silent;

/// Directories of one test.
pub(super) struct Lab {
    temp: TempDir,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self {
            temp: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// A new, empty directory.
    pub(super) fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap();
        path
    }

    /// A random tree; the same seed gives the same tree.
    pub(super) fn tree(&self, name: &str, seed: u64) -> PathBuf {
        let path = self.directory(name);
        RandomTree::grow(&path, 60, &mut Random::new(seed)).unwrap();
        path
    }

    /// A random tree that was edited; the same seeds give the same tree.
    pub(super) fn edited(&self, name: &str, seed: u64, edits: u64) -> PathBuf {
        let path = self.tree(name, seed);
        edit::edit(&path, &mut Random::new(seed ^ 0xED17), edits);
        path
    }

    /// The delta from `old` to `new`, by the signatures or by the old files.
    pub(super) fn delta(&self, old: &Path, new: &Path, by_files: bool) -> PathBuf {
        let path = self.path(if by_files { "files.tgz" } else { "index.tgz" });
        make(old, new, &path, by_files).unwrap();
        path
    }
}

pub(super) fn index(directory: &Path) -> DirIndex {
    let options = IndexOptions {
        signatures: true,
        ..IndexOptions::default()
    };
    DirIndex::of_directory(directory, &options, &Silent).unwrap()
}

pub(super) fn make(
    old: &Path,
    new: &Path,
    path: &Path,
    by_files: bool,
) -> Result<DeltaStats, DeltaError> {
    let (was, is) = (index(old), index(new));
    let diff = DiffIndex::compute(&was, &is)?;
    let files = if by_files {
        OldFiles::Directory(old)
    } else {
        OldFiles::Signatures(&was.signatures)
    };
    DiffData::new(diff, files, new).create_archive(path, &DataOptions::default(), &Silent)
}

pub(super) const UNSYNCED: ApplyOptions = ApplyOptions { sync: false };
