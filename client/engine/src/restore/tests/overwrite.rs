//! Restores over a tree in which other things have the places of what belongs there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hashget_words::restore_file::RestoreFile;

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, assert_same, list_of, path, snapshot};
use crate::restore::{ExtractStats, Overwrite, RestoreOptions, extract, restore};

struct Bench {
    _work: tempfile::TempDir,
    original: PathBuf,
    archive: PathBuf,
    target: PathBuf,
    outside: PathBuf,
    sources: TestSources,
}

impl Bench {
    /// An archive with a directory, a file in it, a link, and two files that came from a package.
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let [original, target, outside] = ["original", "target", "outside"].map(|name| {
            let at = work.path().join(name);
            fs::create_dir(&at).unwrap();
            at
        });
        fs::write(outside.join("kept"), "not ours").unwrap();
        fs::create_dir_all(original.join("dir/deep")).unwrap();
        fs::write(original.join("dir/member"), "a member").unwrap();
        fs::write(original.join("dir/deep/fetched"), "from a package").unwrap();
        fs::write(original.join("file"), "a file").unwrap();
        fs::write(original.join("fetched"), "from a package, too").unwrap();
        symlink("file", original.join("link")).unwrap();
        fs::hard_link(original.join("file"), original.join("more")).unwrap();
        let mut sources = TestSources::default();
        let package = sources.add(&[b"from a package", b"from a package, too"]);
        let left_out = ["dir/deep/fetched", "fetched"].map(path);
        let list = list_of(&original, &left_out, vec![package]);
        let archive = work.path().join("a.tar");
        fs::write(&archive, archive_of(&original, &left_out, Some(&list))).unwrap();
        Self {
            _work: work,
            original,
            archive,
            target,
            outside,
            sources,
        }
    }

    fn extract(&self, overwrite: Overwrite) -> (ExtractStats, Vec<String>) {
        let options = RestoreOptions {
            overwrite,
            ..RestoreOptions::default()
        };
        let log = Log::default();
        let stats = extract(&self.archive, &self.target, &options, &self.sources, &log).unwrap();
        let kept = fs::read(self.outside.join("kept")).unwrap();
        assert_eq!(kept, b"not ours");
        assert_eq!(fs::read_dir(&self.outside).unwrap().count(), 1);
        (stats, log.problems())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }
}

type Plant = fn(&Bench, &Path);

#[test]
fn always_replaces_what_is_of_another_kind() {
    let plants: [(&str, Plant); 7] = [
        ("a file", |_, at| fs::write(at, "in the way").unwrap()),
        ("a link to a directory", |bench, at| {
            symlink(&bench.outside, at).unwrap();
        }),
        ("a link within the tree", |_, at| {
            symlink("file", at).unwrap();
        }),
        ("a link to nothing", |_, at| symlink("nothing", at).unwrap()),
        ("a link to itself", |_, at| symlink(".", at).unwrap()),
        ("an empty directory", |_, at| fs::create_dir(at).unwrap()),
        ("nothing", |_, _| {}),
    ];
    for (what, plant) in plants {
        for places in [&["dir"][..], &["dir", "file", "fetched", "link", "more"]] {
            let bench = Bench::new();
            for place in places {
                plant(&bench, &bench.at(place));
            }
            let (stats, problems) = bench.extract(Overwrite::Always);
            assert_eq!(problems, Vec::<String>::new(), "{what}");
            assert!(stats.is_complete(), "{what}");
            assert_same(&snapshot(&bench.original), &snapshot(&bench.target));
        }
    }
}

#[test]
fn a_directory_that_is_not_empty_is_kept_and_named() {
    let bench = Bench::new();
    for place in ["file", "fetched", "link"] {
        fs::create_dir(bench.at(place)).unwrap();
        fs::write(bench.at(place).join("mine"), place).unwrap();
    }
    let (stats, problems) = bench.extract(Overwrite::Always);
    // The third is a hard link to the file.
    assert_eq!((stats.failed_members, stats.in_the_way_members), (3, 2));
    let restored = stats.restore.unwrap();
    assert_eq!((restored.missing_files, restored.in_the_way_files), (1, 1));
    assert!(restored.missing[0].why.contains("not empty"));
    for place in ["file", "link"] {
        let named = |problem: &&String| {
            problem.starts_with(&format!("./{place}: ")) && problem.contains("not empty")
        };
        assert_eq!(problems.iter().filter(named).count(), 1, "{problems:?}");
        assert_eq!(
            fs::read_to_string(bench.at(place).join("mine")).unwrap(),
            place
        );
    }
}

#[test]
fn by_default_what_is_of_another_kind_stays() {
    let bench = Bench::new();
    symlink(&bench.outside, bench.at("dir")).unwrap();
    fs::create_dir(bench.at("fetched")).unwrap();
    let (stats, _) = bench.extract(Overwrite::Changed);
    // The directory, the one in it, and the member.
    assert_eq!((stats.failed_members, stats.in_the_way_members), (3, 3));
    let restored = stats.restore.unwrap();
    assert_eq!((restored.missing_files, restored.in_the_way_files), (2, 2));
    assert!(bench.at("dir").is_symlink());
}

#[test]
fn a_restore_of_a_directory_replaces_as_well() {
    let bench = Bench::new();
    let (stats, _) = bench.extract(Overwrite::Changed);
    assert!(stats.is_complete());
    let names = ["dir/deep/fetched", "fetched"].map(path);
    let packages = bench.sources.packages.iter().map(|(digest, bytes)| {
        hashget_words::restore_file::RestorePackage {
            hash: (*digest).into(),
            url: "http://example.org/p".to_owned(),
            urls: Vec::new(),
            size: Some(bytes.len() as u64),
        }
    });
    let list = list_of(&bench.original, &names, packages.collect());
    fs::write(bench.at(RestoreFile::NAME), list.to_json().unwrap()).unwrap();
    fs::remove_dir_all(bench.at("dir/deep")).unwrap();
    symlink(&bench.outside, bench.at("dir/deep")).unwrap();
    fs::remove_file(bench.at("fetched")).unwrap();
    fs::create_dir(bench.at("fetched")).unwrap();
    let options = RestoreOptions {
        overwrite: Overwrite::Always,
        ..RestoreOptions::default()
    };
    let stats = restore(&bench.target, &options, &bench.sources, &Log::default()).unwrap();
    assert_eq!((stats.missing_files, stats.placed_files), (0, 2));
    assert_eq!(
        fs::read(bench.at("dir/deep/fetched")).unwrap(),
        b"from a package"
    );
    assert_eq!(fs::read_dir(&bench.outside).unwrap().count(), 1);
}
