//! Restores a backup, all of it or some paths.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::change_list::ChangeList;
use super::config::Section;
use super::error::SeriesError;
use super::manifest::read_change_list;
use super::name::BackupId;
use super::sources::{SeriesSources, whole_archive};
use super::stored_patch::StoredPatch;
use hashget_engine::restore::{ExtractStats, RestoreOptions, RestoreSources, Selection, extract};
use hashget_files::monitor::{Monitor, Problem};

/// Restores a backup into `directory`, which is made if missing. The whole backup goes only into an
/// empty directory, which is then exactly as the source was; selected paths go into any.
///
/// The base is read only as far as its files are needed, and nothing superfluous is ever written:
/// what was deleted between base and backup does not appear.
pub fn restore(
    section: &Section,
    id: BackupId,
    directory: &Path,
    options: &RestoreOptions,
    others: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<ExtractStats, SeriesError> {
    if options.selection.is_all() && !is_empty(directory)? {
        let path = directory.to_owned();
        return Err(SeriesError::NotEmpty { path });
    }
    let archive = whole_archive(section, id, monitor)?;
    let sources = SeriesSources::new(section, others)?;
    sources.expect(&archive, &options.selection)?;
    let list = read_change_list(&archive)?;
    if !list
        .present()
        .any(|change| options.selection.contains(&change.path))
    {
        return Err(SeriesError::NothingSelected { id });
    }
    tell_unreadable(&list, &options.selection, monitor);
    restore_archive(&archive, directory, options, &sources, monitor)
}

/// Reports wanted files that could not be read when the backup was made; returns how many.
pub(super) fn tell_unreadable(
    list: &ChangeList,
    selection: &Selection,
    monitor: &dyn Monitor,
) -> u64 {
    let mut count = 0;
    let id = list.backup.id();
    let unreadable = list.present().filter(|change| change.unreadable);
    for change in unreadable.filter(|change| selection.contains(&change.path)) {
        count += 1;
        let text = format!("could not be read when backup {id} was made, and is not in it");
        let path = change.path.to_string();
        monitor.problem(&Problem::text(
            if path.is_empty() {
                ".".to_owned()
            } else {
                path
            },
            text,
        ));
    }
    count
}

/// Restores an archive of a series.
pub(super) fn restore_archive(
    archive: &Path,
    directory: &Path,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<ExtractStats, SeriesError> {
    let stats = extract(archive, directory, options, sources, monitor)?;
    let list = ChangeList::path();
    if options.selection.contains(&list) {
        let path = directory.join(ChangeList::NAME);
        with_times_kept(directory, || gone(fs::remove_file(&path)))
            .map_err(SeriesError::io("remove", &path))?;
    }
    let patches = directory.join(StoredPatch::DIRECTORY);
    if options.selection.is_all() && fs::symlink_metadata(&patches).is_ok() {
        with_times_kept(directory, || gone(fs::remove_dir_all(&patches)))
            .map_err(SeriesError::io("remove", &patches))?;
    }
    Ok(stats)
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Does something in a directory that disturbs its times, and sets them again.
pub(super) fn with_times_kept(
    directory: &Path,
    act: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let before = fs::symlink_metadata(directory)?;
    act()?;
    let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: time(before.atime(), before.atime_nsec()),
        last_modification: time(before.mtime(), before.mtime_nsec()),
    };
    Ok(utimensat(
        CWD,
        directory,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

fn is_empty(directory: &Path) -> Result<bool, SeriesError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(SeriesError::io("list", directory)(error)),
    }
}
