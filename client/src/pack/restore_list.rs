//! The list of what an archive leaves out.

use std::collections::{BTreeSet, HashMap};

use hashget_common::digest::{Digest, HashSpec};
use hashget_common::expiry::Expiry;
use hashget_common::rel_path::RelPath;
use hashget_common::restore_file::{RestoreEntry, RestoreFile, RestoreFolder, RestorePackage};

use super::compact::Compacted;
use super::plan::{PackPlan, PlannedPackage};
use super::recheck::Fate;
use super::scan::PackScan;
use crate::tree::{FileId, TreeEntry};

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
    for (place, fate) in fates.iter().enumerate() {
        let Some(file) = scan.entries.file(place) else {
            continue;
        };
        if compacted.places.contains(&place) {
            parents.extend(scan.entries.parent(place));
            continue;
        }
        let Some(sha256) = scan.digest_of(place).filter(|_| *fate == Fate::LeaveOut) else {
            continue;
        };
        let entry = scan.entries.entry(place);
        let id = file.stamp.id;
        let first = first_names.get(&id).cloned();
        if file.links > 1 && first.is_none() {
            first_names.insert(id, entry.path.clone());
        }
        parents.extend(scan.entries.parent(place));
        let extents = scan.contents.extents(id).filter(|_| first.is_none());
        files.push(restore_entry(entry, sha256, extents.cloned(), first));
    }
    // Members that are folders come with their times.
    let is_listed = |place: &&usize| !compacted.places.contains(*place);
    let version = if compacted.members.is_empty() {
        RestoreFile::VERSION
    } else {
        RestoreFile::COMPACT_VERSION
    };
    let folders = parents
        .iter()
        .filter(is_listed)
        .map(|place| restore_folder(scan.entries.entry(*place)))
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
    entry: TreeEntry,
    sha256: Digest,
    extents: Option<Vec<(u64, u64)>>,
    hardlink: Option<RelPath>,
) -> RestoreEntry {
    let size = entry.stamp().map(|stamp| stamp.size);
    let metadata = entry.metadata;
    let low_bits = metadata.mode & 0o777;
    RestoreEntry {
        file: entry.path,
        sha256,
        size,
        mode: Some(low_bits),
        uid: Some(metadata.uid),
        gid: Some(metadata.gid),
        atime: Some(metadata.atime.seconds),
        ctime: Some(metadata.ctime.seconds),
        mtime: Some(metadata.mtime.seconds),
        mode_bits: (metadata.mode != low_bits).then_some(metadata.mode),
        atime_ns: metadata.atime.nanoseconds,
        mtime_ns: metadata.mtime.nanoseconds,
        user: metadata.user,
        group: metadata.group,
        xattrs: metadata.xattrs,
        extents,
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

fn restore_folder(entry: TreeEntry) -> RestoreFolder {
    let metadata = entry.metadata;
    RestoreFolder {
        folder: entry.path,
        atime: metadata.atime.seconds,
        atime_ns: metadata.atime.nanoseconds,
        mtime: metadata.mtime.seconds,
        mtime_ns: metadata.mtime.nanoseconds,
    }
}
