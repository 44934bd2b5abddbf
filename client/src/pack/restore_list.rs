//! The list of what an archive leaves out.

use std::collections::{BTreeSet, HashMap};

use hashget_common::digest::HashSpec;
use hashget_common::expiry::Expiry;
use hashget_common::rel_path::RelPath;
use hashget_common::restore_file::{RestoreEntry, RestoreFile, RestoreFolder, RestorePackage};

use super::compact::Compacted;
use super::plan::{PackPlan, PlannedPackage};
use super::recheck::Fate;
use super::scan::PackScan;
use crate::tree::{FileId, HashedFile, TreeEntry, TreeKind};

/// Lists what `fates` leaves out, the packages of `plan`, and the folders that files will be
/// restored into.
pub(super) fn restore_file(
    scan: &PackScan,
    fates: &[Fate],
    plan: &PackPlan,
    compacted: Compacted,
    expires: Expiry,
) -> RestoreFile {
    let mut first_names: HashMap<FileId, RelPath> = HashMap::new();
    let mut files = Vec::new();
    let mut parents = BTreeSet::new();
    for (place, (entry, fate)) in scan.entries.iter().zip(fates).enumerate() {
        let TreeKind::File { id, links, .. } = entry.kind else {
            continue;
        };
        if compacted.places.contains(&place) {
            parents.extend(entry.path.parent());
            continue;
        }
        let Some(content) = scan.contents.get(&id).filter(|_| *fate == Fate::LeaveOut) else {
            continue;
        };
        let first = first_names.get(&id).cloned();
        if links > 1 && first.is_none() {
            first_names.insert(id, entry.path.clone());
        }
        parents.extend(entry.path.parent());
        files.push(restore_entry(entry, content, first));
    }
    // Members that are folders come with their times.
    let is_listed = |path: &&RelPath| {
        let place = scan.entries.binary_search_by(|entry| entry.path.cmp(path));
        place.is_ok_and(|place| !compacted.places.contains(&place))
    };
    let version = if compacted.members.is_empty() {
        RestoreFile::VERSION
    } else {
        RestoreFile::COMPACT_VERSION
    };
    let folders = parents
        .iter()
        .filter(is_listed)
        .filter_map(|path| restore_folder(scan, path))
        .collect();
    RestoreFile {
        version: Some(version),
        expires,
        files,
        members: compacted.members,
        packages: plan.packages.iter().map(restore_package).collect(),
        packagesize: plan.download_bytes,
        packagesize_exact: plan.download_exact,
        folders,
    }
}

fn restore_entry(
    entry: &TreeEntry,
    content: &HashedFile,
    hardlink: Option<RelPath>,
) -> RestoreEntry {
    let metadata = &entry.metadata;
    let low_bits = metadata.mode & 0o777;
    RestoreEntry {
        file: entry.path.clone(),
        sha256: content.sha256,
        size: entry.stamp().map(|stamp| stamp.size),
        mode: Some(low_bits),
        uid: Some(metadata.uid),
        gid: Some(metadata.gid),
        atime: Some(metadata.atime.seconds),
        ctime: Some(metadata.ctime.seconds),
        mtime: Some(metadata.mtime.seconds),
        mode_bits: (metadata.mode != low_bits).then_some(metadata.mode),
        atime_ns: metadata.atime.nanoseconds,
        mtime_ns: metadata.mtime.nanoseconds,
        user: metadata.user.clone(),
        group: metadata.group.clone(),
        xattrs: metadata.xattrs.clone(),
        extents: content.extents.clone().filter(|_| hardlink.is_none()),
        hardlink,
    }
}

fn restore_package(package: &PlannedPackage) -> RestorePackage {
    RestorePackage {
        hash: HashSpec::from(package.sha256),
        url: package.url.clone(),
        urls: package.urls.clone(),
        size: package.size,
    }
}

fn restore_folder(scan: &PackScan, path: &RelPath) -> Option<RestoreFolder> {
    let place = scan
        .entries
        .binary_search_by(|entry| entry.path.cmp(path))
        .ok()?;
    let metadata = &scan.entries[place].metadata;
    Some(RestoreFolder {
        folder: path.clone(),
        atime: metadata.atime.seconds,
        atime_ns: metadata.atime.nanoseconds,
        mtime: metadata.mtime.seconds,
        mtime_ns: metadata.mtime.nanoseconds,
    })
}
