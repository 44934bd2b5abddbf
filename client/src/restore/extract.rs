//! Unpacks an archive and restores what it left out, in one go.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use hashget_common::archive::{ArchiveKind, ArchiveOptions, Entry, Input, ReadError, read_archive};
use hashget_common::restore_file::RestoreFile;

use super::ahead::{Ahead, ReadyPackages};
use super::error::RestoreError;
use super::list;
use super::member::Extraction;
use super::members::expand_with;
use super::options::RestoreOptions;
use super::redirect::Redirects;
use super::run::{Job, lock};
use super::sources::RestoreSources;
use super::stats::ExtractStats;
use crate::monitor::Monitor;
use crate::place::{OwnerNames, Placer, Target};

/// Extracts the archive `archive` into the folder `target`, which is made if missing, then
/// restores the files that its restore file lists.
///
/// Members that would end up outside the folder, or on the far side of a symbolic link, are
/// refused, and the rest is extracted; they are counted and told to the monitor. The archive is
/// read to its end before the first file is placed, so that of a damaged one nothing gets a name
/// (unless it is a pipe, which can be read only once). An error means that nothing was done, that
/// the disk stopped the work, or that the archive, a pipe, is damaged.
pub fn extract(
    archive: &Path,
    target: &Path,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<ExtractStats, RestoreError> {
    let file = File::open(archive).map_err(RestoreError::open(archive))?;
    std::fs::create_dir_all(target).map_err(RestoreError::write(target))?;
    let target = Target::open(target).map_err(RestoreError::open(target))?;
    lock(&target)?;
    std::thread::scope(|scope| {
        let mut ahead = None;
        check(archive, &file, &target, &mut |json| {
            if options.restore_file.is_none() {
                let read = move || Ahead::read(json, options, sources, monitor);
                ahead = Some(scope.spawn(read));
            }
        })?;
        let ahead = || ahead.map(joined);
        extract_sound(archive, file, &target, options, sources, monitor, ahead)
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Extracts and restores; `ahead` gives what was done meanwhile.
fn extract_sound(
    archive: &Path,
    file: File,
    target: &Target,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
    ahead: impl FnOnce() -> Option<Ahead>,
) -> Result<ExtractStats, RestoreError> {
    let placer = Placer::new(target, options.overwrite, options.fsync, monitor)
        .map_err(RestoreError::open(target.path()))?;
    let owners = OwnerNames::read(options.owners);
    let redirects = if options.selection.is_all() {
        Redirects::default()
    } else {
        Redirects::find(archive, &options.selection)?
    };
    let mut extraction = Extraction::new(&placer, &owners, options, redirects, monitor);
    let mut result = unpack(archive, file, &mut extraction);
    let (mut stats, json) = extraction.end();
    let mut removable = false;
    let list = match &result {
        Ok(()) => list_to_restore(archive, target, options, json, ahead),
        Err(_) => Ok(None),
    };
    let expanded = list.and_then(|list| {
        let expanded = list.map(|(list, ready)| expand_with(list, ready, sources, monitor));
        if let Some(expanded) = &expanded {
            expanded.list.check().map_err(|source| {
                let path = archive.to_owned();
                RestoreError::RestoreFile { path, source }
            })?;
        }
        Ok(expanded)
    });
    let list = expanded.unwrap_or_else(|error| {
        result = Err(error);
        None
    });
    if let Some(list) = list {
        // If this is killed from here on, `hashget restore` of the folder goes on.
        placer.finish_unpacking();
        let job = Job {
            list: &list.list,
            folders: &list.folders,
            lost: &list.lost,
            ready: &list.ready,
            placer: &placer,
            owners: &owners,
            options,
            sources,
            monitor,
        };
        let (restored, complete, failure) = job.run();
        removable = complete && options.selection.is_all();
        if let Some(source) = failure {
            result = Err(RestoreError::write(target.path())(source));
        }
        stats.restore = Some(restored);
    }
    let removed = placer.finish_and_remove(removable);
    (stats.unset_owner_files, stats.unset_metadata_files) = placer.unset();
    if let Some(restored) = &mut stats.restore {
        restored.restore_file_removed = removed;
    }
    result.map(|()| stats)
}

/// What is to be restored: by the restore file that was given, else by the archive's own.
fn list_to_restore(
    archive: &Path,
    target: &Target,
    options: &RestoreOptions,
    json: Option<Vec<u8>>,
    ahead: impl FnOnce() -> Option<Ahead>,
) -> Result<Option<(RestoreFile, ReadyPackages)>, RestoreError> {
    if let Some(given) = &options.restore_file {
        let list = list::load(archive, Some(given))?;
        return Ok(Some((list, ReadyPackages::default())));
    }
    let Some(json) = json else {
        return Ok(None);
    };
    let (list, ready) = ahead()
        .and_then(|ahead| ahead.list(&json))
        .unwrap_or_else(|| (RestoreFile::parse(&json), ReadyPackages::default()));
    let path = target.path().join(RestoreFile::NAME);
    let list = list.map_err(|source| RestoreError::RestoreFile { path, source })?;
    Ok(Some((list, ready)))
}

fn unpack(archive: &Path, file: File, extraction: &mut Extraction<'_>) -> Result<(), RestoreError> {
    let mut visit = |entry: &Entry, content: &mut dyn io::Read| extraction.member(entry, content);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let options = ArchiveOptions {
        require_end: true,
        on_problem: Some(Arc::new(move |problem| {
            let mut told = sink.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(problem.to_string());
        })),
        ..ArchiveOptions::own()
    };
    let read = read_archive(Input::File(file), &options, &mut visit);
    for problem in told.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let text = format!("{}: {problem}", archive.display());
        extraction.warn(&text);
    }
    match read {
        Ok(ArchiveKind::NotArchive | ArchiveKind::Compressed(_)) => Err(RestoreError::NotArchive {
            path: archive.to_owned(),
        }),
        Ok(_) => Ok(()),
        Err(ReadError::Archive(source)) => Err(RestoreError::Archive {
            path: archive.to_owned(),
            source,
        }),
        Err(ReadError::Visit(source)) => {
            let target = extraction.target().path();
            Err(RestoreError::write(target)(source))
        }
    }
}

/// Refuses a damaged archive, and one whose restore file would replace that of another archive, the
/// only account of what is missing from that one. `found` gets the restore file while the rest of
/// the archive is still looked at.
fn check(
    archive: &Path,
    file: &File,
    target: &Target,
    found: &mut dyn FnMut(Vec<u8>),
) -> Result<(), RestoreError> {
    let existing = list::read_in(target)?;
    let mut is_other = false;
    if file
        .metadata()
        .map_err(RestoreError::open(archive))?
        .is_file()
    {
        list::read_sound_archive(archive, &mut |json| {
            is_other = existing.as_ref().is_some_and(|existing| *existing != json);
            found(json);
        })?;
    }
    if is_other {
        return Err(RestoreError::OtherRestoreFile {
            path: target.path().to_owned(),
        });
    }
    Ok(())
}
