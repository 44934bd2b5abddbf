//! `hashget index DIR`: the heuristics over a directory.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::submit::tell;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{IndexingArgs, ServiceArgs, WalkArgs, need_project};
use crate::cli::indexing::Services;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use hashget_engine::hint_scope::HintScopes;
use hashget_engine::index::{IndexOptions, IndexStats, index, index_root};
use hashget_engine::submit::{SubmitOptions, read_list, submit};
use hashget_files::monitor::{Level, Monitor};
use hashget_words::project::ProjectName;

const EXAMPLES: &str = "\
Examples:
  hashget index :debian -p debian
  hashget index --from packages.txt -p wheels
  hashget index /srv/www --heuristics hint --hashserver http://hash.example.org/";

/// `hashget index`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct IndexArgs {
    /// The directory; `:debian` is this system's list of installed packages
    #[arg(value_name = "DIR|:debian", required_unless_present = "from")]
    directory: Option<PathBuf>,
    /// Index the packages that FILE lists (`-`: standard input), several at once
    ///
    /// One a line: URL [sha256:HEX] [file=PATH] [project=NAME]. With sha256 a package of another hash is refused, file is a
    /// local copy, project its record's instead of -p. Lines that begin with # say nothing.
    #[arg(long, value_name = "FILE", conflicts_with = "directory")]
    from: Option<PathBuf>,
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
    let (Some(directory), None) = (&args.directory, &args.from) else {
        return index_list(args, context);
    };
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
    index_by(directory, &options, &args.indexing, context).map(drop)
}

/// Indexes the packages of a list.
fn index_list(args: &IndexArgs, context: &Context) -> Result<(), CliError> {
    let name = args.from.as_deref().unwrap_or(Path::new("-"));
    let in_list = |error: &(dyn std::error::Error + 'static)| {
        CliError::new(error).context(format!("cannot index {}", printable_path(name)))
    };
    let packages = if name.as_os_str() == "-" {
        read_list(&mut std::io::stdin().lock())
    } else {
        let file = File::open(name).map_err(|error| in_list(&error))?;
        read_list(&mut BufReader::new(file))
    };
    let packages = packages.map_err(|error| in_list(&error).into_usage())?;
    let named = args.indexing.record.project.as_ref();
    let has_project = packages.iter().all(|package| package.project.is_some());
    let project = match named {
        // Nothing goes there.
        None if has_project => ProjectName::HINTS.parse()?,
        named => need_project(named, "index --from")?.clone(),
    };
    let options = SubmitOptions {
        project,
        record: args.indexing.record.options(context)?,
        jobs: context.index_jobs(),
    };
    let services = Services::new(&args.indexing.resolve, context)?;
    let stats = submit(&packages, &options, &services.borrow())?;
    let line = format!(
        "Indexed {} of {} packages",
        stats.new_packages,
        packages.len()
    );
    context.reporter.message(Level::Info, &line);
    tell(stats, context)
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
