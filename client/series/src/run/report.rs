//! What a run tells of itself.

use serde::Serialize;

use super::super::name::BackupId;
use super::super::rules::Removal;

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Profile and section.
    pub section: String,
    /// Whether there is a new backup.
    pub outcome: Outcome,
    /// What went, and why.
    pub removed: Vec<Removal>,
    /// How many files of killed runs were removed.
    pub cleaned_files: u64,
    /// How many problems were told.
    pub problems: u64,
    /// How many files and directories could not be read, and are in no backup of this run.
    pub unreadable_files: u64,
}

/// Whether there is a new backup.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Nothing changed since the last one.
    Unchanged {
        /// The last one.
        backup: BackupId,
    },
    Made {
        backup: BackupId,
        /// The name of its archive.
        archive: String,
        /// Whether it relies on no other archive.
        normal: bool,
        /// The size of the archive.
        archive_bytes: u64,
        /// The sizes of all files in the tree.
        tree_bytes: u64,
        /// Bytes of files that other archives or packages hold.
        left_out_bytes: u64,
        /// How many contents are stored as patches.
        patched_files: u64,
        /// The sizes of these patches.
        patch_bytes: u64,
        /// How many files are new.
        new_files: u64,
        /// How many files changed.
        updated_files: u64,
        /// How many files were deleted.
        deleted_files: u64,
        /// How many files are as they were.
        unchanged_files: u64,
    },
}
