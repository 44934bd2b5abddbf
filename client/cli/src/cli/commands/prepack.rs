//! `hashget prepack DIR [-X FILE]`: only the restore file and the list of what to exclude.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::index::index_directory;
use super::pack_options;
use super::pack_reports::Saved;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{IndexingArgs, ServiceArgs, WalkArgs, patterns};
use hashget_engine::pack::{PackOptions, prepack};

const EXAMPLES: &str = "\
Examples:
  hashget prepack /srv/www -X exclude.txt
  tar -czf www.tar.gz -C /srv/www -X exclude.txt .
Later, where the archive was extracted:
  hashget restore /srv/www2";

/// `hashget prepack`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PrepackArgs {
    /// The directory, which gets a restore file
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write the list of what to leave out to FILE, for `tar -X`
    #[arg(long, short = 'X', value_name = "FILE")]
    exclude_list: Option<PathBuf>,
    /// Read all files, also those that did not change since they were last hashed
    #[arg(long, hide_short_help = true)]
    no_cache: bool,
    /// What is looked at.
    #[command(flatten)]
    walk: WalkArgs,
    /// Leave these to the archiver, without looking them up; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Choosing files")]
    skip: Vec<OsString>,
    /// How packages are found.
    #[command(flatten)]
    indexing: IndexingArgs,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// How `prepack` chooses.
fn prepack_options(args: &PrepackArgs, context: &Context) -> Result<PackOptions, CliError> {
    let root = args.directory.as_path();
    let walk = args.walk.options(root, None)?;
    let skip = patterns(root, &args.skip, None)?;
    pack_options::options(walk, skip, args.no_cache, &args.indexing.record, context)
}

/// Prepares a directory for another program that makes the archive.
pub(super) fn run(args: &PrepackArgs, context: &Context) -> Result<(), CliError> {
    let root = args.directory.as_path();
    let mut options = prepack_options(args, context)?;
    options.hints = index_directory(root, &args.indexing, &args.walk, context)?;
    let sources = context.sources();
    let lookup = context.checked_lookup(&args.indexing.resolve, &sources, false)?;
    let list = args.exclude_list.as_deref();
    let stats = prepack(root, list, &options, &lookup, context.reporter)?;
    pack_options::tell_unmatched_patterns(root, &options, context);
    context.reporter.report(&Saved::new(&stats));
    Ok(())
}
