//! What goes: by rotation, by age, by expiry.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, Zoned};

use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::keep::Aged;
use super::manifest::Manifest;
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
    Ok(protect(removals, destination, &known))
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
    Ok(protect(removals, &destination, &known))
}

/// What the rules of age and expiry remove now, without a new backup.
pub fn plan(section: &Section, now: &Zoned) -> Result<Vec<Removal>, SeriesError> {
    let destination = Destination::of(section);
    let known = known(&destination)?;
    let mut removals = Vec::new();
    add_aged(&mut removals, section, &known, now);
    Ok(protect(removals, &destination, &known))
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
                made: made.to_zoned(now.time_zone().clone()).datetime(),
                expires: facts.expires,
            })
        })
        .collect();
    removals.extend(section.keep.removals(&aged, now.date()));
}

/// Keeps what something that stays relies on. A backup of which nothing is known may rely on any
/// other of its series.
fn protect(
    removals: Vec<Removal>,
    destination: &Destination,
    known: &BTreeMap<BackupId, Option<Manifest>>,
) -> Vec<Removal> {
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
