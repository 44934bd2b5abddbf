//! `hashget series restore` and `undo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_words::rel_path::RelPath;
use jiff::Zoned;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::missing::{missing_lines, tell_each};
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use hashget_engine::restore::{ExtractStats, Owners, RestoreOptions, RestoreStats, Selection};
use hashget_series::{self as series, BackupId, InPlaceStats, Section};

/// `hashget series restore`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
pub(crate) struct RestoreBackupArgs {
    /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
    pub(super) backup: BackupId,
    /// Where to
    pub(super) directory: PathBuf,
    /// Only this file or directory
    #[arg(long, value_name = "P")]
    pub(super) path: Vec<OsString>,
    /// Replace a directory that is not empty, after a reserve backup of it
    #[arg(long, conflicts_with = "path")]
    pub(super) in_place: bool,
    /// Make no reserve backup
    #[arg(long, requires = "in_place")]
    pub(super) no_reserve: bool,
    /// Do not set owners
    #[arg(long)]
    pub(super) user: bool,
    /// Set owners by number, whatever their names are here
    #[arg(long)]
    pub(super) numeric_owner: bool,
}

/// Restores a backup.
pub(super) fn restore(
    section: &Section,
    args: &RestoreBackupArgs,
    context: &Context,
) -> Result<(), CliError> {
    let options = options(args, context)?;
    let sources = context.sources();
    let (id, directory) = (args.backup, &args.directory);
    if args.in_place {
        let now = Zoned::now();
        let reserve = (!args.no_reserve).then_some(&now);
        let monitor = context.reporter;
        let stats =
            series::restore_in_place(section, id, directory, reserve, &options, &sources, monitor)?;
        let directory = printable_path(directory);
        context.reporter.report(&Replaced { directory, stats });
        return Ok(());
    }
    let stats = series::restore(section, id, directory, &options, &sources, context.reporter)?;
    let complete = stats.is_complete();
    if let Some(restored) = &stats.restore {
        tell_each(&restored.missing, context.reporter);
    }
    context.reporter.report(&Restored {
        backup: id.to_string(),
        directory: printable_path(directory),
        stats,
    });
    if complete {
        return Ok(());
    }
    Err(
        CliError::failed(format!("backup {id} could not be restored completely")).hint(
            "the reasons are above; `hashget series verify` tells what is damaged; other pools and \
         hashservers (--pool, --hashserver) may have what is missing",
        ),
    )
}

fn options(args: &RestoreBackupArgs, context: &Context) -> Result<RestoreOptions, CliError> {
    let path = |path: &OsString| {
        RelPath::new(path.as_bytes()).map_err(|error| {
            CliError::new(&error)
                .into_usage()
                .hint("--path is relative to the directory that was backed up")
        })
    };
    let paths: Vec<RelPath> = args.path.iter().map(path).collect::<Result<_, _>>()?;
    Ok(RestoreOptions {
        selection: Selection::new(&[] as &[&str], &paths)?,
        owners: match (args.user, args.numeric_owner) {
            (true, _) => Owners::Mine,
            (_, true) => Owners::Numeric,
            _ => Owners::ByName,
        },
        jobs: context.jobs(),
        ..RestoreOptions::default()
    })
}

/// Puts back what the last restore over a directory replaced.
pub(super) fn undo(section: &Section, directory: &Path, context: &Context) -> Result<(), CliError> {
    let options = RestoreOptions {
        jobs: context.jobs(),
        ..RestoreOptions::default()
    };
    let sources = context.sources();
    let reserve = series::undo(section, directory, &options, &sources, context.reporter)?;
    context.reporter.report(&Undone {
        directory: printable_path(directory),
        reserve: printable_path(&reserve),
    });
    Ok(())
}

#[derive(Serialize)]
struct Undone {
    #[serde(rename = "folder")]
    directory: String,
    reserve: String,
}

impl Report for Undone {
    const EVENT: &'static str = "series_undone";

    fn lines(&self) -> Vec<String> {
        let (directory, reserve) = (&self.directory, &self.reserve);
        vec![format!(
            "{directory} is as it was; {reserve} can be removed"
        )]
    }
}

#[derive(Serialize)]
struct Replaced {
    #[serde(rename = "folder")]
    directory: String,
    #[serde(flatten)]
    stats: InPlaceStats,
}

impl Report for Replaced {
    const EVENT: &'static str = "series_replaced";

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} replaced; {} excluded files and directories stayed",
            self.directory, self.stats.untouched_files
        )];
        if let Some(reserve) = &self.stats.reserve {
            let reserve = printable_path(reserve);
            lines.push(format!(
                "what was there is in {reserve}: `hashget series undo {}` puts it back",
                self.directory
            ));
        }
        lines
    }
}

#[derive(Serialize)]
struct Restored {
    backup: String,
    #[serde(rename = "folder")]
    directory: String,
    #[serde(flatten)]
    stats: ExtractStats,
}

impl Report for Restored {
    const EVENT: &'static str = "series_restored";

    fn lines(&self) -> Vec<String> {
        let restored = self.stats.restore.as_ref();
        let missing = restored.map(|stats| missing_lines(&stats.missing));
        let mut lines = missing.unwrap_or_default();
        lines.push(format!(
            "{} restored into {}: {} members of the archive, {} files from its base and packages",
            self.backup,
            self.directory,
            self.stats.placed_members,
            restored.map_or(0, RestoreStats::recovered_files)
        ));
        lines
    }
}
