//! Trees that were unpacked from a package, packed without a word on each file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use hashget_words::restore_file::RestorePackage;
use proptest::prelude::*;

use super::*;
use crate::info::info;
use crate::restore::tests::doubles::{Log, TestSources};
use crate::restore::tests::fixture::{assert_same, path, set_times, snapshot};
use crate::restore::{
    ExtractStats, RestoreError, RestoreOptions, RestoreSources, Selection, SourceFailure,
    SourceReport, extract, restore,
};
use crate::verify::{VerifyOptions, VerifyReport, verify};
use hashget_sources::sources::{LocalPackage, PackageRef};

const SECOND: i64 = 1_600_000_000;

/// A package, a tree that holds what is in it, and a look-up that knows its large files.
struct Bed {
    case: Case,
    sources: TestSources,
    lookup: FakeLookup,
    package: RestorePackage,
}

impl Bed {
    /// A package of these files, all in the directory `src-1.0`, unpacked to `into` in the tree.
    fn new(files: &[(String, Vec<u8>, u32)], into: &str) -> Self {
        let case = Case::new();
        let made = case.directory.path().join("made");
        let top = made.join("src-1.0");
        fs::create_dir_all(&top).unwrap();
        for (name, content, mode) in files {
            let path = top.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
            set_times(&path, SECOND, 5);
        }
        let package = case.directory.path().join("package.tar");
        run(Command::new("tar")
            .args(["--format=pax", "--sort=name", "-cf"])
            .arg(&package)
            .arg("-C")
            .arg(&made)
            .arg("src-1.0"));
        let target = case.root().join(into);
        fs::create_dir_all(&target).unwrap();
        run(Command::new("tar")
            .args(["--strip-components=1", "-xpf"])
            .arg(&package)
            .arg("-C")
            .arg(&target));
        let mut sources = TestSources {
            at_hand: true,
            ..TestSources::default()
        };
        let package = sources.add_bytes(fs::read(package).unwrap());
        let mut lookup = FakeLookup::default();
        let large = files.iter().filter(|(_, content, _)| content.len() > 1024);
        let contents: Vec<&[u8]> = large.map(|(_, content, _)| &content[..]).collect();
        let sha256 = package.hash.sha256().unwrap();
        lookup.add_package(sha256, &package.url, &contents);
        Self {
            case,
            sources,
            lookup,
            package,
        }
    }

    /// A source tree of a few directories.
    fn usual() -> Self {
        let mut files = vec![("README".to_owned(), b"read me".to_vec(), 0o644)];
        for number in 0..12_u8 {
            let name = format!("lib/part{}/file{number}", number % 3);
            files.push((name, big(number), 0o640));
            files.push((format!("doc/{number}.txt"), vec![number; 9], 0o604));
        }
        files.push(("empty".to_owned(), Vec::new(), 0o600));
        Self::new(&files, "opt/src")
    }

    fn pack(&self) -> PackStats {
        let options = PackOptions {
            compact: true,
            ..gzip()
        };
        let told = &self.case.told;
        let output = Output::File(self.case.archive());
        let packing = self.case.plan(&self.lookup, &options);
        packing.write(output, Some(&self.sources), told).unwrap()
    }

    fn list(&self) -> RestoreFile {
        crate::restore::list::load(&self.case.archive(), None).unwrap()
    }

    fn target(&self) -> PathBuf {
        self.case.directory.path().join("restored")
    }

    fn extract_with(&self, options: &RestoreOptions) -> (ExtractStats, Vec<String>) {
        let log = Log::default();
        let archive = self.case.archive();
        let stats = extract(&archive, &self.target(), options, &self.sources, &log).unwrap();
        (stats, log.problems())
    }

    fn assert_comes_back(&self) {
        let (stats, problems) = self.extract_with(&RestoreOptions::default());
        assert_eq!(problems, Vec::<String>::new());
        assert!(stats.is_complete(), "{stats:?}");
        assert_same(&snapshot(&self.case.root()), &snapshot(&self.target()));
    }

