//! What is found to have changed.

use std::fs;

use hashget_words::rel_path::RelPath;

use super::*;

fn path(text: &str) -> RelPath {
    RelPath::new(text.as_bytes()).unwrap()
}

fn kinds(diff: &DiffIndex) -> Vec<(String, ChangeKind)> {
    let changes = diff.changes.iter().zip(diff.kinds());
    changes
        .map(|(change, kind)| (change.path().to_string(), kind))
        .filter(|(path, _)| path != ".")
        .collect()
}

#[test]
fn every_kind_of_change_is_told() {
    let lab = Lab::new();
    let directory = lab.directory("d");
    for (name, content) in [
        ("same", "s"),
        ("edited", "e"),
        ("gone", "g"),
        ("moved", "unique"),
    ] {
        fs::write(directory.join(name), content).unwrap();
    }
    let old = index(&directory);
    fs::write(directory.join("edited"), "E").unwrap();
    fs::remove_file(directory.join("gone")).unwrap();
    fs::rename(directory.join("moved"), directory.join("new name")).unwrap();
    fs::write(directory.join("added"), "a").unwrap();
    fs::copy(directory.join("same"), directory.join("twin")).unwrap();
    let same = fs::File::open(directory.join("same")).unwrap();
    same.set_modified(std::time::UNIX_EPOCH).unwrap();
    let diff = DiffIndex::compute(&old, &index(&directory)).unwrap();
    assert_eq!(
        kinds(&diff),
        [
            ("added".to_owned(), ChangeKind::New),
            ("edited".to_owned(), ChangeKind::Updated),
            ("gone".to_owned(), ChangeKind::Deleted),
            ("moved".to_owned(), ChangeKind::Deleted),
            ("new name".to_owned(), ChangeKind::Renamed(path("moved"))),
            ("same".to_owned(), ChangeKind::Metadata),
            ("twin".to_owned(), ChangeKind::New),
        ]
    );
    let content = |name: &str| {
        let change = diff.changes.iter().find(|c| c.path() == path(name));
        change.unwrap().content.clone()
    };
    assert_eq!(content("twin"), Some(Content::Old(path("same"))));
    assert_eq!(content("added"), Some(Content::Whole));
    let nothing = DiffIndex::compute(&old, &old).unwrap();
    assert!(nothing.is_empty());
}

#[test]
fn ignored_files_are_not_seen_and_stay() {
    let lab = Lab::new();
    let (old, new, copy) = (
        lab.directory("old"),
        lab.directory("new"),
        lab.directory("copy"),
    );
    for directory in [&old, &new, &copy] {
        fs::write(directory.join(".hashgetignore"), "*.o\n!keep.o\ncache/\n").unwrap();
        fs::write(directory.join("x.o"), directory.to_str().unwrap()).unwrap();
        fs::write(directory.join("keep.o"), "same").unwrap();
        fs::create_dir(directory.join("cache")).unwrap();
        fs::write(directory.join("cache/y"), "").unwrap();
    }
    fs::write(new.join("keep.o"), "other").unwrap();
    for directory in [&old, &copy, &new] {
        for name in [".hashgetignore", "keep.o"] {
            let file = fs::File::open(directory.join(name)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
        let root = fs::File::open(directory).unwrap();
        root.set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    let names: Vec<String> = index(&old)
        .entries
        .iter()
        .map(|e| e.path.to_string())
        .collect();
    assert_eq!(names, [".", ".hashgetignore", "keep.o"]);
    let delta = lab.delta(&old, &new, false);
    apply_diff(&copy, &delta, &UNSYNCED, &Silent).unwrap();
    assert_eq!(fs::read(copy.join("keep.o")).unwrap(), b"other");
    assert_eq!(
        fs::read(copy.join("x.o")).unwrap(),
        copy.to_str().unwrap().as_bytes()
    );
    assert!(copy.join("cache/y").exists());
}

#[test]
fn patches_and_renames_keep_a_delta_small() {
    let lab = Lab::new();
    let (old, new) = (lab.directory("old"), lab.directory("new"));
    let noise = Random::new(1).bytes(1 << 20);
    fs::write(old.join("big"), &noise).unwrap();
    fs::write(old.join("lib.so.1.2"), &noise[..300_000]).unwrap();
    fs::write(old.join("moved"), &noise[5..200_000]).unwrap();
    let mut edited = noise.clone();
    edited[500_000] ^= 1;
    fs::write(new.join("big"), &edited).unwrap();
    fs::write(new.join("lib.so.1.3"), &noise[10..300_000]).unwrap();
    fs::create_dir(new.join("sub")).unwrap();
    fs::write(new.join("sub/other"), &noise[5..200_000]).unwrap();
    for by_files in [false, true] {
        let stats = make(&old, &new, &lab.path("delta"), by_files).unwrap();
        assert_eq!(
            (stats.patched_files, stats.moved_files, stats.whole_files),
            (2, 1, 0)
        );
        assert!(stats.delta_bytes < 8000, "{stats:?}");
    }
}
