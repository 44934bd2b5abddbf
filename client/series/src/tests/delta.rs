//! Large files that changed, stored as patches.

use hashget_tests::{Random, tree_listing};
use hashget_words::rel_path::RelPath;

use super::damage::flip;
use super::*;
use hashget_files::monitor::Kept as Log;

/// A section with patches; `large` has 400,000 bytes that do not compress.
fn bed(options: &str) -> Bed {
    let bed = Bed::new(&format!("delta = true\n{options}"));
    fs::write(bed.source("large"), Random::new(9).bytes(400_000)).unwrap();
    fs::write(bed.source("small"), "s").unwrap();
    bed
}

/// Changes a few bytes of `large`, and makes a backup; gives how many files are patches in it.
fn edited(bed: &mut Bed, at: usize) -> (BackupId, u64) {
    let mut bytes = fs::read(bed.source("large")).unwrap();
    bytes[at..at + 10].copy_from_slice(b"0123456789");
    bytes.extend_from_slice(b"more");
    fs::write(bed.source("large"), bytes).unwrap();
    let Outcome::Made {
        backup,
        patched_files,
        ..
    } = bed.run()
    else {
        unreachable!("it changed")
    };
    (backup, patched_files)
}

fn size(bed: &Bed, id: BackupId) -> u64 {
    fs::metadata(bed.destination().archive(id)).unwrap().len()
}

fn cat_large(bed: &Bed, id: BackupId) -> Result<Vec<u8>, SeriesError> {
    let mut output = Vec::new();
    let path = RelPath::new(b"large").unwrap();
    cat(&bed.section, id, &path, &mut output, &Nothing, &Silent)?;
    Ok(output)
}

#[test]
fn a_large_file_that_changed_a_little_is_a_patch() {
    for mode in ["differential", "incremental"] {
        let mut bed = bed(&format!(
            "mode = '{mode}'\nmax_series = 2\nmax_series_length = 9"
        ));
        bed.backup();
        let mut contents = BTreeMap::new();
        for at in [1000, 300_000, 200_000] {
            let (id, patched) = edited(&mut bed, at);
            assert_eq!(patched, 1, "{mode}");
            assert!(size(&bed, id) < 50_000, "{mode} {id}: {}", size(&bed, id));
            contents.insert(id, tree_listing(&bed.section.source));
        }
        // Unchanged since: an incremental backup relies on the patch of the one before.
        fs::write(bed.source("small"), "t").unwrap();
        let last = bed.backup();
        contents.insert(last, tree_listing(&bed.section.source));
        assert!(size(&bed, last) < 50_000, "{mode}");
        for (id, listing) in &contents {
            let out = bed.restore(*id, &format!("{mode}{id}")).unwrap();
            assert!(tree_listing(&out) == *listing, "{mode} {id}");
        }
        assert!(verify(&bed.section).unwrap().is_good());
        assert_eq!(
            cat_large(&bed, last).unwrap(),
            fs::read(bed.source("large")).unwrap()
        );
        // What is known of the archives beside them is not needed.
        fs::remove_dir_all(bed.destination().path().join(Destination::STATE)).unwrap();
        let out = bed.restore(last, "again").unwrap();
        assert!(tree_listing(&out) == contents[&last]);
    }
}

#[test]
fn a_selected_path_is_made_of_its_patch() {
    let mut bed = bed("max_series = 2\nmax_series_length = 3");
    bed.backup();
    let (id, _) = edited(&mut bed, 5);
    let target = bed.directory.path().join("some");
    fs::create_dir(&target).unwrap();
    let path = RelPath::new(b"large").unwrap();
    let options = RestoreOptions {
        selection: Selection::new(&[] as &[&str], &[path]).unwrap(),
        ..RestoreOptions::default()
    };
    restore(&bed.section, id, &target, &options, &Nothing, &Silent).unwrap();
    let names = fs::read_dir(&target).unwrap();
    assert_eq!(names.count(), 1, "no patches lie about");
    assert_eq!(
        fs::read(target.join("large")).unwrap(),
        fs::read(bed.source("large")).unwrap()
    );
}

#[test]
fn an_export_has_whole_files() {
    let mut bed = bed("max_series = 1\nmax_series_length = 3");
    fs::hard_link(bed.source("large"), bed.source("link")).unwrap();
    bed.backup();
    let (id, patched) = edited(&mut bed, 5);
    assert_eq!(patched, 1);
    let listing = tree_listing(&bed.section.source);
    keep_backup(&bed.section, id, &Nothing, &Silent).unwrap();
    let file = bed.directory.path().join("one.tar.gz");
    export(&bed.section, id, &file, true, &Nothing, &Silent).unwrap();
    let kept = bed.destination().kept().archive(id);
    for (archive, name) in [(&file, "exported"), (&kept, "kept")] {
        let list = read_change_list(archive).unwrap();
        assert!(list.patches.is_empty() && list.version == 1);
        let out = bed.directory.path().join(name);
        let options = RestoreOptions::default();
        restore::restore_archive(archive, &out, &options, &Nothing, &Silent).unwrap();
        assert!(tree_listing(&out) == listing, "{name}");
    }
    fs::remove_file(&kept).unwrap();
    assert_eq!(import(&bed.section, &file).unwrap(), id);
    assert!(import(&bed.section, &bed.destination().archive(id)).is_err());
}

