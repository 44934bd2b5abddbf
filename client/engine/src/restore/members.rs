//! What a compact restore file means, file by file.

use std::collections::BTreeMap;

use hashget_words::digest::{Digest, HashSpec};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreEntry, RestoreFile, RestoreMembers};

use super::ahead::ReadyPackages;
use super::fetch::processors;
use super::list::reference;
use super::sources::RestoreSources;
use super::stats::MissingFile;
use hashget_files::monitor::{Level, Monitor, error_chain};
use hashget_files::package_members::{Member, Selected, read_members, select};

/// A restore file in which every file is listed.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) list: RestoreFile,
    /// Directories that are members of packages, sorted by path.
    pub(crate) directories: Vec<RestoreEntry>,
    /// What could not be listed, each group with the directory that it belongs into and its
    /// package's digest, and how many files it is.
    pub(crate) unreadable: Vec<(MissingFile, u64)>,
    /// Packages that were read for this.
    pub(super) ready: ReadyPackages,
}

impl Expanded {
    /// Only what is listed.
    pub(crate) fn of(list: RestoreFile) -> Self {
        Self {
            list,
            directories: Vec::new(),
            unreadable: Vec::new(),
            ready: ReadyPackages::default(),
        }
    }
}

/// Lists what `list` means by members of packages, which takes reading these packages.
///
/// A package comes from `sources` with its hash checked, so what is in it is what was packed; and
/// what is listed has the sum that was written then.
pub(crate) fn expand(
    list: RestoreFile,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Expanded {
    expand_with(list, ReadyPackages::default(), sources, monitor)
}

/// Like [`expand`], with packages that are `ready`.
pub(super) fn expand_with(
    mut list: RestoreFile,
    ready: ReadyPackages,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Expanded {
    let mut groups: BTreeMap<String, Vec<RestoreMembers>> = BTreeMap::new();
    for members in std::mem::take(&mut list.members) {
        let key = members.package.to_string();
        groups.entry(key).or_default().push(members);
    }
    let mut directories = BTreeMap::new();
    let mut missed = Vec::new();
    for groups in groups.into_values() {
        let members = members_of(&list, &groups[0].package, &ready, sources, monitor);
        for group in groups {
            let selected = match &members {
                Ok(members) => select(&group, members),
                Err(why) => Err(why.clone()),
            };
            match selected {
                Ok(selected) => add(selected, &mut list, &mut directories),
                Err(why) => missed.push((missing(&group, &why), group.files)),
            }
        }
    }
    list.files.sort_by(|a, b| a.file.cmp(&b.file));
    Expanded {
        list,
        directories: directories.into_values().collect(),
        unreadable: missed,
        ready,
    }
}

/// The members of one package, or why they cannot be fetched.
fn members_of(
    list: &RestoreFile,
    package: &HashSpec,
    ready: &ReadyPackages,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<Vec<Member>, String> {
    let known = list.packages.iter().find(|known| known.hash == *package);
    let known = known.ok_or("the restore file does not say where its package is")?;
    let wanted = reference(known);
    let Some(sha256) = wanted.sha256 else {
        return Err("its package has no SHA-256 to check".to_owned());
    };
    let text = format!("reading what is in {}", known.url);
    monitor.message(Level::Detail, &text);
    let local = match ready.take(&sha256) {
        Some(local) => local,
        None => sources
            .package(&wanted, monitor)
            .map_err(|error| error_chain(&*error))?,
    };
    let file = local.file.try_clone().map_err(|error| error.to_string())?;
    let members =
        read_members(local.limits(), file, processors()).map_err(|error| error_chain(&error));
    // It will be read again, for the contents.
    ready.keep(local);
    members
}

fn missing(group: &RestoreMembers, why: &str) -> MissingFile {
    let why: Vec<&str> = why.lines().map(str::trim).collect();
    MissingFile {
        file: group.into.clone(),
        sha256: group.package.sha256().unwrap_or(group.sum),
        size: Some(group.bytes),
        why: format!(
            "{} files and {} directories that are members of the package with this hash: {}",
            group.files,
            group.directories,
            why.join("; ")
        ),
    }
}

fn add(
    selected: Vec<Selected>,
    list: &mut RestoreFile,
    directories: &mut BTreeMap<RelPath, RestoreEntry>,
) {
    for selected in selected {
        let is_directory = selected.content.is_none();
        let entry = entry_of(selected);
        if is_directory {
            directories.insert(entry.file.clone(), entry);
        } else {
            list.files.push(entry);
        }
    }
}

/// An entry that says what the member's place in the package says. Directories have the digest of nothing.
fn entry_of(selected: Selected) -> RestoreEntry {
    let Selected {
        path,
        content,
        metadata,
    } = selected;
    let low_bits = metadata.mode & 0o777;
    let owner = metadata.owner;
    RestoreEntry {
        file: path,
        sha256: content.map_or_else(|| Digest::of(b""), |content| content.sha256),
        size: content.map(|content| content.size),
        mode: Some(low_bits),
        uid: owner.as_ref().map(|owner| owner.uid),
        gid: owner.as_ref().map(|owner| owner.gid),
        atime: None,
        ctime: None,
        mtime: Some(metadata.mtime.seconds),
        mode_bits: (metadata.mode != low_bits).then_some(metadata.mode),
        atime_ns: 0,
        mtime_ns: metadata.mtime.nanoseconds,
        user: owner.as_ref().and_then(|owner| owner.user.clone()),
        group: owner.and_then(|owner| owner.group),
        xattrs: metadata.xattrs,
        hardlink: None,
        extents: None,
    }
}