    fn verify(&self, deep: bool) -> VerifyReport {
        let options = VerifyOptions {
            deep,
            ..VerifyOptions::default()
        };
        verify(
            &self.case.archive(),
            &options,
            &self.sources,
            &Log::default(),
        )
        .unwrap()
    }
}

#[test]
fn an_untouched_tree_takes_a_few_words() {
    let bed = Bed::usual();
    let stats = bed.pack();
    assert_eq!(stats.problems, 0);
    assert_eq!(stats.deduplicated_files, 26);
    assert_eq!(stats.archived_files, 0);
    let names = [".", "opt", "opt/src"].len() + 1;
    assert_eq!(bed.case.names().len(), names, "{:?}", bed.case.names());
    let list = bed.list();
    assert_eq!(list.version, Some(RestoreFile::COMPACT_VERSION));
    assert!(list.files.is_empty());
    let members = &list.members[0];
    assert_eq!((members.files, members.directories), (26, 5));
    assert!(members.except.is_empty() && members.except_below.is_empty());
    assert_eq!(members.owner, None);
    bed.sources.fetched();
    bed.assert_comes_back();
    assert_eq!(bed.sources.fetched().len(), 1, "read twice, had once");
}

#[test]
fn what_was_touched_is_an_exception() {
    let bed = Bed::usual();
    let at = |name: &str| bed.case.root().join("opt/src").join(name);
    fs::write(at("lib/part0/file0"), "changed").unwrap();
    fs::set_permissions(at("doc/1.txt"), Permissions::from_mode(0o777)).unwrap();
    set_times(&at("doc/2.txt"), SECOND + 1, 0);
    fs::remove_dir_all(at("lib/part1")).unwrap();
    fs::write(at("lib/own"), big(77)).unwrap();
    fs::hard_link(at("lib/part2/file2"), at("lib/another-name")).unwrap();
    bed.pack();
    let list = bed.list();
    let members = &list.members[0];
    let names = |paths: &[hashget_words::rel_path::RelPath]| -> Vec<String> {
        paths.iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&members.except_below), ["lib/part1"]);
    let except = names(&members.except);
    for name in [
        "doc/1.txt",
        "doc/2.txt",
        "lib",
        "lib/part0/file0",
        "lib/part2/file2",
    ] {
        assert!(except.contains(&name.to_owned()), "{name}: {except:?}");
    }
    // Of a large file that has another name, too, both are listed.
    assert_eq!(list.files.len(), 2);
    bed.assert_comes_back();
}

#[test]
fn a_package_that_is_not_at_hand_is_listed_file_by_file() {
    let mut bed = Bed::usual();
    let packages = std::mem::take(&mut bed.sources.packages);
    bed.pack();
    let list = bed.list();
    assert_eq!(list.version, Some(RestoreFile::VERSION));
    assert_eq!(list.files.len(), 12);
    assert!(bed.case.told.messages().contains("is not at hand"));
    bed.sources.packages = packages;
    bed.assert_comes_back();
}

#[test]
fn without_its_package_nothing_is_placed_and_all_is_told_until_it_is_there() {
    let mut bed = Bed::usual();
    bed.pack();
    assert!(bed.verify(false).is_good() && bed.verify(true).is_good());
    let packages = std::mem::take(&mut bed.sources.packages);
    assert!(!bed.verify(false).is_good());
    let deep = bed.verify(true);
    assert_eq!((deep.files, deep.found_files), (26, 0));
    assert!(!deep.is_good() && deep.lost.len() == 1);

    let (stats, _) = bed.extract_with(&RestoreOptions::default());
    let restored = stats.restore.unwrap();
    assert_eq!((restored.wanted_files, restored.missing_files), (26, 26));
    assert!(!restored.is_complete() && !restored.restore_file_removed);
    assert!(
        restored.missing[0]
            .why
            .starts_with("26 files and 5 directories")
    );
    assert!(!bed.target().join("opt/src/README").exists());

    bed.sources.packages = packages;
    let log = Log::default();
    let options = RestoreOptions::default();
    let stats = restore(&bed.target(), &options, &bed.sources, &log).unwrap();
    assert!(
        stats.is_complete() && stats.restore_file_removed,
        "{stats:?}"
    );
    assert_same(&snapshot(&bed.case.root()), &snapshot(&bed.target()));
}

