//! What is done while an archive is still being read.

use std::fs;
use std::path::PathBuf;

use hashget_words::restore_file::RestorePackage;
use tempfile::TempDir;

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, list_of, path};
use crate::restore::{ExtractStats, RestoreOptions, Selection, extract};

/// An archive that two packages are needed for, of which the second is the larger one.
struct Bed {
    work: TempDir,
    sources: TestSources,
    packages: [RestorePackage; 2],
}

const CONTENTS: [&[u8]; 2] = [&[1; 100], &[2; 5000]];

impl Bed {
    fn new(at_hand: bool) -> Self {
        let work = tempfile::tempdir().unwrap();
        let tree = work.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut sources = TestSources {
            at_hand,
            ..TestSources::default()
        };
        let packages = CONTENTS.map(|content| sources.add(&[content]));
        let names = ["a", "b"].map(path);
        for (name, content) in names.iter().zip(CONTENTS) {
            fs::write(name.under(&tree), content).unwrap();
        }
        let list = list_of(&tree, &names, packages.to_vec());
        let archive = archive_of(&tree, &names, Some(&list));
        fs::write(work.path().join("archive"), archive).unwrap();
        Self {
            work,
            sources,
            packages,
        }
    }

    fn target(&self) -> PathBuf {
        self.work.path().join("restored")
    }

    fn extract(&self, options: &RestoreOptions) -> (ExtractStats, Vec<String>) {
        let archive = self.work.path().join("archive");
        let log = Log::default();
        let stats = extract(&archive, &self.target(), options, &self.sources, &log).unwrap();
        assert_eq!(log.problems(), Vec::<String>::new());
        (stats, self.sources.fetched())
    }

    /// How a package shows among those that were had.
    fn had(&self, number: usize) -> String {
        format!("package {}", self.packages[number].hash.sha256().unwrap())
    }
}

#[test]
fn a_package_that_was_had_ahead_is_not_had_again() {
    for at_hand in [true, false] {
        let bed = Bed::new(at_hand);
        let (stats, fetched) = bed.extract(&RestoreOptions::default());
        let mut expected = vec![bed.had(0), bed.had(1)];
        expected.sort();
        assert_eq!(fetched, expected);
        assert!(stats.is_complete(), "{stats:?}");
        assert_eq!(stats.restore.unwrap().read_packages, 2);
        for (name, content) in ["a", "b"].iter().zip(CONTENTS) {
            assert_eq!(fs::read(bed.target().join(name)).unwrap(), content);
        }
    }
}

#[test]
fn nothing_is_downloaded_ahead() {
    for at_hand in [true, false] {
        let bed = Bed::new(at_hand);
        fs::create_dir(bed.target()).unwrap();
        for (name, content) in ["a", "b"].iter().zip(CONTENTS) {
            fs::write(bed.target().join(name), content).unwrap();
        }
        let (stats, fetched) = bed.extract(&RestoreOptions::default());
        assert_eq!(stats.restore.unwrap().in_place_files, 2);
        let ahead = vec![bed.had(1)];
        assert_eq!(fetched, if at_hand { ahead } else { Vec::new() });
    }
}

#[test]
fn of_a_selection_nothing_is_had_ahead() {
    let bed = Bed::new(true);
    let options = RestoreOptions {
        selection: Selection::new(&["c".to_owned()], &[]).unwrap(),
        ..RestoreOptions::default()
    };
    let (_, fetched) = bed.extract(&options);
    assert_eq!(fetched, Vec::<String>::new());
}
