//! Mode, length and count stay as they are while there are backups.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config::Section;
use super::destination::{Destination, write_file};
use super::error::SeriesError;
use super::manifest::Manifest;
use super::name::BackupId;
use super::rules::{Limits, Mode};

/// What was last agreed to by `series convert`.
#[derive(Serialize, Deserialize)]
struct Agreed {
    mode: Mode,
    max_series: u32,
    max_series_length: u32,
}

impl From<Limits> for Agreed {
    fn from(limits: Limits) -> Self {
        Self {
            mode: limits.mode,
            max_series: limits.max_series,
            max_series_length: limits.max_series_length,
        }
    }
}

fn path(section: &Section, destination: &Destination) -> PathBuf {
    let name = format!("({}){}.limits.json", section.profile, section.name);
    destination.path().join(Destination::STATE).join(name)
}

/// Fails if the series file says something else than the backups were made with.
pub(super) fn check(
    section: &Section,
    destination: &Destination,
    known: &BTreeMap<BackupId, Option<Manifest>>,
) -> Result<(), SeriesError> {
    let Some(newest) = known.values().rev().flatten().next() else {
        return Ok(());
    };
    let agreed = fs::read(path(section, destination)).ok();
    let agreed = agreed.and_then(|json| serde_json::from_slice(&json).ok());
    let agreed = agreed.unwrap_or(Agreed {
        mode: newest.facts.mode,
        max_series: newest.facts.max_series,
        max_series_length: newest.facts.max_series_length,
    });
    let limits = section.limits;
    let differs = |what, old: String, new: String| {
        if old == new {
            return Ok(());
        }
        let path = destination.path().to_owned();
        Err(SeriesError::Settled {
            what,
            old,
            new,
            path,
        })
    };
    let (old, new) = (agreed.mode.name(), limits.mode.name());
    differs("mode", old.to_owned(), new.to_owned())?;
    let (old, new) = (agreed.max_series_length, limits.max_series_length);
    differs("max_series_length", old.to_string(), new.to_string())?;
    let (old, new) = (agreed.max_series, limits.max_series);
    differs("max_series", old.to_string(), new.to_string())
}

/// Takes over what the series file says, for a destination that has backups.
///
/// They stay as they are, since each says itself what it relies on. With another mode the next run
/// begins a new series, with lower limits it removes more.
pub fn convert(section: &Section) -> Result<(), SeriesError> {
    let destination = Destination::of(section);
    let _lock = destination.lock()?;
    let agreed = Agreed::from(section.limits);
    write_file(&path(section, &destination), &serde_json::to_vec(&agreed)?)
}
