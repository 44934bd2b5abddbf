//! Whether a directory is in the state that a delta is for.

use std::collections::BTreeSet;
use std::io;

use hashget_words::rel_path::RelPath;
use rustix::fs::Dir;

use super::steps::Steps;
use crate::change::Change;
use crate::diff::{DiffIndex, kept_directories};
use crate::entry::IndexEntry;
use crate::error::{Difference, Differences};
use crate::index::{IndexedTree, find};
use hashget_files::place::Target;

/// Compares the directory with the old state; all that differs otherwise.
pub(super) fn check(
    _path: &std::path::Path,
    before: &IndexedTree,
    diff: &DiffIndex,
) -> Result<(), Differences> {
    let entries = &before.index.entries;
    let mut differences = Vec::new();
    for change in &diff.changes {
        let path = change.path();
        compare(
            find(entries, &path),
            change.old.as_ref(),
            &path,
            &mut differences,
        );
    }
    compare_kept(entries, diff, &mut differences);
    if differences.is_empty() && before.index.state().ok() != Some(diff.old_state) {
        push(
            &mut differences,
            &RelPath::root(),
            "the delta contradicts itself",
        );
    }
    answer(differences)
}

fn compare(
    is: Option<&IndexEntry>,
    wanted: Option<&IndexEntry>,
    path: &RelPath,
    differences: &mut Vec<Difference>,
) {
    let what = match (is, wanted) {
        (None, None) => return,
        (Some(_), None) => "is there, and should not be".to_owned(),
        (None, Some(_)) => "is missing".to_owned(),
        (Some(is), Some(wanted)) if is.is_same(wanted) => return,
        (Some(is), Some(wanted)) => {
            let what = wanted.differences(is).join(", ");
            format!("{what} should be otherwise")
        }
    };
    push(differences, path, &what);
}

/// Of what does not change a delta has only digests, one a directory.
fn compare_kept(entries: &[IndexEntry], diff: &DiffIndex, differences: &mut Vec<Difference>) {
    let touched: BTreeSet<RelPath> = diff.changes.iter().map(Change::path).collect();
    let Ok(mut is) = kept_directories(entries, &touched) else {
        return push(differences, &RelPath::root(), "cannot be told");
    };
    for kept in &diff.kept {
        if is.remove(&kept.directory) != Some(kept.sha256) {
            let what = "something in it, which the delta does not change, should be otherwise";
            push(differences, &kept.directory, what);
        }
    }
    for directory in is.keys() {
        let surplus = entries.iter().filter(|entry| {
            entry.path.parent().as_ref() == Some(directory) && !touched.contains(&entry.path)
        });
        for entry in surplus {
            push(differences, &entry.path, "is there, and should not be");
        }
    }
}

/// Checks what the index does not see: nothing may be in the way, and a directory that is to go
/// may hold nothing that was left out of the index.
pub(super) fn check_room(
    target: &Target,
    before: &IndexedTree,
    steps: &Steps,
) -> Result<(), Differences> {
    let entries = &before.index.entries;
    let mut differences = Vec::new();
    let is_directory = |path: &RelPath| find(entries, path).is_some_and(IndexEntry::is_directory);
    let placed = steps.placed.iter().map(|placed| &placed.path);
    for path in placed.chain(&steps.made) {
        let has_parent = path.parent().is_some_and(|parent| is_directory(&parent));
        if find(entries, path).is_none() && has_parent && !matches!(target.stat(path), Ok(None)) {
            let what = "something that the index leaves out is in the way";
            push(&mut differences, path, what);
        }
    }
    for removed in &steps.removed {
        let below = entries
            .iter()
            .filter(|entry| entry.is_directory() && entry.path.starts_with(&removed.path));
        for directory in below {
            unseen(target, entries, &directory.path, &mut differences);
        }
    }
    answer(differences)
}

fn unseen(
    target: &Target,
    entries: &[IndexEntry],
    directory: &RelPath,
    differences: &mut Vec<Difference>,
) {
    let names = || -> io::Result<Vec<Vec<u8>>> {
        let handle = target.directory(directory)?;
        let names = Dir::read_from(handle)?;
        names
            .map(|entry| Ok(entry?.file_name().to_bytes().to_vec()))
            .collect()
    };
    let names = match names() {
        Ok(names) => names,
        Err(error) => {
            return push(
                differences,
                directory,
                &format!("cannot be listed: {error}"),
            );
        }
    };
    for name in names {
        if let Ok(path) = directory.join(&name)
            && path != *directory
            && find(entries, &path).is_none()
        {
            let what = "its directory is to go, and the index leaves this out";
            push(differences, &path, what);
        }
    }
}

fn push(differences: &mut Vec<Difference>, path: &RelPath, what: &str) {
    differences.push(Difference {
        path: path.clone(),
        what: what.to_owned(),
    });
}

fn answer(differences: Vec<Difference>) -> Result<(), Differences> {
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Differences(differences))
    }
}
