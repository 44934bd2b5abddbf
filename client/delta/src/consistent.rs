//! Whether entries can be a directory at all.

use super::entry::IndexEntry;
use super::index::find;

/// Checks that entries are in order, each once, each in a directory that is among them, and that
/// hard links name the first name of a file with the same content and metadata; else says what is wrong.
pub(super) fn check(entries: &[IndexEntry]) -> Result<(), String> {
    let Some(root) = entries.first() else {
        return Err("it has no entries".to_owned());
    };
    if !root.path.is_root() || !root.is_directory() {
        return Err("it does not begin with the directory itself".to_owned());
    }
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].path >= pair[1].path) {
        return Err(format!("{} is not in its place", pair[1].path));
    }
    for entry in entries {
        check_parent(entries, entry)?;
        check_link(entries, entry)?;
    }
    Ok(())
}

fn check_parent(entries: &[IndexEntry], entry: &IndexEntry) -> Result<(), String> {
    let Some(parent) = entry.path.parent() else {
        return Ok(());
    };
    match find(entries, &parent) {
        Some(parent) if parent.is_directory() => Ok(()),
        _ => Err(format!("{} lies in no directory", entry.path)),
    }
}

fn check_link(entries: &[IndexEntry], entry: &IndexEntry) -> Result<(), String> {
    let Some(first) = entry.file().and_then(|file| file.hardlink.as_ref()) else {
        return Ok(());
    };
    let linked = find(entries, first).filter(|linked| {
        let is_first = linked.file().is_some_and(|file| file.hardlink.is_none());
        let metadata = |entry: &IndexEntry| (entry.mode, entry.uid, entry.gid, entry.mtime);
        is_first
            && linked.path < entry.path
            && linked.has_content_of(entry)
            && metadata(linked) == metadata(entry)
            && linked.xattrs == entry.xattrs
    });
    match linked {
        Some(_) => Ok(()),
        None => Err(format!("{} is a hard link to no such file", entry.path)),
    }
}
