//! The list of what an archive leaves out.

use std::collections::HashMap;

use hashget_words::digest::{Digest, HashSpec};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{
    EntriesJson, RestoreDirectory, RestoreEntry, RestoreFile, RestoreJson, RestorePackage,
};
use rayon::prelude::*;

use super::compaction::Compacted;
use super::extra::ExtraFile;
use super::plan::{PackPlan, PlannedPackage};
use super::recheck::Fate;
use super::scan::PackScan;
use hashget_files::tree::{EntryIndex, Extents, FileId, TreeEntry};

/// So many entries are written by one thread at a time.
const CHUNK_ENTRIES: usize = 512;

/// Lists what `fates` leaves out, the packages of `plan`, the directories that files will be restored
/// into, and what is in the archive besides the tree.
pub(super) fn restore_file(
    scan: &PackScan,
    fates: &[Fate],
    plan: &PackPlan,
    compacted: Compacted,
    extra: &[ExtraFile],
) -> Result<RestoreJson, serde_json::Error> {
    let mut first_names: HashMap<FileId, EntryIndex> = HashMap::new();
    let mut listed: Vec<Listed> = Vec::new();
    let mut is_parent = vec![false; fates.len()];
    for (index, fate) in scan.entries.indexes().zip(fates) {
        let is_compacted = compacted.indexes.contains(&index);
        if *fate != Fate::LeaveOut || scan.entries.is_directory(index) {
            continue;
        }
        if let Some(parent) = scan.entries.parent(index) {
            is_parent[parent.get()] = true;
        }
        if !is_compacted {
            let file = scan.entries.file(index).filter(|file| file.links > 1);
            let first = file.map(|file| *first_names.entry(file.stamp.id).or_insert(index));
            listed.push(Listed {
                index,
                first: first.filter(|first| *first != index),
            });
        }
    }
    let entries: Result<Vec<EntriesJson>, serde_json::Error> = listed
        .par_chunks(CHUNK_ENTRIES)
        .map(|listed| {
            let entries = listed.iter().filter_map(|listed| listed.entry(scan));
            EntriesJson::new(&entries.collect::<Vec<_>>())
        })
        .collect();
    // Members that are directories come with their times.
    let parents = scan.entries.indexes().zip(&is_parent);
    let parents = parents.filter(|(_, is_parent)| **is_parent);
    let parents = parents.map(|(index, _)| index);
    let directories = parents.filter(|index| !compacted.indexes.contains(index));
    let version = if compacted.members.is_empty() {
        RestoreFile::VERSION
    } else {
        RestoreFile::COMPACT_VERSION
    };
    let around = RestoreFile {
        version: Some(version),
        expires: scan.options.expires,
        files: Vec::new(),
        directories: directories
            .map(|index| restore_directory(scan.entries.entry(index)))
            .collect(),
        members: compacted.members,
        packages: plan.packages.iter().map(restore_package).collect(),
        packagesize: plan.download_bytes,
        packagesize_exact: plan.download_exact,
        own_members: extra.iter().map(|it| it.path.clone()).collect(),
    };
    RestoreJson::new(&around, entries?)
}

/// A file of the list.
struct Listed {
    index: EntryIndex,
    /// Where the first name of the same file is, if this is a further one.
    first: Option<EntryIndex>,
}

impl Listed {
    fn entry(&self, scan: &PackScan) -> Option<RestoreEntry> {
        let sha256 = scan.digest_of(self.index)?;
        let entry = scan.entries.entry(self.index);
        let hardlink = self.first.map(|first| scan.entries.path(first));
        let id = entry.stamp()?.id;
        let extents = scan.contents.extents(id).filter(|_| hardlink.is_none());
        Some(restore_entry(entry, sha256, extents.cloned(), hardlink))
    }
}

fn restore_entry(
    entry: TreeEntry,
    sha256: Digest,
    extents: Option<Extents>,
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

fn restore_directory(entry: TreeEntry) -> RestoreDirectory {
    let metadata = entry.metadata;
    RestoreDirectory {
        directory: entry.path,
        atime: metadata.atime.seconds,
        atime_ns: metadata.atime.nanoseconds,
        mtime: metadata.mtime.seconds,
        mtime_ns: metadata.mtime.nanoseconds,
    }
}
