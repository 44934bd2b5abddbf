//! `hashget index DIR`: the heuristics over a directory.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{IndexingArgs, ServiceArgs, WalkArgs};
use crate::cli::indexing::Services;
use crate::cli::reporter::Report;
use hashget_engine::hint_scope::HintScopes;
use hashget_engine::index::{IndexOptions, IndexStats, index, index_root};

const EXAMPLES: &str = "\
Examples:
  hashget index :debian -p debian
  hashget index /srv/www --heuristics hint --hashserver http://hash.example.org/";

/// `hashget index`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct IndexArgs {
    /// The directory; `:debian` is this system's list of installed packages
    #[arg(value_name = "DIR|:debian")]
    directory: PathBuf,
    /// Stay on the file system of the directory
    #[arg(long)]
    one_file_system: bool,
    /// Also what the kernel shows as /proc, /sys, /dev and their kind
    #[arg(long, conflicts_with = "one_file_system", hide_short_help = true)]
    all_file_systems: bool,
    /// How packages are found.
    #[command(flatten)]
    indexing: IndexingArgs,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Indexes the packages that a directory is made of.
pub(super) fn run(args: &IndexArgs, context: &Context) -> Result<(), CliError> {
    let walk = WalkArgs {
        one_file_system: args.one_file_system,
        all_file_systems: args.all_file_systems,
        ..WalkArgs::default()
    };
    let options = IndexOptions {
        // Who names a project for what is in a directory takes over what the hints there say.
        hint_project: args.indexing.record.project.clone(),
        ..args.indexing.options(&walk, context)?
    };
    index_by(&args.directory, &options, &args.indexing, context).map(drop)
}

/// Indexes a directory and tells the result; gives what the hints in it may say something of.
pub(super) fn index_directory(
    root: &Path,
    args: &IndexingArgs,
    walk: &WalkArgs,
    context: &Context,
) -> Result<HintScopes, CliError> {
    index_by(root, &args.options(walk, context)?, args, context)
}

fn index_by(
    root: &Path,
    options: &IndexOptions,
    args: &IndexingArgs,
    context: &Context,
) -> Result<HintScopes, CliError> {
    context.show_messages();
    let mut services = Services::new(&args.resolve, context)?;
    if args.private_hints(context) {
        services = services.with_private_hints(context);
    }
    let stats = index(&index_root(root), options, &services.borrow())?;
    context.reporter.progress(&Indexed::new(&stats));
    Ok(stats.hints)
}

/// What came of indexing a directory.
#[derive(Serialize)]
struct Indexed {
    #[serde(skip)]
    line: String,
    local_packages: u64,
    pulled_packages: u64,
    new_packages: u64,
    skipped_packages: u64,
    failed_packages: u64,
    anchor_packages: u64,
    refused_hints: u64,
    total_packages: u64,
    seen_files: u64,
    seconds: f64,
}

impl Indexed {
    fn new(stats: &IndexStats) -> Self {
        Self {
            line: stats.to_string(),
            local_packages: stats.local_packages,
            pulled_packages: stats.pulled_packages,
            new_packages: stats.new_packages,
            skipped_packages: stats.skipped_packages,
            failed_packages: stats.failed_packages,
            anchor_packages: stats.anchor_packages,
            refused_hints: stats.refused_hints,
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
