//! What a restore tells of its progress.

use std::fs;

use hashget_words::restore_file::RestoreFile;

use super::doubles::{Log, TestSources};
use super::fixture::{list_of, path};
use crate::restore::{RestoreOptions, restore};

#[test]
fn a_hard_link_is_not_counted_twice() {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    for name in ["first", "other"] {
        fs::write(root.join(name), name).unwrap();
    }
    fs::hard_link(root.join("first"), root.join("second")).unwrap();
    let mut sources = TestSources::default();
    let package = sources.add(&[b"first", b"other"]);
    let mut list = list_of(root, &["first", "other", "second"].map(path), vec![package]);
    list.files[2].hardlink = Some(path("first"));
    for name in ["first", "other", "second"] {
        fs::remove_file(root.join(name)).unwrap();
    }
    let whole = list.to_json().unwrap();
    // A file whose size nobody knows: then there is no hundred percent.
    list.files[1].size = None;
    for (json, total) in [(whole, Some(10)), (list.to_json().unwrap(), None)] {
        for name in ["first", "other", "second"] {
            fs::remove_file(root.join(name)).unwrap_or_default();
        }
        fs::write(root.join(RestoreFile::NAME), json).unwrap();
        let log = Log::default();
        let stats = restore(root, &RestoreOptions::default(), &sources, &log).unwrap();
        assert_eq!((stats.placed_files, stats.missing_files), (3, 0));
        let tasks = log.tasks();
        let restoring = tasks.iter().find(|(label, ..)| label == "restoring");
        assert_eq!(restoring, Some(&("restoring".to_owned(), total, 10)));
    }
}
