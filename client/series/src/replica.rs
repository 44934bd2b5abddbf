//! Copies of the archives in other directories.

use hashget_files::private::{create_own, open_regular};
use std::io;
use std::path::Path;

use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::hash_file;
use super::name::BackupId;
use super::rules::Removal;
use hashget_files::monitor::{Monitor, Problem};

/// Fails if a replica has backups: a destination without any is then probably not mounted, and
/// starting over would put other archives under the same names.
pub(super) fn refuse_forgotten(section: &Section) -> Result<(), SeriesError> {
    for directory in &section.replicate_to {
        let replica = Destination::new(directory, &section.names);
        if !replica.backups()?.is_empty() {
            return Err(SeriesError::EmptyDestination {
                path: section.destination.clone(),
                replica: directory.clone(),
            });
        }
    }
    Ok(())
}

/// Brings every replica up to date: what it lacks is copied and checked, what was removed is
/// removed there. A failure is reported; the backup itself is made.
pub(super) fn replicate(
    section: &Section,
    destination: &Destination,
    removed: &[Removal],
    monitor: &dyn Monitor,
) {
    for directory in &section.replicate_to {
        if let Err(error) = bring_up_to_date(section, destination, directory, removed) {
            let subject = format!("replica {}", directory.display());
            monitor.problem(&Problem::new(subject, &error));
        }
    }
}

fn bring_up_to_date(
    section: &Section,
    destination: &Destination,
    directory: &Path,
    removed: &[Removal],
) -> Result<(), SeriesError> {
    let replica = Destination::new(directory, &section.names);
    let _lock = replica.lock()?;
    replica.clean()?;
    let there = replica.backups()?;
    for id in destination.backups()?.difference(&there) {
        copy(destination, &replica, *id)?;
    }
    for removal in removed {
        replica.remove(removal.id)?;
    }
    Ok(())
}

fn copy(from: &Destination, to: &Destination, id: BackupId) -> Result<(), SeriesError> {
    let manifest = from.manifest(id)?;
    let incoming = to.incoming(id);
    let archive = from.fetch(id)?;
    let write = || -> io::Result<()> {
        let mut out = create_own(&incoming)?;
        io::copy(&mut open_regular(&archive)?, &mut out)?;
        out.sync_all()
    };
    write().map_err(SeriesError::io("write", &incoming))?;
    let (sha256, _) = hash_file(&incoming)?;
    if sha256 != manifest.sha256 {
        let error = io::Error::other("the copy has another digest than the archive");
        return Err(SeriesError::io("check", &incoming)(error));
    }
    to.commit(id, &incoming, &manifest)
}