#[test]
fn other_members_than_were_packed_are_not_placed() {
    let bed = Bed::usual();
    bed.pack();
    let mut list = bed.list();
    list.members[0].except.push(path("README"));
    let given = bed.case.directory.path().join("given.json");
    fs::write(&given, list.to_json().unwrap()).unwrap();
    let options = RestoreOptions {
        restore_file: Some(given),
        ..RestoreOptions::default()
    };
    let (stats, _) = bed.extract_with(&options);
    let restored = stats.restore.unwrap();
    assert_eq!(restored.missing_files, 26);
    assert!(
        restored.missing[0]
            .why
            .contains("not those that were packed")
    );
    assert!(!bed.target().join("opt/src/lib").exists());
}

#[test]
fn a_file_that_two_groups_want_is_refused() {
    let bed = Bed::usual();
    bed.pack();
    let mut list = bed.list();
    let again = list.members[0].clone();
    list.members.push(again);
    let given = bed.case.directory.path().join("given.json");
    fs::write(&given, list.to_json().unwrap()).unwrap();
    let options = RestoreOptions {
        restore_file: Some(given),
        ..RestoreOptions::default()
    };
    let result = extract(
        &bed.case.archive(),
        &bed.target(),
        &options,
        &bed.sources,
        &Log::default(),
    );
    assert!(matches!(result, Err(RestoreError::RestoreFile { .. })));
}

#[test]
fn a_part_of_it_can_be_restored() {
    let bed = Bed::usual();
    bed.pack();
    let wanted = [path("opt/src/lib/part1")];
    let options = RestoreOptions {
        selection: Selection::new(&[] as &[String], &wanted).unwrap(),
        ..RestoreOptions::default()
    };
    let (stats, problems) = bed.extract_with(&options);
    assert_eq!(problems, Vec::<String>::new());
    let restored = stats.restore.unwrap();
    assert_eq!((restored.placed_files, restored.unselected_files), (4, 22));
    let inside = |root: PathBuf| snapshot(&root.join("opt/src/lib/part1"));
    assert_same(&inside(bed.case.root()), &inside(bed.target()));
    assert!(!bed.target().join("opt/src/doc").exists());
}

#[test]
fn what_it_needs_is_known_without_the_package() {
    let mut bed = Bed::usual();
    let packed = bed.pack();
    bed.sources.at_hand = false;
    let info = info(&bed.case.archive(), &bed.sources, &Log::default()).unwrap();
    assert_eq!(info.files, 26);
    assert_eq!(info.files_bytes, packed.deduplicated_bytes);
    assert_eq!(info.to_download, std::slice::from_ref(&bed.package.url));
}

#[test]
fn a_leftover_compact_restore_file_is_not_packed_over() {
    let bed = Bed::usual();
    bed.pack();
    let json = bed.list().to_json().unwrap();
    bed.case.write(RestoreFile::NAME, &json);
    let options = PackOptions::default();
    let result = bed.case.pack_with(&bed.lookup, &options);
    assert!(matches!(
        result,
        Err(PackError::NeverRestored { missing: 26, .. })
    ));
}

/// Gives the package, after which the tree is no longer what was found in it.
struct Changing<'a>(&'a Bed);

impl RestoreSources for Changing<'_> {
    fn package(
        &self,
        package: &PackageRef,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        let package = self.0.sources.package(package, monitor);
        self.0.case.write("opt/src/README", b"new text");
        fs::remove_file(self.0.case.root().join("opt/src/doc/3.txt")).unwrap();
        package
    }

    fn at_hand(
        &self,
        packages: &[PackageRef],
        network: bool,
        monitor: &dyn Monitor,
    ) -> Vec<Option<String>> {
        self.0.sources.at_hand(packages, network, monitor)
    }

    fn probe(&self, _: &PackageRef, _: &dyn Monitor) -> Vec<SourceReport> {
        Vec::new()
    }
}

