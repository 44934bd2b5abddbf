//! Restores over an existing directory, after a reserve backup of it, and undoes that.
//!
//! The backup is restored beside the directory first. Only when it is whole the two are exchanged, in
//! one step of the system, so that being killed leaves the one or the other and nothing mixed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::rel_path::RelPath;
use jiff::Zoned;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Serialize;

use super::change_list::{ChangeList, Facts, state_digest, state_of};
use super::config::Section;
use super::destination::{Destination, sync_directory};
use super::error::SeriesError;
use super::manifest::{Manifest, read_change_list};
use super::name::BackupId;
use super::packing::pack_options;
use super::restore::{restore_archive, tell_unreadable, with_times_kept};

use super::sources::{SeriesSources, whole_archive};
use hashget_engine::pack::{ExtraContent, ExtraFile, Output, PackOptions, PackScan};
use hashget_engine::restore::{ExtractStats, RestoreOptions, RestoreSources};
use hashget_files::monitor::{Monitor, Silent};
use hashget_files::tree::{TreeRoot, WalkOptions, walk};

/// What a restore over an existing directory did.
#[derive(Clone, Debug, Serialize)]
pub struct InPlaceStats {
    /// What was restored.
    pub restored: ExtractStats,
    /// The reserve backup of the earlier content.
    pub reserve: Option<PathBuf>,
    /// Files and directories that the section excludes, which stayed.
    pub untouched_files: u64,
}

