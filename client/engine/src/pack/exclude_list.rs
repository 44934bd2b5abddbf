//! The list that tells another program what to leave out of its archive.
//!
//! Its lines are `./path`. `tar --exclude-from` and `restic --exclude-file` take them for patterns, so
//! only files are left out whose line can mean nothing else, for either program: the name has no
//! character that is special to one of them, and no other path ends in the same way (restic
//! matches a relative pattern at any depth, the directories above the packed one included).

use std::collections::HashSet;
use std::path::Path;

use hashget_words::rel_path::RelPath;

use super::recheck::Fate;
use super::scan::PackScan;
use hashget_files::tree::EntryIndex;

/// Takes out of `scan` the content of all files that a line of the list cannot name.
pub(super) fn keep_what_can_be_named(scan: &mut PackScan, real_root: &Path) {
    let hashed = (scan.entries.indexes()).filter(|index| scan.contents.digest(*index).is_some());
    let candidates: Vec<(EntryIndex, RelPath)> = hashed
        .map(|index| (index, scan.entries.path(index)))
        .collect();
    let names: HashSet<&[u8]> = candidates.iter().map(|(_, path)| path.as_bytes()).collect();
    let ambiguous = ambiguous(scan, &names, real_root);
    let cannot_be_named = |path: &RelPath| {
        has_special_characters(path.as_bytes()) || ambiguous.contains(path.as_bytes())
    };
    let dropped = candidates.iter().filter(|(_, path)| cannot_be_named(path));
    let dropped: Vec<EntryIndex> = dropped.map(|(index, _)| *index).collect();
    scan.contents.forget(&scan.entries, &dropped);
}

/// The list of what `fates` leaves out.
pub(super) fn exclude_list(scan: &PackScan, fates: &[Fate]) -> Vec<u8> {
    let mut list = Vec::new();
    for (index, fate) in scan.entries.indexes().zip(fates) {
        if *fate == Fate::LeaveOut {
            list.extend_from_slice(b"./");
            list.extend_from_slice(scan.entries.path(index).as_bytes());
            list.push(b'\n');
        }
    }
    list
}

/// The `names` that are also the end of another path.
fn ambiguous(scan: &PackScan, names: &HashSet<&[u8]>, real_root: &Path) -> HashSet<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let mut ambiguous = HashSet::new();
    let root = real_root.as_os_str().as_bytes();
    let mut check = |path: &[u8], own_start: usize| {
        let starts = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for start in starts.map(|(index, _)| index + 1) {
            if start != own_start && names.contains(&path[start..]) {
                ambiguous.insert(path[start..].to_vec());
            }
        }
    };
    for above in real_root.ancestors() {
        check(above.as_os_str().as_bytes(), usize::MAX);
    }
    let mut path = [root, b"/"].concat();
    let own_start = path.len();
    for index in scan.entries.indexes() {
        path.truncate(own_start);
        path.extend_from_slice(scan.entries.path(index).as_bytes());
        check(&path, own_start);
    }
    ambiguous
}

/// Whether tar or restic takes the name for something else: patterns, variables, space that is cut
/// off, what is no text.
fn has_special_characters(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return true;
    };
    name.trim_end() != name || name.contains(|c: char| c.is_control() || "*?[]\\$".contains(c))
}
