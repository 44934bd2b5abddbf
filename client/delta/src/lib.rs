//! Deltas: how a directory goes from one state to another.
//!
//! [`DirIndex`] says what a directory is like; [`DiffIndex`] what changed between two indexes;
//! [`DiffData`] writes that as one ordinary `.tar.gz`: a manifest, new files whole, changed files as
//! [`patch`]es. [`apply_diff`] brings another copy of the directory from the old state to the new one,
//! or leaves it alone. Where these files are stored, signed or encrypted is the user's affair.
//!
//! ```no_run
//! use std::path::Path;
//! use hashget_delta::{DiffData, DiffIndex, DirIndex, IndexOptions, OldFiles};
//! use hashget_delta::{ApplyOptions, DataOptions, apply_diff};
//! use hashget_files::monitor::Silent;
//!
//! # fn main() -> Result<(), hashget_delta::DeltaError> {
//! let options = IndexOptions { signatures: true, ..IndexOptions::default() };
//! let directory = Path::new("mydir");
//! DirIndex::of_directory(directory, &options, &Silent)?.to_file(Path::new("mydir.index"))?;
//! // ... the directory changes ...
//! let old = DirIndex::from_file(Path::new("mydir.index"))?;
//! let options = IndexOptions { rules: old.rules.clone(), ..options };
//! let new = DirIndex::of_directory(directory, &options, &Silent)?;
//! let diff = DiffIndex::compute(&old, &new)?;
//! let data = DiffData::new(diff, OldFiles::Signatures(&old.signatures), directory);
//! data.create_archive(Path::new("mydir.delta.tgz"), &DataOptions::default(), &Silent)?;
//! // Elsewhere, where there is a copy of the old state:
//! let delta = Path::new("mydir.delta.tgz");
//! apply_diff(Path::new("copy"), delta, &ApplyOptions::default(), &Silent)?;
//! # Ok(())
//! # }
//! ```

#![allow(
    missing_docs,
    reason = "a crate of this workspace alone: a name that says all needs no sentence"
)]

mod apply;
mod archive;
mod base;
mod change;
mod consistent;
mod content;
mod diff;
mod entry;
mod error;
mod index;
mod index_file;
mod invert;
mod json_lines;
mod line;
mod manifest;
mod output;
pub mod patch;
mod rules;
mod stage_directory;

#[cfg(test)]
mod tests;

pub use apply::{ApplyOptions, ApplyStats, apply_diff, recover};
pub use archive::{DataOptions, DeltaStats, DiffData, OldFiles};
pub use change::{Change, ChangeKind, Content, KeptDirectory};
pub use diff::DiffIndex;
pub use entry::{IndexEntry, IndexFile, IndexKind};
pub use error::{DeltaError, Difference, Differences};
pub use index::{DirIndex, IndexOptions};
pub use invert::{DirectoryPair, invert};
pub use output::output_names;
pub use rules::{IndexRules, Pattern};
