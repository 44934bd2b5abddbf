//! Puts the files that an archive left out back in place, exactly.
//!
//! [`RestorePlan`] compares a restore file with what is already in place: which files are missing,
//! and where each can be found. [`restore`] carries the plan out: it reads every package once, checks
//! the SHA-256 of every file while reading, and places the files that are missing. [`extract`]
//! does the same after unpacking the archive itself. Nothing is ever written outside the target,
//! and no file appears under its name before its content is known to be right.

mod ahead;
mod availability;
mod error;
mod execute;
mod extract;
pub(crate) mod fetch;
mod file_restorer;
pub mod list;
mod member;
pub(crate) mod members;
mod memory;
mod options;
mod outcome;
mod package_sources;
mod plan;
mod planning;
mod redirect;
mod report;
mod run;
mod small_files;
mod sources;
mod stats;
mod survey;
mod untrusted;
mod wanted_set;

pub use error::RestoreError;
pub use extract::extract;
pub use memory::{MemoryError, set_restore_memory};
pub use options::{Overwrite, Owners, RestoreOptions, Selection, Trust};
pub use plan::{BlockedFile, PlannedFetch, PlannedFile, PlannedPackage, RestorePlan};
pub use run::{plan, restore};
pub use sources::{RestoreSources, SourceFailure, SourceReport};
pub use stats::{ExtractStats, MissingFile, RestoreStats};
pub use untrusted::{STRANGERS_MEMORY, is_trusted};

#[cfg(test)]
pub(crate) mod tests;
