//! Checks every archive, digest and dependency of a section.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::{Manifest, hash_file};
use super::name::BackupId;
use super::stored_patch::StoredPatch;
use hashget_files::monitor::error_chain;

/// What a verification of a section found.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesCheck {
    /// Profile and section.
    pub section: String,
    /// Every backup, in order.
    pub backups: Vec<BackupCheck>,
}

/// What was found about a backup.
#[derive(Clone, Debug, Serialize)]
pub struct BackupCheck {
    pub backup: BackupId,
    /// What is wrong with its own archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// How many files could not be read when it was made, and are not in it.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable_files: u64,
    /// Archives it relies on that are missing or damaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_bases: Vec<String>,
    /// Backups that rely on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependants: Vec<BackupId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl BackupCheck {
    /// Whether it can be restored, as far as the series goes.
    pub fn is_good(&self) -> bool {
        self.damage.is_none() && self.lost_bases.is_empty()
    }
}

impl SeriesCheck {
    /// Whether all is good.
    pub fn is_good(&self) -> bool {
        self.backups.iter().all(BackupCheck::is_good)
    }
}

/// Reads every archive of a section and compares it with what is known of it, and with what those
/// that rely on it know.
pub fn verify(section: &Section) -> Result<SeriesCheck, SeriesError> {
    let destination = Destination::of(section);
    let mut damage: BTreeMap<BackupId, Option<String>> = BTreeMap::new();
    let mut found: BTreeMap<BackupId, Manifest> = BTreeMap::new();
    let mut known: BTreeMap<BackupId, Manifest> = BTreeMap::new();
    for id in destination.backups()? {
        let remembered = destination.remembered(id);
        damage.insert(id, check(&destination, id, remembered.as_ref(), &mut found));
        if let Some(manifest) = remembered.or_else(|| found.get(&id).cloned()) {
            known.insert(id, manifest);
        }
    }
    let mut backups = Vec::new();
    for (id, damage_of) in &damage {
        let relies_on = |name: &str| destination.names().parse(name);
        let depends = known.get(id).map(|manifest| &manifest.facts.depends);
        let lost_bases = depends.into_iter().flatten().filter(|dependency| {
            let base = relies_on(&dependency.name).and_then(|base| found.get(&base));
            base.is_none_or(|base| base.sha256 != dependency.sha256)
        });
        let damage_of = damage_of
            .clone()
            .or_else(|| patch_without_base(found.get(id)?, &found, &destination));
        let dependants: BTreeSet<BackupId> = known
            .values()
            .filter(|other| {
                let mut depends = other.facts.depends.iter();
                depends.any(|dependency| relies_on(&dependency.name) == Some(*id))
            })
            .map(|other| other.facts.id())
            .collect();
        backups.push(BackupCheck {
            backup: *id,
            damage: damage_of,
            unreadable_files: known.get(id).map_or(0, |it| it.facts.unreadable_files),
            lost_bases: lost_bases.map(|base| base.name.clone()).collect(),
            dependants: dependants.into_iter().collect(),
        });
    }
    destination.trim()?;
    Ok(SeriesCheck {
        section: section.full_name(),
        backups,
    })
}

/// Tells of a patch whose base is in none of the archives that the backup relies on, where all of
/// these are whole: those that are not are told anyway.
fn patch_without_base(
    manifest: &Manifest,
    found: &BTreeMap<BackupId, Manifest>,
    destination: &Destination,
) -> Option<String> {
    let depends = manifest.facts.depends.iter();
    let bases: Option<Vec<&Manifest>> = depends
        .map(|base| found.get(&destination.names().parse(&base.name)?))
        .collect();
    let bases = bases?;
    let is_held = |patch: &&StoredPatch| {
        let mut bases = bases.iter();
        bases.any(|base| base.holds.binary_search(&patch.old_sha256).is_ok())
    };
    let lost = manifest.patches.iter().find(|patch| !is_held(patch))?;
    Some(format!(
        "the patch of {} is for sha256:{}, which none of its archives holds",
        lost.path, lost.old_sha256
    ))
}

/// What is wrong with an archive; a good one goes to `found`.
fn check(
    destination: &Destination,
    id: BackupId,
    remembered: Option<&Manifest>,
    found: &mut BTreeMap<BackupId, Manifest>,
) -> Option<String> {
    let archive = match destination.fetch(id) {
        Ok(archive) => archive,
        Err(error) => return Some(error_chain(&error)),
    };
    if let Some(remembered) = remembered {
        match hash_file(&archive) {
            Ok((sha256, _)) if sha256 == remembered.sha256 => {}
            Ok((sha256, size)) => {
                return Some(format!(
                    "it has sha256:{sha256} and {size} bytes, not sha256:{} and {}",
                    remembered.sha256, remembered.size
                ));
            }
            Err(error) => return Some(error_chain(&error)),
        }
    }
    match Manifest::of_archive(&archive) {
        Ok(manifest) if manifest.facts.id() == id => {
            found.insert(id, manifest);
            None
        }
        Ok(manifest) => Some(format!("it is backup {} by its list", manifest.facts.id())),
        Err(error) => Some(error_chain(&error)),
    }
}