/// Makes `directory` exactly what it was at a backup. What the section excludes stays as it is. With
/// `reserve` all that is there is backed up first, on its own, for [`undo`].
pub fn restore_in_place(
    section: &Section,
    id: BackupId,
    directory: &Path,
    reserve: Option<&Zoned>,
    options: &RestoreOptions,
    others: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<InPlaceStats, SeriesError> {
    if reserve.is_some() {
        section.need_directory("reserve backups")?;
    }
    let archive = whole_archive(section, id, monitor)?;
    let sources = SeriesSources::new(section, others)?;
    sources.expect(&archive, &options.selection)?;
    let list = read_change_list(&archive)?;
    let count = tell_unreadable(&list, &options.selection, monitor);
    if count > 0 && reserve.is_none() {
        return Err(SeriesError::Lacking { id, count });
    }
    let directory = replaceable(directory, section)?;
    let (beside, restored) = restore_beside(&archive, &directory, id, options, &sources, monitor)?;
    let reserve = match reserve {
        Some(now) => Some(make_reserve(section, id, &directory, now, monitor)?),
        None => None,
    };
    exchange(beside.path(), &directory)?;
    // From here on the old tree is the one beside.
    let untouched_files = move_excluded(section, beside.path(), &directory)?;
    Ok(InPlaceStats {
        restored,
        reserve,
        untouched_files,
    })
}

/// Puts back what the last restore over `directory` replaced; gives the reserve backup, which stays.
pub fn undo(
    section: &Section,
    directory: &Path,
    options: &RestoreOptions,
    others: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<PathBuf, SeriesError> {
    let directory = replaceable(directory, section)?;
    let place = reserve_directory(section);
    let missing = || SeriesError::NoReserve {
        directory: directory.clone(),
        path: place.clone(),
    };
    let mut newest: Option<(i64, PathBuf, BackupId)> = None;
    for entry in fs::read_dir(&place).map_err(|_| missing())? {
        let path = entry.map_err(SeriesError::io("list", &place))?.path();
        let Ok(list) = read_change_list(&path) else {
            continue;
        };
        let facts = list.backup;
        if facts.source == source_of(&directory)
            && newest
                .as_ref()
                .is_none_or(|(made, ..)| *made < facts.created)
        {
            newest = Some((facts.created, path, facts.id()));
        }
    }
    let (_, archive, id) = newest.ok_or_else(missing)?;
    let (beside, _) = restore_beside(&archive, &directory, id, options, others, monitor)?;
    exchange(beside.path(), &directory)?;
    Ok(archive)
}

fn reserve_directory(section: &Section) -> PathBuf {
    section.destination.join(Destination::RESERVE)
}

/// A directory's path, as change lists have it.
fn source_of(directory: &Path) -> RelPath {
    let below = directory.strip_prefix("/").unwrap_or(directory);
    RelPath::from_path(below).unwrap_or_default()
}

/// The real path of a directory that can be exchanged with one beside it.
fn replaceable(directory: &Path, section: &Section) -> Result<PathBuf, SeriesError> {
    let directory = fs::canonicalize(directory).map_err(SeriesError::io("find", directory))?;
    let refuse = |what| SeriesError::NotReplaceable {
        path: directory.clone(),
        what,
    };
    let parent = directory.parent().ok_or_else(|| refuse("it is the root"))?;
    let device = |path: &Path| {
        let metadata = fs::metadata(path).map_err(SeriesError::io("find", path));
        metadata.map(|metadata| metadata.dev())
    };
    if !directory.is_dir() {
        return Err(refuse("it is no directory"));
    }
    if device(&directory)? != device(parent)? {
        return Err(refuse("a file system is mounted there"));
    }
    if fs::canonicalize(&section.destination).is_ok_and(|path| path.starts_with(&directory)) {
        return Err(refuse("the backups lie in it"));
    }
    Ok(directory)
}

/// Restores an archive into a new directory beside `directory`; fails unless it is complete.
fn restore_beside(
    archive: &Path,
    directory: &Path,
    id: BackupId,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<(tempfile::TempDir, ExtractStats), SeriesError> {
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let beside = tempfile::Builder::new()
        .prefix(".hashget-in-place-")
        .tempdir_in(parent)
        .map_err(SeriesError::io("create a directory in", parent))?;
    let stats = restore_archive(archive, beside.path(), options, sources, monitor)?;
    if stats.is_complete() {
        return Ok((beside, stats));
    }
    let missing = stats.restore.as_ref().map(|stats| &stats.missing);
    let example = missing.and_then(|missing| missing.first());
    Err(SeriesError::Incomplete {
        id: id.to_string(),
        missing: stats.failed_members + missing.map_or(0, |missing| missing.len() as u64),
        example: example.map_or_else(
            || "members of the archive".to_owned(),
            |missing| format!("{} ({})", missing.file, missing.why),
        ),
    })
}

/// Packs the whole directory on its own, excludes or not.
fn make_reserve(
    section: &Section,
    id: BackupId,
    directory: &Path,
    now: &Zoned,
    monitor: &dyn Monitor,
) -> Result<PathBuf, SeriesError> {
    let place = reserve_directory(section);
    fs::create_dir_all(&place).map_err(SeriesError::io("create", &place))?;
    let stamp = now.timestamp().strftime("%Y%m%dT%H%M%S%3fZ");
    let names = &section.names;
    let path = place.join(format!("{}{stamp}{}", names.prefix(), names.ending()));
    let compression = pack_options(section, &Destination::of(section))?.compression;
    let options = PackOptions {
        compression,
        filesz: 0,
        ..PackOptions::default()
    };
    let scan = PackScan::new(directory, None, &options, monitor)?;
    let files = state_of(&scan);
    let facts = reserve_facts(section, id, directory, now, state_digest(&files));
    let list = ChangeList::new(facts, Vec::new(), files);
    let mut packing = scan.leave_out_nothing();
    packing.add_files([ExtraFile {
        path: ChangeList::path(),
        content: ExtraContent::Bytes(serde_json::to_vec(&list)?),
    }]);
    let output = Output::File(path.clone());
    let stats = packing.write(output, None, monitor)?;
    if stats.problems > 0 {
        return Err(SeriesError::Incomplete {
            id: "of reserve".to_owned(),
            missing: stats.problems,
            example: "those reported above; nothing was replaced".to_owned(),
        });
    }
    Manifest::of_archive(&path)?;
    sync_directory(&place)?;
    Ok(path)
}

fn reserve_facts(
    section: &Section,
    id: BackupId,
    directory: &Path,
    now: &Zoned,
    state: Digest,
) -> Facts {
    Facts {
        profile: section.profile.clone(),
        section: section.name.clone(),
        series: id.series,
        point: id.point,
        created: now.timestamp().as_second(),
        comment: Some(format!("before {id} was restored over it")),
        mode: section.limits.mode,
        max_series: section.limits.max_series,
        max_series_length: section.limits.max_series_length,
        expires: Expiry::Never,
        source: source_of(directory),
        depends: Vec::new(),
        state,
        unchanged_files: 0,
        updated_files: 0,
        new_files: 0,
        deleted_files: 0,
        unreadable_files: 0,
        empty_allowed: false,
        tree_bytes: 0,
    }
}

fn exchange(beside: &Path, directory: &Path) -> Result<(), SeriesError> {
    let exchanged = renameat_with(CWD, beside, CWD, directory, RenameFlags::EXCHANGE);
    exchanged.map_err(|error| SeriesError::io("replace", directory)(io::Error::from(error)))?;
    sync_directory(directory.parent().unwrap_or(Path::new("/")))
}

/// Moves what the section excludes from the old tree to the same place in the new one.
fn move_excluded(section: &Section, old: &Path, new: &Path) -> Result<u64, SeriesError> {
    let root = TreeRoot::open(old)?;
    let options = pack_options(section, &Destination::of(section))?.walk;
    let paths = |options: &WalkOptions| -> Vec<RelPath> {
        let entries = walk(&root, options, &Silent);
        entries.into_iter().map(|entry| entry.path).collect()
    };
    let backed_up: std::collections::HashSet<RelPath> = paths(&options).into_iter().collect();
    let mut moved = 0;
    for path in paths(&WalkOptions::default()) {
        let Some(parent) = path.parent() else {
            continue;
        };
        let is_topmost = !backed_up.contains(&path) && backed_up.contains(&parent);
        let (from, to, into) = (path.under(old), path.under(new), parent.under(new));
        let is_free = fs::symlink_metadata(&to).is_err()
            && fs::symlink_metadata(&into).is_ok_and(|metadata| metadata.is_dir());
        if is_topmost && is_free {
            with_times_kept(&into, || fs::rename(&from, &to))
                .map_err(SeriesError::io("move back", &to))?;
            moved += 1;
        }
    }
    Ok(moved)
}
