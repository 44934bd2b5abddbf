//! What packing tells.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::printable::{printable, printable_path};
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::pack::{PackPlan, PackStats};
use hashget_sources::hash_db::{Vouched, whose};
use hashget_sources::hash_server::HashServer;

/// How much is left out.
#[derive(Serialize)]
pub(super) struct Saved {
    files: u64,
    packages: u64,
    #[serde(rename = "saved_bytes")]
    bytes: u64,
    download_bytes: u64,
    download_exact: bool,
    /// Whose word is relied on for how much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vouchers: Vec<Voucher>,
}

/// Whose word is relied on for how much.
#[derive(Serialize)]
struct Voucher {
    /// `own`, `named`, `hint` or `unnamed`.
    vouched: Vouched,
    /// The project, and the server that has it.
    whose: String,
    bytes: u64,
}

impl Voucher {
    fn text(&self) -> String {
        let bytes = Size(self.bytes);
        match self.vouched {
            Vouched::Own => format!("{bytes} own ({})", self.whose),
            Vouched::Hint => format!("{bytes} hint files"),
            Vouched::Named => format!("{bytes} {}", self.whose),
            Vouched::Unnamed => format!("{bytes} {} (checked)", self.whose),
        }
    }
}

impl Saved {
    pub(super) fn new(stats: &PackStats) -> Self {
        Self {
            files: stats.deduplicated_files,
            packages: stats.packages,
            bytes: stats.deduplicated_bytes,
            download_bytes: stats.download_bytes,
            download_exact: stats.download_exact,
            vouchers: Vec::new(),
        }
    }

    pub(super) fn planned(files: u64, plan: &PackPlan, servers: &[HashServer]) -> Self {
        let voucher = |((vouched, project), bytes)| Voucher {
            vouched,
            whose: printable(&whose(project, servers)).into_owned(),
            bytes,
        };
        Self {
            files,
            packages: plan.packages.len() as u64,
            bytes: plan.saved_bytes,
            download_bytes: plan.download_bytes,
            download_exact: plan.download_exact,
            vouchers: plan.vouchers().into_iter().map(voucher).collect(),
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
        let vouchers: Vec<String> = self.vouchers.iter().map(Voucher::text).collect();
        let mut lines = vec![self.line()];
        if !vouchers.is_empty() {
            lines.push(format!("by the records of: {}", vouchers.join(", ")));
        }
        lines
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
