//! Whether a destination is where it was: a file system that is not mounted is not an empty one.

use std::fs;
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;

use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::run_options::RunOptions;
use hashget_files::monitor::{Level, Monitor};

/// Fails if a run would make anew what an earlier run of this machine knew, or if the directory
/// that the destination would lie in is missing.
pub(super) fn check(section: &Section, options: &RunOptions) -> Result<(), SeriesError> {
    let path = &section.destination;
    let is_standing = path.join(Destination::STATE).is_dir() || has_backups(section, path);
    if section.remote.is_some() || is_standing {
        return Ok(());
    }
    let knew = options.state.as_deref().map(|state| mark(section, state));
    let is_known = knew.is_some_and(|mark| mark.is_file());
    let has_parent = path.is_dir() || path.parent().is_some_and(Path::is_dir);
    let refused = is_known && !options.new_destination;
    if refused || !has_parent {
        return Err(SeriesError::NoDestination {
            path: path.clone(),
            was_there: is_known,
        });
    }
    Ok(())
}

/// Remembers that the destination of a section is there.
pub(super) fn remember(section: &Section, options: &RunOptions) -> Result<(), SeriesError> {
    let Some(state) = options
        .state
        .as_deref()
        .filter(|_| section.remote.is_none())
    else {
        return Ok(());
    };
    let mark = mark(section, state);
    if mark.is_file() {
        return Ok(());
    }
    let write = || {
        fs::create_dir_all(state)?;
        let name = format!(
            "{} {}\n",
            section.full_name(),
            section.destination.display()
        );
        fs::write(&mark, name)
    };
    write().map_err(SeriesError::io("write", &mark))
}

fn mark(section: &Section, state: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let mut name = section.full_name().into_bytes();
    name.push(0);
    name.extend(section.destination.as_os_str().as_bytes());
    state.join(Digest::of(&name).to_string())
}

/// The section as it can be read: if its destination is gone, with the first replica that has
/// backups in its place, with a report.
pub fn readable(section: &Section, monitor: &dyn Monitor) -> Result<Section, SeriesError> {
    if section.remote.is_some() || has_backups(section, &section.destination) {
        return Ok(section.clone());
    }
    let mut replicas = section.replicate_to.iter();
    let replica = replicas.find(|path| has_backups(section, path));
    if let Some(replica) = replica {
        let text = format!(
            "{} has no backups of {}: going on from the replica {}",
            section.destination.display(),
            section.full_name(),
            replica.display()
        );
        monitor.message(Level::Warning, &text);
        return Ok(Section {
            destination: replica.clone(),
            ..section.clone()
        });
    }
    if section.destination.is_dir() {
        return Ok(section.clone());
    }
    Err(SeriesError::NoDestination {
        path: section.destination.clone(),
        was_there: false,
    })
}

fn has_backups(section: &Section, path: &Path) -> bool {
    let directory = Destination::new(path, &section.names);
    directory.backups().is_ok_and(|backups| !backups.is_empty())
}