#[test]
fn what_changes_while_packing_is_packed() {
    let bed = Bed::usual();
    let options = PackOptions {
        compact: true,
        ..gzip()
    };
    let packing = bed.case.plan(&bed.lookup, &options);
    let sources = Changing(&bed);
    let output = Output::File(bed.case.archive());
    let written = packing
        .write(output, Some(&sources), &bed.case.told)
        .unwrap();
    assert_eq!((written.archived_files, written.problems), (1, 1));
    let (stats, _) = bed.extract_with(&RestoreOptions::default());
    assert!(stats.is_complete());
    let content = |name: &str| fs::read(bed.target().join("opt/src").join(name)).ok();
    assert_eq!(content("README").unwrap(), b"new text");
    assert_eq!(content("doc/3.txt"), None);
    assert_eq!(content("doc/4.txt").unwrap(), [4; 9]);
}

#[derive(Clone, Debug)]
enum Edit {
    Change(usize),
    Touch(usize),
    Mode(usize, u32),
    Remove(usize),
    Link(usize),
    Move(usize),
    RemoveDirectory(u8),
    New(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0_usize..40).prop_map(Edit::Change),
        (0_usize..40).prop_map(Edit::Touch),
        (0_usize..40, 0_u32..0o1000).prop_map(|(n, mode)| Edit::Mode(n, mode | 0o400)),
        (0_usize..40).prop_map(Edit::Remove),
        (0_usize..40).prop_map(Edit::Link),
        (0_usize..40).prop_map(Edit::Move),
        (0_u8..3).prop_map(Edit::RemoveDirectory),
        (0_u8..9).prop_map(Edit::New),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_was_done_to_it_the_tree_comes_back(
        files in prop::collection::vec(
            (0_u8..3, 0_u8..3, 0_u8..4, prop_oneof![Just(0_usize), Just(7), Just(2000)], 0_u32..0o1000),
            1..24,
        ),
        edits in prop::collection::vec(edit(), 0..8),
        into in prop_oneof![Just(""), Just("deep/er")],
    ) {
        let files: Vec<(String, Vec<u8>, u32)> = files
            .into_iter()
            .enumerate()
            .map(|(number, (a, b, content, size, mode))| {
                let name = format!("d{a}/d{b}/{number}");
                (name, vec![content; size], mode | 0o600)
            })
            .collect();
        let bed = Bed::new(&files, into);
        let top = bed.case.root().join(into);
        let at = |number: usize| top.join(&files[number % files.len()].0);
        for edit in edits {
            // What an earlier edit removed cannot be edited.
            match edit {
                Edit::Change(n) if exists(&at(n)) => fs::write(at(n), "changed").unwrap(),
                Edit::Touch(n) if exists(&at(n)) => set_times(&at(n), SECOND + 1, 9),
                Edit::Mode(n, mode) if exists(&at(n)) => {
                    fs::set_permissions(at(n), Permissions::from_mode(mode)).unwrap();
                }
                Edit::Remove(n) => fs::remove_file(at(n)).unwrap_or_default(),
                Edit::Link(n) => fs::hard_link(at(n), top.join("link")).unwrap_or_default(),
                Edit::Move(n) => fs::rename(at(n), top.join("moved")).unwrap_or_default(),
                Edit::RemoveDirectory(n) => {
                    fs::remove_dir_all(top.join(format!("d{n}"))).unwrap_or_default();
                }
                Edit::New(n) => fs::write(top.join(format!("new{n}")), vec![n; 3000]).unwrap(),
                _ => {}
            }
        }
        let stats = bed.pack();
        prop_assert_eq!(stats.problems, 0);
        prop_assert_eq!(stats.tree_files, stats.deduplicated_files + stats.archived_files);
        prop_assert_eq!(bed.list().files_count(), stats.deduplicated_files);
        bed.assert_comes_back();
    }
}
