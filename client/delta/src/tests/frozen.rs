//! The samples under `tests/testdata/formats` are read for ever.

use std::fs::{self, File};
use std::io::Seek;
use std::path::PathBuf;

use super::super::patch::{Signature, patch};
use super::*;

fn sample(name: &str) -> PathBuf {
    let formats = "../../tests/testdata/formats/v1/delta";
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(formats)
        .join(name)
}

#[test]
fn an_index_of_version_1() {
    let index = DirIndex::from_file(&sample("folder.index")).unwrap();
    let names: Vec<String> = index.entries.iter().map(|e| e.path.to_string()).collect();
    assert_eq!(
        names,
        [
            ".", r"caf\xe9", "data", "fifo", "hard", "link", "sub", "sub/gone"
        ]
    );
    let state = fs::read_to_string(sample("folder.state")).unwrap();
    assert_eq!(index.state().unwrap().to_string(), state.trim());
    assert_eq!(index.signatures.len(), 1);
    assert!(index.get(&index.entries[2].path).unwrap().file().is_some());
}

#[test]
fn a_delta_of_version_1() {
    let diff = DiffIndex::from_archive(&sample("folder.delta.tgz")).unwrap();
    let index = DirIndex::from_file(&sample("folder.index")).unwrap();
    assert_eq!(diff.old_state, index.state().unwrap());
    let kinds = diff.kinds();
    assert!(kinds.contains(&ChangeKind::Updated) && kinds.contains(&ChangeKind::Deleted));
    assert!(
        kinds
            .iter()
            .any(|kind| matches!(kind, ChangeKind::Renamed(_)))
    );
    assert!(
        diff.changes
            .iter()
            .any(|c| matches!(c.content, Some(Content::Patch(_))))
    );
}

#[test]
fn patches_of_version_1() {
    let old = File::open(sample("patch.old")).unwrap();
    let new = fs::read(sample("patch.new")).unwrap();
    for name in ["blocks.patch", "prefix.patch"] {
        let bytes = fs::read(sample(name)).unwrap();
        let mut out = tempfile::tempfile().unwrap();
        patch(&old, &mut &bytes[..], &mut out, 1 << 20).unwrap();
        out.rewind().unwrap();
        assert_eq!(std::io::read_to_string(out).unwrap().as_bytes(), new);
    }
    let signature = Signature::from_bytes(&fs::read(sample("patch.signature")).unwrap()).unwrap();
    let old = fs::read(sample("patch.old")).unwrap();
    let made = super::super::patch::signature(&mut &old[..], old.len() as u64).unwrap();
    assert_eq!(signature, made);
}

/// Writes the samples, when a new version of the formats needs them: with the directory to write to in
/// `HASHGET_WRITE_DELTA_SAMPLES`.
#[test]
fn write_samples() {
    let Some(directory) = std::env::var_os("HASHGET_WRITE_DELTA_SAMPLES").map(PathBuf::from) else {
        return;
    };
    let text = |from: u32| -> String {
        let lines = (from..from + 600).map(|n| format!("line {}\n", n * 7919 % 10_007));
        lines.collect()
    };
    let (old, new) = (text(0), text(20));
    fs::write(directory.join("patch.old"), &old).unwrap();
    fs::write(directory.join("patch.new"), &new).unwrap();
    let size = old.len() as u64;
    let signature = super::super::patch::signature(&mut old.as_bytes(), size).unwrap();
    fs::write(directory.join("patch.signature"), signature.to_bytes()).unwrap();
    let options = super::super::patch::DiffOptions::default();
    let mut out = File::create(directory.join("blocks.patch")).unwrap();
    super::super::patch::diff(&signature, &mut new.as_bytes(), &mut out, options).unwrap();
    let mut out = File::create(directory.join("prefix.patch")).unwrap();
    let file = File::open(directory.join("patch.old")).unwrap();
    let size = new.len() as u64;
    super::super::patch::diff_with_old(&file, &mut new.as_bytes(), size, &mut out, options)
        .unwrap();

    let lab = Lab::new();
    let tree = lab.directory("d");
    let odd = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9");
    let odd: &std::ffi::OsStr = odd;
    fs::write(tree.join(odd), "odd").unwrap();
    fs::write(tree.join("data"), &old).unwrap();
    fs::hard_link(tree.join("data"), tree.join("hard")).unwrap();
    std::os::unix::fs::symlink("/nowhere", tree.join("link")).unwrap();
    let mode = rustix::fs::Mode::RUSR;
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, tree.join("fifo"), fifo, mode, 0).unwrap();
    fs::create_dir(tree.join("sub")).unwrap();
    fs::write(tree.join("sub/gone"), "gone").unwrap();
    let was = index(&tree);
    was.to_file(&directory.join("folder.index")).unwrap();
    fs::write(
        directory.join("folder.state"),
        was.state().unwrap().to_string(),
    )
    .unwrap();
    fs::remove_file(tree.join("hard")).unwrap();
    fs::write(tree.join("data"), &new).unwrap();
    fs::remove_file(tree.join("sub/gone")).unwrap();
    fs::rename(tree.join(odd), tree.join("sub/even")).unwrap();
    let diff = DiffIndex::compute(&was, &index(&tree)).unwrap();
    DiffData::new(diff, OldFiles::Signatures(&was.signatures), &tree)
        .create_archive(
            &directory.join("folder.delta.tgz"),
            &DataOptions::default(),
            &Silent,
        )
        .unwrap();
}
