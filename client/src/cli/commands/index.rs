//! `--index DIR`: the heuristics over a folder.

use std::path::Path;

use serde::Serialize;

use super::index_options::index_folder;
use crate::cli::args::HashgetArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reporter::Report;
use crate::index::IndexStats;

/// Indexes the packages that a folder is made of.
pub(super) fn run(root: &Path, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    index_folder(root, args, context)
}

/// What came of indexing a folder.
#[derive(Serialize)]
pub(super) struct Indexed {
    #[serde(skip)]
    line: String,
    local_packages: u64,
    pulled_packages: u64,
    new_packages: u64,
    skipped_packages: u64,
    failed_packages: u64,
    anchor_packages: u64,
    total_packages: u64,
    seen_files: u64,
    seconds: f64,
}

impl Indexed {
    pub(super) fn new(stats: &IndexStats) -> Self {
        Self {
            line: stats.to_string(),
            local_packages: stats.local_packages,
            pulled_packages: stats.pulled_packages,
            new_packages: stats.new_packages,
            skipped_packages: stats.skipped_packages,
            failed_packages: stats.failed_packages,
            anchor_packages: stats.anchor_packages,
            total_packages: stats.total_packages(),
            seen_files: stats.seen_files,
            seconds: stats.elapsed.as_secs_f64(),
        }
    }
}

impl Report for Indexed {
    const EVENT: &'static str = "indexed";

    fn lines(&self) -> Vec<String> {
        vec![self.line.clone()]
    }
}
