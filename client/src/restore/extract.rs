//! Unpacks an archive and restores what it left out, in one go.

use std::fs::File;
use std::io;
use std::path::Path;

use hashget_common::archive::{ArchiveKind, ArchiveOptions, Entry, Input, ReadError, read_archive};
use hashget_common::restore_file::RestoreFile;

use super::error::RestoreError;
use super::list;
use super::member::Extraction;
use super::members::expand;
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
    check(archive, &file, &target)?;
    let placer = Placer::new(&target, options.overwrite, options.fsync, monitor)
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
        Ok(()) => list_to_restore(archive, &target, options, json),
        Err(_) => Ok(None),
    };
    let expanded = list.and_then(|list| {
        let expanded = list.map(|list| expand(list, sources, monitor));
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
        // If this is killed from here on, `hashget -u` of the folder goes on.
        placer.finish_unpacking();
        let job = Job {
            list: &list.list,
            folders: &list.folders,
            lost: &list.lost,
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
) -> Result<Option<RestoreFile>, RestoreError> {
    if let Some(given) = &options.restore_file {
        return list::load(archive, Some(given)).map(Some);
    }
    let Some(json) = json else {
        return Ok(None);
    };
    let path = target.path().join(RestoreFile::NAME);
    RestoreFile::parse(&json)
        .map(Some)
        .map_err(|source| RestoreError::RestoreFile { path, source })
}

fn unpack(archive: &Path, file: File, extraction: &mut Extraction<'_>) -> Result<(), RestoreError> {
    let mut visit = |entry: &Entry, content: &mut dyn io::Read| extraction.member(entry, content);
    let options = ArchiveOptions {
        require_end: true,
        ..ArchiveOptions::default()
    };
    match read_archive(Input::File(file), &options, &mut visit) {
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
/// only account of what is missing from that one.
fn check(archive: &Path, file: &File, target: &Target) -> Result<(), RestoreError> {
    let open = RestoreError::open(archive);
    let own = if file.metadata().map_err(open)?.is_file() {
        list::find_in_sound_archive(archive)?
    } else {
        None
    };
    let Some(existing) = list::read_in(target)? else {
        return Ok(());
    };
    if own.is_none_or(|own| own == existing) {
        return Ok(());
    }
    Err(RestoreError::OtherRestoreFile {
        path: target.path().to_owned(),
    })
}
