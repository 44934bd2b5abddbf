//! Looks at backups without restoring them.

use std::collections::BTreeMap;

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use serde::Serialize;

use super::change_list::{Change, ChangeList, Facts, Kind, compare};
use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::read_change_list;
use super::name::BackupId;
use hashget_files::monitor::error_chain;

/// A backup in a list.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub backup: BackupId,
    /// The name of its archive.
    pub archive: String,
    /// Whether it is stationary.
    pub kept: bool,
    /// The size of its archive, in bytes.
    pub archive_bytes: u64,
    /// What it is.
    #[serde(flatten)]
    pub facts: Option<Facts>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// All backups of a section: in order those that rotate, then the stationary ones.
pub fn list(section: &Section) -> Result<Vec<Listed>, SeriesError> {
    let destination = Destination::of(section);
    let mut listed = Vec::new();
    for (kept, directory) in [(false, &destination), (true, &destination.kept())] {
        for (id, manifest) in directory.manifests()? {
            let size = directory.size(id);
            let damage = manifest.as_ref().err().map(|error| error_chain(error));
            let known = manifest.ok().or_else(|| directory.remembered(id));
            listed.push(Listed {
                backup: id,
                archive: directory.names().name(id),
                kept,
                archive_bytes: size.unwrap_or(0),
                facts: known.map(|manifest| manifest.facts),
                damage,
            });
        }
    }
    Ok(listed)
}

/// The change list of a backup.
pub fn show(section: &Section, id: BackupId) -> Result<ChangeList, SeriesError> {
    let destination = Destination::of(section);
    if destination.backups()?.contains(&id) {
        return read_change_list(&destination.fetch(id)?);
    }
    let kept = destination.kept().archive(id);
    if kept.is_file() {
        return read_change_list(&kept);
    }
    Err(SeriesError::NoBackup {
        id: id.to_string(),
        path: destination.path().to_owned(),
    })
}

/// What became of each file from backup `old` to backup `new`.
pub fn diff(section: &Section, old: BackupId, new: BackupId) -> Result<Vec<Change>, SeriesError> {
    let old = show(section, old)?;
    let new: Vec<Change> = show(section, new)?.present().cloned().collect();
    Ok(compare(new, &old.files))
}

/// One version of a file, and the backups that hold it.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// Where the file is.
    pub path: RelPath,
    /// The size, in bytes.
    pub size: Option<u64>,
    pub sha256: Option<Digest>,
    /// Last modification, seconds since 1970.
    pub mtime: i64,
    /// Whether it could not be read: then these backups do not hold it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
    /// The backups that hold it.
    pub backups: Vec<BackupId>,
}

/// The versions of the files that `matches`, by path, then oldest backup first.
pub fn find(
    section: &Section,
    matches: &dyn Fn(&RelPath) -> bool,
) -> Result<Vec<Version>, SeriesError> {
    let mut found: BTreeMap<RelPath, Vec<Version>> = BTreeMap::new();
    for id in Destination::of(section).backups()? {
        let list = show(section, id)?;
        let files = list.present().filter(|change| change.kind == Kind::File);
        for change in files.filter(|change| matches(&change.path)) {
            let versions = found.entry(change.path.clone()).or_default();
            let same = |version: &&mut Version| {
                (
                    version.size,
                    version.sha256,
                    version.mtime,
                    version.unreadable,
                ) == (change.size, change.sha256, change.mtime, change.unreadable)
            };
            match versions.iter_mut().find(same) {
                Some(version) => version.backups.push(id),
                None => versions.push(Version {
                    path: change.path.clone(),
                    size: change.size,
                    sha256: change.sha256,
                    mtime: change.mtime,
                    unreadable: change.unreadable,
                    backups: vec![id],
                }),
            }
        }
    }
    Ok(found.into_values().flatten().collect())
}
