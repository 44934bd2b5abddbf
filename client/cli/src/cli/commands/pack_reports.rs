//! What packing tells.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::pack::{PackPlan, PackStats};

/// How much is left out.
#[derive(Serialize)]
pub(super) struct Saved {
    files: u64,
    packages: u64,
    #[serde(rename = "saved_bytes")]
    bytes: u64,
    download_bytes: u64,
    download_exact: bool,
}

impl Saved {
    pub(super) fn new(stats: &PackStats) -> Self {
        Self {
            files: stats.deduplicated_files,
            packages: stats.packages,
            bytes: stats.deduplicated_bytes,
            download_bytes: stats.download_bytes,
            download_exact: stats.download_exact,
        }
    }

    pub(super) fn planned(files: u64, plan: &PackPlan) -> Self {
        Self {
            files,
            packages: plan.packages.len() as u64,
            bytes: plan.saved_bytes,
            download_bytes: plan.download_bytes,
            download_exact: plan.download_exact,
        }
    }

    fn line(&self) -> String {
        format!(
            "saved: {} files, {} pkgs, size: {}. Download: {}{}",
            self.files,
            self.packages,
            Size(self.bytes),
            Size(self.download_bytes),
            if self.download_exact { "" } else { "+" }
        )
    }
}

impl Report for Saved {
    const EVENT: &'static str = "saved";

    fn lines(&self) -> Vec<String> {
        vec![self.line()]
    }
}

#[derive(Serialize)]
pub(super) struct Planned<'a>(pub(super) &'a PackPlan);

impl Report for Planned<'_> {
    const EVENT: &'static str = "pack_plan";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        match serde_json::to_string_pretty(self.0) {
            Ok(json) => json.lines().map(str::to_owned).collect(),
            Err(error) => vec![format!("the plan cannot be shown: {error}")],
        }
    }
}

#[derive(Serialize)]
pub(super) struct Packed {
    #[serde(serialize_with = "as_text")]
    #[serde(rename = "folder")]
    directory: PathBuf,
    #[serde(serialize_with = "as_text")]
    archive: PathBuf,
    tree_files: u64,
    tree_bytes: u64,
    archived_files: u64,
    archived_bytes: u64,
    archive_bytes: u64,
    problems: u64,
}

impl Packed {
    pub(super) fn new(directory: &Path, archive: &Path, stats: &PackStats) -> Self {
        Self {
            directory: directory.to_owned(),
            archive: archive.to_owned(),
            tree_files: stats.tree_files,
            tree_bytes: stats.tree_bytes,
            archived_files: stats.archived_files,
            archived_bytes: stats.archived_bytes,
            archive_bytes: stats.archive_bytes,
            problems: stats.problems,
        }
    }

    fn line(&self) -> String {
        format!(
            "{} ({}) packed into {} ({})",
            printable_path(&self.directory),
            Size(self.tree_bytes),
            printable_path(&self.archive),
            Size(self.archive_bytes)
        )
    }
}

impl Report for Packed {
    const EVENT: &'static str = "packed";

    fn lines(&self) -> Vec<String> {
        vec![self.line()]
    }
}

fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable_path(path))
}
