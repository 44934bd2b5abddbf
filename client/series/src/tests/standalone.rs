//! Export, stationary backups, single files, restoring in place.

use hashget_tests::{Random, RandomTree, tree_listing};
use hashget_words::rel_path::RelPath;

use super::*;
use hashget_engine::pack::{Output, PackOptions, PackScan};
use hashget_engine::restore::extract;

/// Some backups of a random tree, with what the tree was at each.
fn history(options: &str, seed: u64) -> (Bed, BTreeMap<BackupId, Vec<String>>) {
    let mut bed = Bed::new(options);
    RandomTree::grow(&bed.section.source, 40, &mut Random::new(seed)).unwrap();
    let mut trees = BTreeMap::new();
    for number in 0..3 {
        fs::write(bed.source("small"), format!("{number}")).unwrap();
        fs::write(bed.source(&format!("large{number}")), vec![number; 20_000]).unwrap();
        fs::hard_link(
            bed.source(&format!("large{number}")),
            bed.source(&format!("link{number}")),
        )
        .unwrap();
        let id = bed.backup();
        trees.insert(id, tree_listing(&bed.section.source));
    }
    (bed, trees)
}

fn cat_text(bed: &Bed, id: BackupId, path: &str) -> Result<Vec<u8>, SeriesError> {
    let mut output = Vec::new();
    let path = RelPath::new(path.as_bytes()).unwrap();
    cat(&bed.section, id, &path, &mut output, &Nothing, &Silent)?;
    Ok(output)
}

#[test]
fn an_export_needs_no_base() {
    for (seed, mode) in [(1, "differential"), (2, "incremental"), (3, "differential")] {
        let options = format!("mode = '{mode}'\nmax_series = 2\nmax_series_length = 5");
        let (bed, trees) = history(&options, seed);
        let (id, tree) = trees.last_key_value().unwrap();
        let elsewhere = bed.directory.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let file = elsewhere.join("one.tar.gz");
        let stats = export(&bed.section, *id, &file, true, &Nothing, &Silent).unwrap();
        assert!(stats.inlined_files > 0);
        let out = elsewhere.join("out");
        let options = RestoreOptions::default();
        restore::restore_archive(&file, &out, &options, &Nothing, &Silent).unwrap();
        assert!(tree_listing(&out) == *tree, "seed {seed}");
    }
}

#[test]
fn stationary_backups_outlive_rotation() {
    let (mut bed, trees) = history("max_series = 1\nmax_series_length = 3", 4);
    let (id, tree) = trees.last_key_value().unwrap();
    keep_backup(&bed.section, *id, &Nothing, &Silent).unwrap();
    bed.backup();
    assert_eq!(bed.destination().backups().unwrap().len(), 1);
    let out = bed.restore(*id, "out").unwrap();
    assert!(tree_listing(&out) == *tree);
    assert!(list(&bed.section).unwrap().iter().any(|backup| backup.kept));
    let file = bed.destination().kept().archive(*id);
    let moved = bed.directory.path().join("moved.tar");
    fs::copy(&file, &moved).unwrap();
    assert!(import(&bed.section, &moved).is_err(), "the number is taken");
    fs::remove_file(file).unwrap();
    assert_eq!(import(&bed.section, &moved).unwrap(), *id);
}

#[test]
fn single_files_are_read_from_wherever_they_are() {
    let (bed, trees) = history("max_series = 2\nmax_series_length = 5", 5);
    let ids: Vec<BackupId> = trees.keys().copied().collect();
    assert_eq!(cat_text(&bed, ids[2], "small").unwrap(), b"2");
    assert_eq!(cat_text(&bed, ids[0], "small").unwrap(), b"0");
    for name in ["large0", "link0", "large2", "link2"] {
        let content = cat_text(&bed, ids[2], name).unwrap();
        assert_eq!(content.len(), 20_000, "{name}");
    }
    let error = cat_text(&bed, ids[1], "large2").unwrap_err();
    assert!(matches!(error, SeriesError::NoFile { .. }));
}

