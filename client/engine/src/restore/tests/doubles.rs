//! Packages in memory, and a monitor that remembers.

pub(crate) use hashget_files::monitor::Kept as Log;
use hashget_files::monitor::Monitor;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use hashget_tests::tar_builder::TarBuilder;
use hashget_words::digest::{Digest, HashSpec};
use hashget_words::expiry::Expiry;
use hashget_words::restore_file::RestorePackage;

use crate::restore::{RestoreSources, SourceFailure, SourceReport};
use hashget_sources::hash_db::{Found, FoundPackage};
use hashget_sources::sources::{LocalPackage, Origin, PackageRef};

/// Packages in memory, and what is known about them.
#[derive(Debug, Default)]
pub(crate) struct TestSources {
    pub(crate) packages: HashMap<Digest, Vec<u8>>,
    pub(crate) records: BTreeMap<Digest, HashSet<Digest>>,
    pub(crate) singles: HashMap<Digest, Vec<u8>>,
    pub(crate) fetched: Mutex<Vec<String>>,
    /// Whether packages are had without a download.
    pub(crate) at_hand: bool,
}

impl TestSources {
    /// Adds a tar package with these contents; gives it as a restore file names it.
    pub(crate) fn add(&mut self, contents: &[&[u8]]) -> RestorePackage {
        let mut tar = TarBuilder::new();
        for (number, content) in contents.iter().enumerate() {
            tar = tar.file(format!("./file{number}"), content);
        }
        self.add_bytes(tar.build())
    }

    pub(crate) fn add_bytes(&mut self, bytes: Vec<u8>) -> RestorePackage {
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        self.packages.insert(digest, bytes);
        RestorePackage {
            hash: HashSpec::Sha256(digest),
            url: format!("http://example.org/{digest}"),
            urls: Vec::new(),
            size: Some(size),
        }
    }

    /// Has a record tell that `package` holds `contents`.
    pub(crate) fn record(&mut self, package: &RestorePackage, contents: &[&[u8]]) {
        let digests = contents.iter().map(|content| Digest::of(content));
        let held = self
            .records
            .entry(package.hash.sha256().unwrap())
            .or_default();
        held.extend(digests);
    }

    pub(crate) fn fetched(&self) -> Vec<String> {
        let mut fetched = self.fetched.lock().unwrap();
        let mut fetched = std::mem::take(&mut *fetched);
        fetched.sort();
        fetched
    }

    fn local(&self, bytes: &[u8], what: &str) -> LocalPackage {
        self.fetched
            .lock()
            .unwrap()
            .push(format!("{what} {}", Digest::of(bytes)));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        LocalPackage {
            file,
            path: PathBuf::new(),
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
            origin: Origin::Downloaded("http://example.org/".to_owned()),
        }
    }
}

impl RestoreSources for TestSources {
    fn package(
        &self,
        package: &PackageRef,
        _: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        let digest = package.sha256.unwrap();
        let bytes = self.packages.get(&digest).ok_or("no source has it")?;
        Ok(self.local(bytes, "package"))
    }

    fn at_hand(&self, packages: &[PackageRef], _: bool, _: &dyn Monitor) -> Vec<Option<String>> {
        let is_known = |package: &PackageRef| {
            let known = |digest| self.packages.contains_key(digest);
            self.at_hand && package.sha256.as_ref().is_some_and(known)
        };
        let place = |package| is_known(package).then(|| "a pool".to_owned());
        packages.iter().map(place).collect()
    }

    fn packages_with(&self, digests: &[Digest], _: &dyn Monitor) -> Result<Found, SourceFailure> {
        let packages: Vec<_> = self.records.keys().collect();
        let matches = digests.iter().map(|digest| {
            let holds = |at: &usize| {
                packages[*at] == digest || self.records[packages[*at]].contains(digest)
            };
            (0..packages.len()).filter(holds).collect::<Vec<_>>()
        });
        Ok(Found {
            packages: packages
                .iter()
                .map(|digest| FoundPackage {
                    sha256: **digest,
                    url: format!("http://example.org/{digest}"),
                    size: None,
                    expires: Expiry::Never,
                    project: "test".parse().unwrap(),
                    vouched: hashget_sources::hash_db::Vouched::Own,
                })
                .collect(),
            matches: matches.collect(),
        })
    }

    fn single_files(&self, digests: &[Digest], _: &dyn Monitor) -> Vec<Option<u64>> {
        let size = |digest| self.singles.get(digest).map(|bytes| bytes.len() as u64);
        digests.iter().map(size).collect()
    }

    fn single_file(&self, digest: &Digest, _: &dyn Monitor) -> Result<LocalPackage, SourceFailure> {
        let bytes = self.singles.get(digest).ok_or("no server has it")?;
        Ok(self.local(bytes, "single"))
    }

    fn probe(&self, package: &PackageRef, _: &dyn Monitor) -> Vec<SourceReport> {
        let alive = package
            .sha256
            .is_some_and(|digest| self.packages.contains_key(&digest));
        vec![SourceReport {
            source: package.urls[0].clone(),
            alive,
            size: None,
            detail: String::new(),
            trouble: None,
        }]
    }
}
