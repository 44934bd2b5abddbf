//! `hashget series run`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use jiff::Zoned;
use serde::Serialize;

use crate::cli::commands::index::index_directory;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{IndexingArgs, WalkArgs};
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::hint_scope::HintScopes;
use hashget_files::monitor::{Monitor, Problem};
use hashget_series::write_metrics;
use hashget_series::{Outcome, RunOptions, RunReport, Section, hooks, run as run_series};

/// `hashget series run`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// PROFILE or PROFILE/SECTION [default: all]
    pub(super) name: Option<String>,
    /// Make a backup even if nothing changed
    #[arg(long)]
    pub(super) force: bool,
    /// Begin a new series
    #[arg(long)]
    pub(super) full: bool,
    /// An empty source is meant: let the rules remove backups all the same
    #[arg(long)]
    pub(super) allow_empty: bool,
    /// Begin anew in a destination that an earlier run knew and that is gone
    #[arg(long)]
    pub(super) new_destination: bool,
    /// What to note about the backup
    #[arg(long, value_name = "TEXT")]
    pub(super) comment: Option<String>,
    /// Read all files, also those that did not change since they were last hashed
    #[arg(long, hide_short_help = true)]
    no_cache: bool,
    /// How packages are found.
    #[command(flatten)]
    indexing: IndexingArgs,
}

/// Runs sections one after the other; one that fails does not stop the others.
pub(super) fn run(
    sections: &[&Section],
    args: &RunArgs,
    context: &Context,
) -> Result<(), CliError> {
    let mut failed = Vec::new();
    let mut results = Vec::new();
    for section in sections {
        let outcome = run_one(section, args, context);
        let ended = Zoned::now().timestamp().as_second();
        results.push((*section, outcome.is_ok(), ended));
        if let Err(error) = outcome {
            let name = section.full_name();
            if sections.len() > 1 {
                context.reporter.error(&error);
            }
            failed.push((name, error));
        }
    }
    metrics(&results, context);
    let count = failed.len();
    match failed.pop() {
        None => Ok(()),
        Some((name, error)) if count == 1 => {
            Err(error.context(format!("no backup of {name} was made")))
        }
        Some(_) => Err(
            CliError::failed(format!("{count} of {} sections failed", sections.len()))
                .hint("the reasons are above; the same command again makes what is missing"),
        ),
    }
}

fn run_one(section: &Section, args: &RunArgs, context: &Context) -> Result<(), CliError> {
    hooks::pre(section)?;
    let done = back_up(section, args, context);
    let status = match &done {
        Ok(Outcome::Made { .. }) => "made",
        Ok(Outcome::Unchanged { .. }) => "unchanged",
        Err(_) => "failed",
    };
    if let Err(error) = hooks::post(section, status) {
        let problem = Problem::new(section.full_name(), &error);
        context.reporter.problem(&problem);
    }
    done.map(|_| ())
}

fn back_up(section: &Section, args: &RunArgs, context: &Context) -> Result<Outcome, CliError> {
    let mut hints = HintScopes::default();
    if section.index && !section.self_sufficient {
        hints = index_directory(
            &section.source,
            &args.indexing,
            &WalkArgs {
                one_file_system: section.one_file_system,
                ..WalkArgs::default()
            },
            context,
        )?;
    }
    let options = RunOptions {
        hash_cache: (!args.no_cache).then(|| context.hash_cache()),
        force: args.force,
        full: args.full,
        comment: args.comment.clone(),
        now: Zoned::now(),
        allow_empty: args.allow_empty,
        new_destination: args.new_destination,
        hints,
        state: super::file::state(),
    };
    let sources = context.sources();
    let lookup = context.checked_lookup(&args.indexing.resolve, &sources, true)?;
    let report = run_series(section, &options, &lookup, context.reporter)?;
    let outcome = report.outcome.clone();
    context.reporter.report(&Ran(report));
    Ok(outcome)
}

/// Writes the metrics files. A backup is not worth less without.
fn metrics(results: &[(&Section, bool, i64)], context: &Context) {
    let mut files: BTreeMap<&Path, Vec<(&Section, bool, i64)>> = BTreeMap::new();
    for result in results {
        if let Some(path) = &result.0.metrics {
            files.entry(path).or_default().push(*result);
        }
    }
    for (path, results) in files {
        if let Err(error) = write_metrics(path, &results) {
            let problem = Problem::new(path.display().to_string(), &error);
            context.reporter.problem(&problem);
        }
    }
}

#[derive(Serialize)]
struct Ran(RunReport);

impl Report for Ran {
    const EVENT: &'static str = "series_run";

    fn lines(&self) -> Vec<String> {
        let report = &self.0;
        let section = &report.section;
        let mut lines = vec![match &report.outcome {
            Outcome::Unchanged { backup } => format!(
                "{section}: nothing changed since backup {backup}, no backup made (--force makes one)"
            ),
            Outcome::Made {
                archive,
                normal,
                archive_bytes,
                tree_bytes,
                new_files,
                updated_files,
                deleted_files,
                unchanged_files,
                patched_files,
                patch_bytes,
                ..
            } => {
                let patches = match *patched_files {
                    0 => String::new(),
                    count => format!("; {count} as patches of {}", Size(*patch_bytes)),
                };
                format!(
                    "{section}: {} backup {archive} ({} of {}): {new_files} new, {updated_files} \
                     updated, {deleted_files} deleted, {unchanged_files} unchanged{patches}",
                    if *normal { "normal" } else { "small" },
                    Size(*archive_bytes),
                    Size(*tree_bytes),
                )
            }
        }];
        for removal in &report.removed {
            lines.push(format!("removed {}: {}", removal.id, removal.why));
        }
        lines
    }
}
