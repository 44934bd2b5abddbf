//! Unpacks an archive and restores the files that it left out, in one go.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use hashget_archive::{ArchiveKind, ArchiveOptions, Entry, Input, ReadError, read_archive};
use hashget_words::restore_file::RestoreFile;

use super::ahead::{Ahead, ReadyPackages};
use super::error::RestoreError;
use super::execute::{Restored, Session};
use super::fetch::processors;
use super::list;
use super::member::Extraction;
use super::members::expand_with;
use super::options::{RestoreOptions, Selection};
use super::outcome::Tally;
use super::redirect::Redirects;
use super::run::lock;
use super::small_files::Workshop;
use super::sources::RestoreSources;
use super::stats::ExtractStats;
use super::untrusted::{Screen, archive_options};
use hashget_files::monitor::Monitor;
use hashget_files::place::Target;
use hashget_files::private::create_shared_directory;

/// Extracts the archive `archive` into the directory `target`, which is made if missing, then
/// restores the files that its restore file lists.
///
/// Members that would end up outside the directory, or on the far side of a symbolic link, are
/// refused, and the rest is extracted; they are counted and reported to the monitor. The archive is
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
    create_shared_directory(target).map_err(RestoreError::write(target))?;
    let target = Target::open(target).map_err(RestoreError::open(target))?;
    lock(&target)?;
    std::thread::scope(|scope| {
        let mut ahead = None;
        // That of the file that is read, whatever has its name by now.
        let owner = file.metadata().ok().map(|metadata| metadata.uid());
        let reading = archive_options(options.trust, owner);
        let named = Named {
            archive,
            file: &file,
            reading: reading.clone(),
        };
        let redirects = check(&named, &target, &options.selection, &mut |json| {
            if options.restore_file.is_none() {
                let read = move || Ahead::read(json, options, sources, monitor);
                ahead = Some(scope.spawn(read));
            }
        })?;
        let screen = Screen::new(options.trust, archive, owner, monitor);
        let session = Session::begin(&target, screen, options, sources, monitor)?;
        let sound = Sound {
            archive,
            file,
            reading,
            redirects,
        };
        extract_sound(sound, &session, || ahead.map(joined))
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// An archive that was found sound, unless it is a pipe.
struct Sound<'a> {
    archive: &'a Path,
    file: File,
    reading: ArchiveOptions,
    redirects: Redirects,
}

/// An archive that is to be looked at.
struct Named<'a> {
    archive: &'a Path,
    file: &'a File,
    reading: ArchiveOptions,
}

/// Extracts and restores; `ahead` gives what was done meanwhile.
fn extract_sound(
    sound: Sound<'_>,
    session: &Session<'_>,
    ahead: impl FnOnce() -> Option<Ahead>,
) -> Result<ExtractStats, RestoreError> {
    let archive = sound.archive;
    let tally = Tally::new(session.monitor);
    let (unpacked, json) = unpack_placing(sound, session, &tally);
    let mut stats = tally.into_stats();
    let restored = unpacked.and_then(|()| restore_listed(archive, session, json, ahead));
    let selects_all = session.options.selection.is_all();
    let done = restored.as_ref().ok().and_then(Option::as_ref);
    let ending = session.end(done.filter(|done| selects_all && done.needs_no_more()));
    if let Some(Restored {
        stats: mut listed,
        failure,
        ..
    }) = restored?
    {
        if let Some(source) = failure {
            return Err(RestoreError::write(session.placer.target.path())(source));
        }
        listed.restore_file_removed = ending.restore_file_removed;
        stats.restore = Some(listed);
    }
    stats.unset_owner_files = ending.unset_owner_files;
    stats.unset_metadata_files = ending.unset_metadata_files;
    stats.refused_parts = ending.refused_parts;
    Ok(stats)
}

/// Places the members of the archive. Gives its restore file, too.
fn unpack_placing(
    sound: Sound<'_>,
    session: &Session<'_>,
    tally: &Tally<'_>,
) -> (Result<(), RestoreError>, Option<Vec<u8>>) {
    let workshop = Workshop::new(&session.placer, session.options.overwrite, tally);
    let threads = match session.options.jobs {
        1 => 0,
        jobs => jobs.min(processors() as usize),
    };
    std::thread::scope(|scope| {
        let small_files = workshop.open(threads, scope);
        let Sound {
            archive,
            file,
            reading,
            redirects,
        } = sound;
        let mut extraction = Extraction::new(session, redirects, tally, small_files);
        let unpacked = unpack(archive, file, reading, &mut extraction);
        let (json, ended) = extraction.end();
        let target = session.placer.target.path();
        let ended = ended.map_err(RestoreError::write(target));
        (unpacked.and(ended), json)
    })
}

/// Restores what the archive left out, if it has a restore file or one was given.
fn restore_listed(
    archive: &Path,
    session: &Session<'_>,
    json: Option<Vec<u8>>,
    ahead: impl FnOnce() -> Option<Ahead>,
) -> Result<Option<Restored>, RestoreError> {
    let target = session.placer.target;
    let Some((list, ready)) = list_to_restore(archive, target, session.options, json, ahead)?
    else {
        return Ok(None);
    };
    let expanded = expand_with(list, ready, session.sources, session.monitor);
    super::run::check(&expanded, archive)?;
    // If this is killed from here on, `hashget restore` of the directory goes on.
    session.placer.finish_unpacking();
    Ok(Some(session.restore(&expanded)))
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

fn unpack(
    archive: &Path,
    file: File,
    reading: ArchiveOptions,
    extraction: &mut Extraction<'_>,
) -> Result<(), RestoreError> {
    let mut visit = |entry: &Entry, content: &mut dyn io::Read| extraction.member(entry, content);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let options = ArchiveOptions {
        require_end: true,
        on_problem: Some(Arc::new(move |problem| {
            let mut told = sink.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(problem.to_string());
        })),
        ..reading
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
/// the archive is still looked at. Gives the hard links to files that are not selected.
fn check(
    named: &Named<'_>,
    target: &Target,
    selection: &Selection,
    found: &mut dyn FnMut(Vec<u8>),
) -> Result<Redirects, RestoreError> {
    let Named {
        archive,
        file,
        reading,
    } = named;
    let existing = list::read_in(target)?;
    let mut is_other = false;
    let mut redirects = Redirects::default();
    let metadata = file.metadata().map_err(RestoreError::open(archive))?;
    if metadata.is_file() {
        let mut note = |entry: &Entry| {
            if !selection.is_all() {
                redirects.note(entry, selection);
            }
        };
        list::read_sound_archive(archive, reading.clone(), &mut note, &mut |json| {
            is_other = existing.as_ref().is_some_and(|existing| *existing != json);
            found(json);
        })?;
    }
    if is_other {
        return Err(RestoreError::OtherRestoreFile {
            path: target.path().to_owned(),
        });
    }
    Ok(redirects)
}