#[test]
fn in_place_is_exact_and_can_be_undone() {
    let (mut bed, trees) = history("max_series = 2\nmax_series_length = 5", 6);
    bed.section.exclude = vec!["big-cache".to_owned()];
    fs::create_dir(bed.source("big-cache")).unwrap();
    fs::write(bed.source("big-cache/x"), "stays").unwrap();
    fs::write(bed.source("after"), "would be lost").unwrap();
    let before = tree_listing(&bed.section.source);
    let (id, tree) = trees.first_key_value().unwrap();
    let directory = bed.section.source.clone();
    let options = RestoreOptions::default();
    let now = Some(&bed.now);
    let stats = restore_in_place(
        &bed.section,
        *id,
        &directory,
        now,
        &options,
        &Nothing,
        &Silent,
    )
    .unwrap();
    assert_eq!(stats.untouched_files, 1);
    assert_eq!(fs::read(bed.source("big-cache/x")).unwrap(), b"stays");
    let mut restored = tree_listing(&directory);
    restored.retain(|line| !line.starts_with("big-cache"));
    assert!(restored == *tree);
    undo(&bed.section, &directory, &options, &Nothing, &Silent).unwrap();
    assert!(tree_listing(&directory) == before);
    let beside = fs::read_dir(bed.directory.path()).unwrap().count();
    assert_eq!(beside, 3, "source, destination and state");
}

#[test]
fn a_backup_that_lacks_files_replaces_nothing_without_a_reserve() {
    let mut bed = Bed::new("max_series = 2\nmax_series_length = 5");
    fs::write(bed.source("kept"), "kept").unwrap();
    fs::write(bed.source("b"), "only here").unwrap();
    bed.broken = BTreeSet::from([RelPath::new(b"b").unwrap()]);
    let id = bed.backup();
    let source = bed.section.source.clone();
    let options = RestoreOptions::default();
    let error = restore_in_place(&bed.section, id, &source, None, &options, &Nothing, &Silent);
    assert!(
        matches!(error, Err(SeriesError::Lacking { count: 1, .. })),
        "{error:?}"
    );
    assert_eq!(fs::read(bed.source("b")).unwrap(), b"only here");
}

#[test]
fn a_directory_with_something_in_it_is_not_restored_into() {
    let (bed, trees) = history("max_series = 2\nmax_series_length = 5", 7);
    let (id, _) = trees.first_key_value().unwrap();
    let error = restore(
        &bed.section,
        *id,
        &bed.section.source,
        &RestoreOptions::default(),
        &Nothing,
        &Silent,
    );
    assert!(matches!(error.unwrap_err(), SeriesError::NotEmpty { .. }));
}

/// Restores an archive as `hashget -u` does; gives what is in the tree then.
fn extracted(archive: &Path, out: &Path) -> Vec<String> {
    let options = RestoreOptions::default();
    let stats = extract(archive, out, &options, &Nothing, &Silent).unwrap();
    assert!(stats.is_complete(), "{stats:?}");
    tree_listing(out)
}

#[test]
fn what_is_not_of_the_tree_goes_after_any_restore() {
    let (bed, trees) = history("max_series = 2\nmax_series_length = 5", 6);
    let ids: Vec<BackupId> = trees.keys().copied().collect();
    let at = |name: &str| bed.directory.path().join(name);
    let normal = bed.destination().archive(ids[0]);
    assert!(extracted(&normal, &at("normal")) == trees[&ids[0]]);
    let exported = at("exported.tar");
    export(&bed.section, ids[2], &exported, false, &Nothing, &Silent).unwrap();
    assert!(extracted(&exported, &at("exported")) == trees[&ids[2]]);
}

#[test]
fn what_no_restore_file_names_stays() {
    let (bed, trees) = history("max_series = 2\nmax_series_length = 5", 7);
    let (id, tree) = trees.first_key_value().unwrap();
    // An archive as it was before restore files named what is not of the tree.
    let unpacked = bed.directory.path().join("unpacked");
    let options = RestoreOptions {
        keep_restore_file: true,
        ..RestoreOptions::default()
    };
    let archive = bed.destination().archive(*id);
    extract(&archive, &unpacked, &options, &Nothing, &Silent).unwrap();
    let list = fs::read(unpacked.join(ChangeList::NAME)).unwrap();
    fs::remove_file(unpacked.join(".hashget-restore.json")).unwrap();
    let old = bed.directory.path().join("old.tar");
    let options = PackOptions::default();
    let scan = PackScan::new(&unpacked, None, &options, &Silent).unwrap();
    let output = Output::File(old.clone());
    let packing = scan.leave_out_nothing();
    packing.write(output, None, &Silent).unwrap();
    let out = bed.directory.path().join("by-restore");
    extracted(&old, &out);
    assert_eq!(fs::read(out.join(ChangeList::NAME)).unwrap(), list);
    let out = bed.directory.path().join("by-series");
    let options = RestoreOptions::default();
    restore::restore_archive(&old, &out, &options, &Nothing, &Silent).unwrap();
    let below = |tree: &[String]| tree[1..].to_vec();
    assert!(
        below(&tree_listing(&out)) == below(tree),
        "but for the root's times"
    );
}
