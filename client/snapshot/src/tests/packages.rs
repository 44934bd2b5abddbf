//! Files out of packages.

use std::collections::HashMap;
use std::io::{Seek, Write};

use hashget_tests::tar_builder::TarBuilder;
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;

use super::*;
use hashget_engine::restore::{RestoreSources, SourceFailure, SourceReport};
use hashget_sources::hash_db::{Found, FoundPackage};
use hashget_sources::sources::{LocalPackage, Origin, PackageRef};

/// One package that holds these contents, or claims to.
struct OnePackage {
    bytes: Option<Vec<u8>>,
    digests: Vec<Digest>,
}

impl RestoreSources for OnePackage {
    fn package(
        &self,
        package: &PackageRef,
        _: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        let bytes = self.bytes.as_ref().ok_or("it is nowhere")?;
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(LocalPackage {
            file,
            path: PathBuf::new(),
            sha256: package.sha256.unwrap(),
            size: bytes.len() as u64,
            origin: Origin::Cache,
        })
    }

    fn packages_with(&self, digests: &[Digest], _: &dyn Monitor) -> Result<Found, SourceFailure> {
        let has = |digest: &Digest| self.digests.contains(digest);
        let matches = digests
            .iter()
            .map(|digest| if has(digest) { vec![0] } else { vec![] });
        Ok(Found {
            packages: vec![FoundPackage {
                sha256: Digest::of(b"package"),
                url: "http://example.org/package.tar".to_owned(),
                size: None,
                expires: Expiry::Never,
                project: "test".parse().unwrap(),
                vouched: hashget_sources::hash_db::Vouched::Own,
            }],
            matches: matches.collect(),
        })
    }

    fn probe(&self, _: &PackageRef, _: &dyn Monitor) -> Vec<SourceReport> {
        Vec::new()
    }
}

/// The tree as the package has it, but for one file whose time differs.
fn bench() -> (Bench, HashMap<&'static str, Vec<u8>>) {
    let bench = Bench::new();
    let mut contents = HashMap::new();
    for (name, byte) in [("tool", b'a'), ("touched", b'b'), ("own", b'c')] {
        let content = vec![byte; 5000];
        bench.write(name, &content);
        let seconds = if name == "touched" {
            2_000_000_000
        } else {
            1_500_000_000
        };
        let file = fs::File::options()
            .write(true)
            .open(bench.source().join(name))
            .unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
        contents.insert(name, content);
    }
    (bench, contents)
}

#[test]
fn what_a_package_has_is_one_inode_also_when_all_snapshots_are_gone() {
    let (bench, contents) = bench();
    let mode = fs::metadata(bench.source().join("tool")).unwrap().mode();
    let tar = TarBuilder::new()
        .mtime(1_500_000_000)
        .mode(mode & 0o7777)
        .file("usr/bin/tool", &contents["tool"])
        .file("usr/bin/touched", &contents["touched"])
        .file("usr/bin/other", vec![b'x'; 9000])
        .build();
    let package = OnePackage {
        bytes: Some(tar),
        digests: ["tool", "touched"]
            .map(|name| Digest::of(&contents[name]))
            .to_vec(),
    };
    let options = CreateOptions {
        packages: Some(&package),
        ..CreateOptions::default()
    };
    let first = bench.create(&options);
    assert_same_tree(&bench.source(), &first.path);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    assert_eq!(first.stats.unpacked_files, 1);
    assert_eq!((first.stats.linked_files, first.stats.copied_files), (1, 2));
    let tool = inode(&first.path.join("tool"));
    delete(&bench.destination(), &[first.id], &bench.notes).unwrap();
    reindex(&bench.destination(), &bench.notes).unwrap();
    let other = CreateOptions {
        name: Some("machine2".parse().unwrap()),
        ..CreateOptions::default()
    };
    let second = bench.create(&other);
    assert_eq!(inode(&second.path.join("tool")), tool);
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[test]
fn a_package_that_lies_or_is_gone_costs_nothing() {
    for bytes in [
        None,
        Some(b"no archive".to_vec()),
        Some(TarBuilder::new().build()),
    ] {
        let (bench, contents) = bench();
        let package = OnePackage {
            bytes,
            digests: contents
                .values()
                .map(|content| Digest::of(content))
                .collect(),
        };
        let options = CreateOptions {
            packages: Some(&package),
            ..CreateOptions::default()
        };
        let made = bench.create(&options);
        assert_same_tree(&bench.source(), &made.path);
        assert_eq!((made.stats.unpacked_files, made.stats.copied_files), (0, 3));
        assert_eq!(bench.problems(), Vec::<String>::new());
    }
}
