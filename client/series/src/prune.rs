//! What goes: by rotation, by age, by expiry.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, Zoned};

use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::keep::Aged;
use super::manifest::{Manifest, hash_file};
use super::name::BackupId;
use super::rules::{self, Removal};

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
    add_aged(&mut removals, section, &known, now);
    Ok(protect(removals, Some(new), destination, &known))
}

/// What a run that makes a backup now would remove.
pub fn preview(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let known = known(&destination)?;
    let mut existing: BTreeSet<BackupId> = known.keys().copied().collect();
    let new = rules::next(&existing, section.limits, false);
    existing.insert(new);
    let mut removals = rules::rotate(&existing, new, section.limits);
    add_aged(&mut removals, section, &known, now);
    if !new.is_normal() {
        removals.retain(|removal| removal.id != BackupId::normal(new.series));
    }
    Ok(protect(removals, Some(new), &destination, &known))
}

/// What the rules of age and expiry remove now, without a new backup.
pub fn plan(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let known = known(&destination)?;
    let mut removals = Vec::new();
    add_aged(&mut removals, section, &known, now);
    Ok(protect(removals, None, &destination, &known))
}

/// Removes what [`plan`] says; gives it.
pub fn prune(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let _lock = destination.lock()?;
    let removals = plan(section, now)?;
    for removal in &removals {
        destination.remove(removal.id)?;
    }
    Ok(removals)
}

fn known(destination: &Destination) -> Result<BTreeMap<BackupId, Option<Manifest>>, SeriesError> {
    let manifests = destination.manifests()?.into_iter();
    let known = |(id, manifest): (BackupId, Result<Manifest, SeriesError>)| {
        (id, manifest.ok().or_else(|| destination.remembered(id)))
    };
    Ok(manifests.map(known).collect())
}

fn add_aged(
    removals: &mut Vec<Removal>,
    section: &Section,
    known: &BTreeMap<BackupId, Option<Manifest>>,
    now: &Zoned,
) {
    let going: BTreeSet<BackupId> = removals.iter().map(|removal| removal.id).collect();
    let aged: Vec<Aged> = known
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
    removals.extend(section.keep.removals(&aged, now));
}

/// Keeps `new`, the newest good backup, and what something that stays relies on. A backup of which nothing is known may rely on any
/// other of its series.
fn protect(
    removals: Vec<Removal>,
    new: Option<BackupId>,
    destination: &Destination,
    known: &BTreeMap<BackupId, Option<Manifest>>,
) -> Vec<Removal> {
    if removals.is_empty() {
        return removals;
    }
    let mut newest_first = known.keys().rev();
    let good = newest_first.find(|id| is_good(**id, new, destination, known));
    let spared = good.copied().into_iter().chain(new).collect();
    let removals = rules::spare(removals, &spared);
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
/// it. `new` was just read back. What a server's pool has is checked by the server.
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
    manifest.facts.unreadable_files == 0
        && is_whole(manifest)
        && manifest.facts.depends.iter().all(|dependency| {
            let base = destination.names().parse(&dependency.name);
            let base = base.and_then(|base| known.get(&base)?.as_ref());
            base.is_some_and(|base| base.sha256 == dependency.sha256 && is_whole(base))
        })
}
