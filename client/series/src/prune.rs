//! What goes: by rotation, by age, by expiry.

use std::collections::{BTreeMap, BTreeSet};

use hashget_words::expiry::Expiry;
use jiff::{Timestamp, Zoned};

use super::aged::{self, Aged};
use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::{Manifest, hash_file};
use super::name::BackupId;
use super::rules::{self, Mode, Removal};

/// What goes after backup `new` was made.
pub(super) fn after(
    section: &Section,
    destination: &Destination,
    new: BackupId,
    now: &Zoned,
) -> Result<Vec<Removal>, SeriesError> {
    let known = known(destination)?;
    let existing: BTreeSet<BackupId> = known.keys().copied().collect();
    let mut removals = rules::rotate(&existing, new, section.limits);
    add_aged(&mut removals, section, &known, None, now);
    let mut spared = newest_good(Some(new), destination, &known);
    spared.insert(new);
    Ok(protect(removals, &spared, destination, &known))
}

/// What a run that makes a backup now would remove, if that turns out good.
pub fn preview(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let known = known(&destination)?;
    let mut existing: BTreeSet<BackupId> = known.keys().copied().collect();
    let new = rules::next(&existing, section.limits, false);
    existing.insert(new);
    let mut removals = rules::rotate(&existing, new, section.limits);
    add_aged(&mut removals, section, &known, Some(new), now);
    if !new.is_normal() {
        let needs_all = section.limits.mode == Mode::Incremental;
        removals.retain(|removal| {
            removal.id.series != new.series || !(needs_all || removal.id.is_normal())
        });
    }
    Ok(protect(
        removals,
        &BTreeSet::from([new]),
        &destination,
        &known,
    ))
}

/// What the rules of age and expiry remove now, without a new backup.
pub fn plan(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let known = known(&destination)?;
    let mut removals = Vec::new();
    add_aged(&mut removals, section, &known, None, now);
    if removals.is_empty() {
        return Ok(removals);
    }
    let spared = newest_good(None, &destination, &known);
    Ok(protect(removals, &spared, &destination, &known))
}

/// Removes what [`plan`] says; gives it.
pub fn prune(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let _lock = destination.lock()?;
    let removals = plan(section, now)?;
    for removal in &removals {
        destination.remove(removal.id)?;
    }
    match destination.take_refusals().pop() {
        Some((_, refusal)) => Err(refusal),
        None => Ok(removals),
    }
}

fn known(destination: &Destination) -> Result<BTreeMap<BackupId, Option<Manifest>>, SeriesError> {
    let manifests = destination.manifests()?.into_iter();
    let known = |(id, manifest): (BackupId, Result<Manifest, SeriesError>)| {
        (id, manifest.ok().or_else(|| destination.remembered(id)))
    };
    Ok(manifests.map(known).collect())
}

/// Adds what age and expiry say; `coming` is a backup that is not made yet.
fn add_aged(
    removals: &mut Vec<Removal>,
    section: &Section,
    known: &BTreeMap<BackupId, Option<Manifest>>,
    coming: Option<BackupId>,
    now: &Zoned,
) {
    let going: BTreeSet<BackupId> = removals.iter().map(|removal| removal.id).collect();
    let mut backups: Vec<Aged> = known
        .iter()
        .filter(|(id, _)| !going.contains(id))
        .filter_map(|(id, manifest)| {
            let facts = &manifest.as_ref()?.facts;
            let made = Timestamp::from_second(facts.created).ok()?;
            Some(Aged {
                id: *id,
                made,
                expires: facts.expires,
            })
        })
        .collect();
    backups.extend(coming.map(|id| Aged {
        id,
        made: now.timestamp(),
        expires: Expiry::Never,
    }));
    removals.extend(aged::removals(&section.keep, &backups, now));
}

/// The newest backup that is good, if any. `new` was just made.
fn newest_good(
    new: Option<BackupId>,
    destination: &Destination,
    known: &BTreeMap<BackupId, Option<Manifest>>,
) -> BTreeSet<BackupId> {
    let mut newest_first = known.keys().rev();
    let good = newest_first.find(|id| is_good(**id, new, destination, known));
    good.copied().into_iter().collect()
}

/// Keeps the `spared` and what something that stays relies on. A backup of which nothing is known may
/// rely on any other of its series.
fn protect(
    removals: Vec<Removal>,
    spared: &BTreeSet<BackupId>,
    destination: &Destination,
    known: &BTreeMap<BackupId, Option<Manifest>>,
) -> Vec<Removal> {
    let removals = rules::spare(removals, spared);
    let existing = known.keys().copied().collect();
    let depends = |id: BackupId| match known.get(&id) {
        Some(Some(manifest)) => manifest
            .facts
            .depends
            .iter()
            .filter_map(|dependency| destination.names().parse(&dependency.name))
            .collect(),
        _ => known
            .keys()
            .filter(|other| other.series == id.series && **other < id)
            .copied()
            .collect(),
    };
    rules::protect(removals, &existing, &depends)
}

/// Whether a backup and all that it relies on can be read, and nothing of its source is missing in
/// it. One without any file is good only if the user said that it is meant so. `new` was just read
/// back. What a server's pool has is checked by the server.
fn is_good(
    id: BackupId,
    new: Option<BackupId>,
    destination: &Destination,
    known: &BTreeMap<BackupId, Option<Manifest>>,
) -> bool {
    let is_whole = |manifest: &Manifest| {
        let id = manifest.facts.id();
        let is_checked = Some(id) == new || destination.remote.is_some();
        let hashed = || hash_file(&destination.archive(id));
        is_checked || hashed().is_ok_and(|(sha256, _)| sha256 == manifest.sha256)
    };
    let Some(Some(manifest)) = known.get(&id) else {
        return false;
    };
    let facts = &manifest.facts;
    let files = facts.new_files + facts.updated_files + facts.unchanged_files;
    facts.unreadable_files == 0
        && (files > 0 || facts.empty_allowed)
        && is_whole(manifest)
        && facts.depends.iter().all(|dependency| {
            let base = destination.names().parse(&dependency.name);
            let base = base.and_then(|base| known.get(&base)?.as_ref());
            base.is_some_and(|base| base.sha256 == dependency.sha256 && is_whole(base))
        })
}
