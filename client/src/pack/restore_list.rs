//! The list of what an archive leaves out.

use std::collections::{BTreeSet, HashMap};

use hashget_common::digest::HashSpec;
use hashget_common::expiry::Expiry;
use hashget_common::rel_path::RelPath;
use hashget_common::restore_file::{RestoreEntry, RestoreFile, RestoreFolder, RestorePackage};

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
    expires: Expiry,
) -> RestoreFile {
    let mut first_names: HashMap<FileId, RelPath> = HashMap::new();
    let mut files = Vec::new();
    let mut parents = BTreeSet::new();
    for (entry, fate) in scan.entries.iter().zip(fates) {
        let TreeKind::File { id, links, .. } = entry.kind else {
            continue;
        };
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
    RestoreFile {
        version: Some(RestoreFile::VERSION),
        expires,
        files,
        packages: plan.packages.iter().map(restore_package).collect(),
        packagesize: plan.download_bytes,
        packagesize_exact: plan.download_exact,
        folders: parents
            .iter()
            .filter_map(|path| restore_folder(scan, path))
            .collect(),
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
