//! Plans the restore of a directory, and runs it.

use std::path::Path;

use hashget_words::restore_file::RestoreFile;

use super::error::RestoreError;
use super::execute::Session;
use super::list;
use super::members::{Expanded, expand};
use super::options::RestoreOptions;
use super::plan::RestorePlan;
use super::planning::Planning;
use super::sources::RestoreSources;
use super::stats::RestoreStats;
use super::untrusted::{Screen, owner_of};
use hashget_files::monitor::{Monitor, Problem};
use hashget_files::place::Target;

/// Plans a [`restore`] of the directory `root`, or the [`extract`](super::extract) of the archive
/// `root` into an empty directory. Changes nothing on disk. Afterwards the selection knows what of it matched.
pub fn plan(
    root: &Path,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<RestorePlan, RestoreError> {
    let is_directory = std::fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
    let list = match &options.restore_file {
        None if !is_directory && !options.selection.is_all() => {
            list::load_selected(root, &options.selection)?
        }
        given => list::load(root, given.as_deref())?,
    };
    let expanded = expand(list, sources, monitor);
    for (group, _) in &expanded.unreadable {
        let problem = Problem::text(group.file.to_string(), group.why.clone());
        monitor.problem(&problem);
    }
    let target = is_directory.then(|| Target::open(root)).transpose();
    let target = target.map_err(RestoreError::open(root))?;
    let planning = Planning {
        options,
        sources,
        network: true,
        monitor,
    };
    Ok(planning.plan(&expanded.list, target.as_ref()))
}

/// Restores the files that the restore file in the directory `root` lists.
///
/// Files that could not be restored are listed in the result. An error means that the restore could
/// not begin, or that the disk failed. Even then every file under its final name is complete.
pub fn restore(
    root: &Path,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<RestoreStats, RestoreError> {
    let target = Target::open(root).map_err(RestoreError::open(root))?;
    lock(&target)?;
    let file = match &options.restore_file {
        Some(given) => given.clone(),
        None => root.join(RestoreFile::NAME),
    };
    let list = match &options.restore_file {
        Some(given) => list::load(root, Some(given))?,
        None => list::load_in(&target)?,
    };
    let expanded = expand(list, sources, monitor);
    check(&expanded, &file)?;
    let screen = Screen::new(options.trust, &file, owner_of(&file), monitor);
    let session = Session::begin(&target, screen, options, sources, monitor)?;
    let restored = session.restore(&expanded);
    let ending = session.end(Some(&restored).filter(|it| it.needs_no_more()));
    if let Some(source) = restored.failure {
        return Err(RestoreError::write(root)(source));
    }
    Ok(RestoreStats {
        restore_file_removed: ending.restore_file_removed,
        unset_owner_files: ending.unset_owner_files,
        unset_metadata_files: ending.unset_metadata_files,
        refused_parts: ending.refused_parts,
        ..restored.stats
    })
}

/// Refuses a list that makes no sense, once it is complete.
pub(super) fn check(expanded: &Expanded, at: &Path) -> Result<(), RestoreError> {
    expanded.list.check().map_err(|source| {
        let path = at.to_owned();
        RestoreError::RestoreFile { path, source }
    })
}

/// Takes the target for this restore alone.
pub(super) fn lock(target: &Target) -> Result<(), RestoreError> {
    match target.lock() {
        Ok(true) => Ok(()),
        Ok(false) => Err(RestoreError::Busy {
            path: target.path().to_owned(),
        }),
        Err(source) => Err(RestoreError::open(target.path())(source)),
    }
}
