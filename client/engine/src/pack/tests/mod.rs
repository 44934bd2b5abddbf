//! Packs real trees and looks at the archives with other programs.

mod compact;
mod fidelity;
mod property;
mod readers;
mod rules;
mod safety;
mod sized_zero;
mod sparse;
mod tree;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;
use hashget_words::restore_file::RestoreFile;

use super::*;
use hashget_files::monitor::{Level, Monitor, Problem, Task};
use hashget_sources::hash_db::{Found, FoundPackage, PackageLookup};

/// Packages by what they hold, in place of a database.
#[derive(Default)]
pub(super) struct FakeLookup {
    packages: Vec<(FoundPackage, Vec<Digest>)>,
}

impl FakeLookup {
    /// One package that holds files with these contents.
    pub(super) fn holding(contents: &[&[u8]]) -> Self {
        let mut lookup = Self::default();
        lookup.add("http://example.org/p.deb", contents);
        lookup
    }

    pub(super) fn add(&mut self, url: &str, contents: &[&[u8]]) {
        self.add_package(Digest::of(url.as_bytes()), url, contents);
    }

    pub(super) fn add_package(&mut self, sha256: Digest, url: &str, contents: &[&[u8]]) {
        let package = FoundPackage {
            sha256,
            url: url.to_owned(),
            size: Some(1000),
            expires: Expiry::Never,
            project: "test".parse::<ProjectName>().unwrap(),
            vouched: hashget_sources::hash_db::Vouched::Own,
        };
        let digests = contents.iter().map(|content| Digest::of(content)).collect();
        self.packages.push((package, digests));
    }
}

impl PackageLookup for FakeLookup {
    type Error = Infallible;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, Infallible> {
        assert!(needed.is_never());
        let holders = |digest: &Digest| {
            let all = self.packages.iter().enumerate();
            all.filter(|(_, (_, held))| held.contains(digest))
                .map(|(place, _)| place)
                .collect::<Vec<_>>()
        };
        Ok(Found {
            packages: self.packages.iter().map(|(p, _)| p.clone()).collect(),
            matches: digests.iter().map(holders).collect(),
        })
    }
}

/// Remembers what was told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) problems: Mutex<Vec<Problem>>,
    pub(super) messages: Mutex<Vec<(Level, String)>>,
}

impl Told {
    pub(super) fn problems(&self) -> Vec<String> {
        let problems = self.problems.lock().unwrap();
        problems
            .iter()
            .map(|p| format!("{}: {}", p.subject, p.what))
            .collect()
    }

    pub(super) fn messages(&self) -> String {
        let messages = self.messages.lock().unwrap();
        let texts: Vec<&str> = messages.iter().map(|(_, text)| text.as_str()).collect();
        texts.join("\n")
    }
}

impl Monitor for Told {
    fn message(&self, level: Level, text: &str) {
        self.messages.lock().unwrap().push((level, text.to_owned()));
    }
    fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap().push(problem.clone());
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

/// A directory to pack, and places beside it for what comes of it.
pub(super) struct Case {
    pub(super) directory: tempfile::TempDir,
    pub(super) told: Told,
}

impl Case {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tree")).unwrap();
        Self {
            directory,
            told: Told::default(),
        }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.directory.path().join("out.tar.gz")
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn pack(&self, lookup: &FakeLookup) -> PackStats {
        self.pack_with(lookup, &gzip()).unwrap()
    }

    pub(super) fn pack_with(
        &self,
        lookup: &FakeLookup,
        options: &PackOptions,
    ) -> Result<PackStats, PackError> {
        let output = Output::File(self.archive());
        pack(&self.root(), output, options, lookup, &self.told)
    }

    pub(super) fn scan(&self, options: &PackOptions) -> PackScan {
        PackScan::new(&self.root(), None, options, &self.told).unwrap()
    }

    /// Scans and plans; the archive is not written yet.
    pub(super) fn plan(&self, lookup: &FakeLookup, options: &PackOptions) -> Packing {
        let output = Output::File(self.archive());
        Packing::new(&self.root(), &output, options, lookup, &self.told).unwrap()
    }

    /// Unpacks the archive with GNU tar; gives where to, and the restore file.
    pub(super) fn unpack(&self) -> (PathBuf, RestoreFile) {
        let target = self.directory.path().join("unpacked");
        if target.exists() {
            std::fs::remove_dir_all(&target).unwrap();
        }
        std::fs::create_dir(&target).unwrap();
        run(Command::new("tar")
            .args(["--xattrs", "--xattrs-include=*", "-xpf"])
            .arg(self.archive())
            .arg("-C")
            .arg(&target));
        let list = target.join(RestoreFile::NAME);
        let restore_file = RestoreFile::parse(&std::fs::read(&list).unwrap()).unwrap();
        (target, restore_file)
    }

    /// The names in the archive, in order, as GNU tar lists them.
    pub(super) fn names(&self) -> Vec<String> {
        let listed = run(Command::new("tar").arg("-tf").arg(self.archive()));
        listed.lines().map(str::to_owned).collect()
    }
}

/// Packs as the program does.
pub(super) fn pack(
    root: &Path,
    output: Output,
    options: &PackOptions,
    lookup: &FakeLookup,
    told: &Told,
) -> Result<PackStats, PackError> {
    Packing::new(root, &output, options, lookup, told)?.write(output, None, told)
}

pub(super) fn gzip() -> PackOptions {
    PackOptions {
        compression: Compression::Gzip(1),
        // What a test changes is seen at once.
        fresh: Duration::ZERO,
        ..PackOptions::default()
    }
}

/// Runs a program that must succeed; gives what it printed.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The files in a restore file, by name.
pub(super) fn listed(
    file: &RestoreFile,
) -> BTreeMap<String, &hashget_words::restore_file::RestoreEntry> {
    file.files
        .iter()
        .map(|entry| (entry.file.to_string(), entry))
        .collect()
}

/// More than the default of `--filesz`.
pub(super) fn big(byte: u8) -> Vec<u8> {
    vec![byte; 5000]
}

pub(super) fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
