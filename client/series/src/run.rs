//! Makes the next backup of a section.

mod job;
mod report;
mod unread;

use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};

use self::job::Job;
pub use self::report::{Outcome, RunReport};
use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::Manifest;
use super::name::BackupId;
use super::prune;
use super::run_options::RunOptions;
use super::settled;
use super::standing;
use hashget_files::monitor::{Counted, Monitor, Problem};
use hashget_sources::hash_db::PackageLookup;

/// Makes the next backup of a section, then removes what the rules say.
///
/// `public` tells which public packages may be relied on. The new archive is read back before it
/// gets its name, and nothing is removed before that. What of the tree could not be read is told
/// to `monitor`.
pub fn run<L: PackageLookup>(
    section: &Section,
    options: &RunOptions,
    public: &L,
    monitor: &dyn Monitor,
) -> Result<RunReport, SeriesError> {
    let counted = Counted::new(monitor);
    let monitor: &dyn Monitor = &counted;
    let destination = Destination::of(section);
    standing::check(section, options)?;
    let _lock = destination.lock()?;
    let cleaned_files = destination.clean()?;
    let known = known(&destination, monitor)?;
    settled::check(section, &destination, &known)?;
    if known.is_empty() {
        super::replica::refuse_forgotten(section)?;
    }
    tell_future(section, &known, &options.now, monitor);
    let job = Job {
        section,
        options,
        destination: &destination,
        known: &known,
        monitor,
    };
    let done = job.back_up(public)?;
    let mut removed = Vec::new();
    if done.is_suddenly_empty {
        let text = "is empty, and its backups are not: nothing is removed. Mount it, or say \
                    --allow-empty if that is meant";
        monitor.problem(&Problem::text(section.source.display().to_string(), text));
    } else if let Outcome::Made { backup, .. } = &done.outcome {
        removed = prune::after(section, &destination, *backup, &options.now)?;
    }
    for removal in &removed {
        destination.remove(removal.id)?;
    }
    for (id, refusal) in destination.take_refusals() {
        let subject = format!("backup {id} of {}", section.full_name());
        monitor.problem(&Problem::new(subject, &refusal));
    }
    standing::remember(section, options)?;
    super::replica::replicate(section, &destination, &removed, monitor);
    Ok(RunReport {
        section: section.full_name(),
        outcome: done.outcome,
        removed,
        cleaned_files,
        problems: counted.problems(),
        unreadable_files: done.unreadable_files,
    })
}

/// Tells of a newest backup that was made later than it is: then the clock was wrong, or is.
fn tell_future(
    section: &Section,
    known: &BTreeMap<BackupId, Option<Manifest>>,
    now: &Zoned,
    monitor: &dyn Monitor,
) {
    let newest = known.last_key_value();
    let newest = newest.and_then(|(id, manifest)| Some((id, &manifest.as_ref()?.facts)));
    if let Some((id, facts)) = newest
        && facts.created > now.timestamp().as_second()
        && let Ok(made) = Timestamp::from_second(facts.created)
    {
        let made = made.to_zoned(now.time_zone().clone());
        let text = format!(
            "backup {id} was made at {}, and it is only {}: is the clock right? Its age counts \
             once that time has come",
            made.strftime("%Y-%m-%d %H:%M:%S"),
            now.strftime("%Y-%m-%d %H:%M:%S"),
        );
        monitor.problem(&Problem::text(section.full_name(), text));
    }
}

/// What is known of the backups; damaged ones are told, and not relied on.
fn known(
    destination: &Destination,
    monitor: &dyn Monitor,
) -> Result<BTreeMap<BackupId, Option<Manifest>>, SeriesError> {
    let mut known = BTreeMap::new();
    for (id, manifest) in destination.manifests()? {
        if let Err(error) = &manifest {
            let archive = destination.names().name(id);
            monitor.problem(&Problem::new(archive, error));
        }
        known.insert(id, manifest.ok());
    }
    Ok(known)
}
