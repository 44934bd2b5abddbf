//! Series of backups: a full one, then small ones that rely on it, and rotation.
//!
//! A section of the [series file](SeriesFile) says what is backed up where. [`run`](run()) makes the
//! next backup with [`pack`](hashget_engine::pack): a normal backup is a package whose URL is its name in
//! the [`Destination`], which is its pool, and a differential one may rely on that
//! package. The [change list](ChangeList) in each says what became of every file. [`rules`] and
//! [`aged`] decide what is made and what goes; both are pure.

#![allow(
    missing_docs,
    reason = "a crate of this workspace alone: a name that says all needs no sentence"
)]

pub mod aged;
mod at_hand;
mod cat;
mod change_list;
mod compressor;
mod config;
mod contents;
mod destination;
mod error;
mod export;
pub mod hooks;
mod in_place;
mod lookup;
mod manifest;
mod metrics;
mod name;
mod packing;
mod patches;
mod prune;
mod remote;
mod replica;
mod restore;
pub mod rules;
mod run;
mod run_options;
mod settled;
mod sources;
mod standing;
mod stored_patch;
mod timer;
mod verify;
mod view;

pub use cat::cat;
pub use change_list::{Change, ChangeList, Dependency, Facts, Kind, Status};
pub use config::{EXAMPLE, Section, SeriesFile, ServerPlace};
pub use destination::{Destination, Lock};
pub use error::SeriesError;
pub use export::{ExportStats, export, import, keep_backup};
pub use in_place::{InPlaceStats, restore_in_place, undo};
pub use manifest::{Manifest, read_change_list};
pub use metrics::write_metrics;
pub use name::{BackupId, NameTemplate, ParseBackupIdError, TemplateError};
pub use prune::{plan as prune_plan, preview as rotation_preview, prune};
pub use remote::Remote;
pub use restore::restore;
pub use run::{Outcome, RunReport, run};
pub use run_options::RunOptions;
pub use settled::convert;
pub use sources::SeriesSources;
pub use standing::readable;
pub use stored_patch::StoredPatch;
pub use timer::units;
pub use verify::{BackupCheck, SeriesCheck, verify};
pub use view::{Listed, Version, diff, find, list, show};

#[cfg(test)]
mod tests;
