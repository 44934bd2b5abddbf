//! Packages of odd shapes that people reported to other tools, read as indexing reads them.
//!
//! `testdata/odd-packages/expected.json` says for each what it is, and the SHA-256 of every member
//! that is to be found. `refused`: the package is refused, with an error that says so. `warned`:
//! it is recorded, and the user is warned in these words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use hashget_record::{IndexedPackage, PackageFile, RecordError, RecordRules, record_package};
use hashget_words::digest::Digest;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[allow(dead_code, reason = "for those who read the file")]
    note: String,
    members_sha256: BTreeSet<Digest>,
    refused: Option<String>,
    warned: Option<String>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/odd-packages")
}

fn expected() -> BTreeMap<String, Expected> {
    let json = fs::read(directory().join("expected.json")).expect("the list");
    serde_json::from_slice(&json).expect("a list")
}

fn record(name: &str, threads: u32) -> Result<IndexedPackage, RecordError> {
    let path = directory().join(name);
    let bytes = fs::read(&path).expect("a package");
    let file = File::open(&path).expect("a package");
    let package = PackageFile {
        file: &file,
        sha256: Digest::of(&bytes),
        size: bytes.len() as u64,
    };
    let rules = RecordRules {
        threads,
        ..RecordRules::new("2026-11-27T12:00:00".parse().expect("a time"))
    };
    record_package(package, "http://example.org/odd", &[], &rules)
}

/// What is wrong with the outcome, if anything is.
fn fault(expected: &Expected, found: Result<IndexedPackage, RecordError>) -> Option<String> {
    let found = match (found, &expected.refused) {
        (Ok(_), Some(words)) => return Some(format!("was to be refused: {words}")),
        (Err(error), Some(words)) => {
            let text = chain(&error);
            return (!text.contains(words)).then(|| format!("not {words:?}: {text}"));
        }
        (Err(error), None) => return Some(chain(&error)),
        (Ok(found), None) => found,
    };
    let files: BTreeSet<Digest> = found.record.files.iter().copied().collect();
    if files != expected.members_sha256 {
        return Some(format!(
            "as {:?} it has {files:?}, not {:?}",
            found.kind, expected.members_sha256
        ));
    }
    let is_warned = match &expected.warned {
        Some(words) => found.warnings.len() == 1 && found.warnings[0].contains(words),
        None => found.warnings.is_empty(),
    };
    (!is_warned).then(|| format!("warnings: {:?}", found.warnings))
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[test]
fn odd_packages_are_read_as_good_readers_read_them() {
    let mut faults = Vec::new();
    for (name, expected) in expected() {
        for threads in [1, 3] {
            let fault = fault(&expected, record(&name, threads));
            faults.extend(fault.map(|fault| format!("{name}, {threads} threads: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_odd_package_is_in_the_list() {
    let listed: BTreeSet<String> = expected().into_keys().collect();
    let there = fs::read_dir(directory()).unwrap();
    let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = there.filter(|name| name != "expected.json").collect();
    assert_eq!(listed, there);
}