#[test]
fn what_a_patch_does_not_make_smaller_is_stored_whole() {
    let mut bed = bed("max_series = 2\nmax_series_length = 3");
    bed.backup();
    fs::write(bed.source("large"), Random::new(10).bytes(400_000)).unwrap();
    fs::write(bed.source("small"), "below the least size").unwrap();
    let id = bed.backup();
    let list = show(&bed.section, id).unwrap();
    assert!(list.patches.is_empty() && list.version == 1);
    assert!(size(&bed, id) > 400_000);
}

#[test]
fn without_the_setting_there_are_no_patches() {
    let mut bed = bed("max_series = 2\nmax_series_length = 3");
    bed.section.delta = false;
    bed.backup();
    assert_eq!(edited(&mut bed, 5).1, 0);
}

#[test]
fn a_damaged_base_is_named_with_the_file_and_nothing_wrong_is_written() {
    let mut bed = bed("max_series = 2\nmax_series_length = 3");
    bed.backup();
    let (id, _) = edited(&mut bed, 5);
    flip(&bed.destination().archive(BackupId::normal(1)));
    let told = Log::default();
    let out = bed.directory.path().join("out");
    let options = RestoreOptions::default();
    let stats = restore(&bed.section, id, &out, &options, &Nothing, &told).unwrap();
    assert!(!stats.is_complete());
    assert!(!out.join("large").exists(), "never a wrong file");
    let told = told.problems().join("\n");
    for word in ["large", "(Home)Docs_001[01].tar", "(Home)Docs_001.tar"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(cat_large(&bed, id).is_err());
    let file = bed.directory.path().join("one.tar");
    let exported = export(&bed.section, id, &file, false, &Nothing, &Silent);
    assert!(matches!(exported, Err(SeriesError::Incomplete { .. })));
    assert!(!file.exists());
    let check = verify(&bed.section).unwrap();
    assert_eq!(check.backups[1].lost_bases, ["(Home)Docs_001.tar"]);
}

#[test]
fn a_replica_gives_the_base_of_a_patch() {
    let mut bed = bed("max_series = 2\nmax_series_length = 3");
    bed.section.replicate_to = vec![bed.directory.path().join("replica")];
    bed.backup();
    let (id, _) = edited(&mut bed, 5);
    flip(&bed.destination().archive(BackupId::normal(1)));
    fs::remove_file(bed.destination().archive(id)).unwrap();
    fs::copy(
        bed.directory.path().join("replica/(Home)Docs_001[01].tar"),
        bed.destination().archive(id),
    )
    .unwrap();
    let out = bed.restore(id, "out").unwrap();
    assert!(tree_listing(&out) == tree_listing(&bed.section.source));
}

/// An archive with a patch, made again with the patch changed by `change`; not what is known of it.
fn rewritten(bed: &Bed, id: BackupId, change: impl Fn(&mut Vec<u8>)) {
    let archive = bed.destination().archive(id);
    let mut made = tar::Builder::new(Vec::new());
    let mut old = tar::Archive::new(fs::File::open(&archive).unwrap());
    for entry in old.entries().unwrap().raw(true) {
        let mut entry = entry.unwrap();
        let mut header = entry.header().clone();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        if header.path_bytes().starts_with(b"./.hashget-patches/") {
            change(&mut content);
            header.set_size(content.len() as u64);
            header.set_cksum();
        }
        made.append(&header, &content[..]).unwrap();
    }
    fs::write(&archive, made.into_inner().unwrap()).unwrap();
    let state = bed.destination().path().join(Destination::STATE);
    fs::remove_dir_all(state).unwrap();
}

#[test]
fn a_damaged_patch_is_found_even_where_nothing_else_is_known() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 3] = [
        |patch| {
            let middle = patch.len() / 2;
            patch[middle] ^= 1;
        },
        |patch| patch.truncate(20),
        Vec::clear,
    ];
    for damage in damages {
        let mut bed = bed("max_series = 2\nmax_series_length = 3");
        bed.backup();
        let (id, _) = edited(&mut bed, 5);
        rewritten(&bed, id, damage);
        let check = verify(&bed.section).unwrap();
        let told = check.backups[1].damage.clone().unwrap();
        assert!(told.contains("the patch of large"), "{told}");
        let out = bed.directory.path().join("out");
        let options = RestoreOptions::default();
        let stats = restore(&bed.section, id, &out, &options, &Nothing, &Silent).unwrap();
        assert!(!stats.is_complete() && !out.join("large").exists());
        // The next run begins a new series, or relies on the base alone; it loses nothing.
        let (next, _) = edited(&mut bed, 900);
        let restored = bed.restore(next, "next").unwrap();
        assert!(tree_listing(&restored) == tree_listing(&bed.section.source));
    }
}

#[test]
fn patches_of_killed_runs_are_removed() {
    let mut bed = bed("max_series = 2\nmax_series_length = 3");
    bed.backup();
    let next = "001[01]".parse().unwrap();
    let directory = bed.destination().incoming_patches(next);
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("half"), "half").unwrap();
    fs::write(bed.source("small"), "t").unwrap();
    assert_eq!(bed.run_with(false, false).unwrap().cleaned_files, 1);
    assert!(!directory.exists());
}
