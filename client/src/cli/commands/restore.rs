//! `hashget restore ARCHIVE DIR`: brings back what was left out.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_common::rel_path::RelPath;

use super::restore_plan::Planned;
use super::restore_reports::{Extracted, Restored};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::ServiceArgs;
use crate::cli::names::OVERWRITE;
use crate::cli::printable::printable_path;
use crate::restore::{Overwrite, Owners, RestoreOptions, Selection, extract, plan, restore};
use crate::series::StoredPatch;

const EXAMPLES: &str = "\
Examples:
  hashget restore backup.tar.gz /srv/www2
  hashget restore backup.tar.gz /srv/www2 --dry-run
  hashget restore backup.tar.gz out --path etc --pool /srv/pool
An archive that another program extracted (see prepack):
  hashget restore /srv/www2";

/// `hashget restore`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// The archive; or the directory it was extracted into, which is completed
    #[arg(value_name = "ARCHIVE|DIR")]
    path: PathBuf,
    /// The directory to extract the archive into
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Print the plan and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Restore only what matches; globs relative to the directory. May be repeated
    #[arg(long, value_name = "GLOB")]
    include: Vec<OsString>,
    /// Restore only this file or directory; may be repeated
    #[arg(long = "path", value_name = "P")]
    paths: Vec<OsString>,
    /// Which files that are already there are replaced [default: changed]
    #[arg(long, value_name = "never|changed|always", value_parser = OVERWRITE.parser(),
        hide_possible_values = true)]
    overwrite: Option<Overwrite>,
    /// Do not set owners
    #[arg(long)]
    user: bool,
    /// Set owners by number, whatever their names are here
    #[arg(long, hide_short_help = true)]
    numeric_owner: bool,
    /// Look also into archives inside packages (slower)
    #[arg(long, hide_short_help = true)]
    recursive: bool,
    /// Leave the restore file in place when everything is restored
    #[arg(long, hide_short_help = true)]
    keep_restore_file: bool,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Completes a directory, or extracts and restores an archive.
pub(super) fn run(args: &RestoreArgs, context: &Context) -> Result<(), CliError> {
    let path = args.path.as_path();
    let options = options(args, context)?;
    let sources = context.sources()?;
    if args.dry_run {
        let plan = plan(path, &options, &sources, context.reporter)?;
        context.reporter.report(&Planned(plan));
        return Ok(());
    }
    let metadata = std::fs::metadata(path).map_err(|error| {
        CliError::new(&error).context(format!("cannot find {}", printable_path(path)))
    })?;
    if metadata.is_dir() {
        if args.directory.is_some() {
            let path = printable_path(path);
            return Err(CliError::usage(format!(
                "{path} is a directory: it is completed where it is"
            ))
            .hint("name an archive and a directory, or only the directory"));
        }
        let stats = restore(path, &options, &sources, context.reporter)?;
        let missing = stats.missing_files;
        context.reporter.report(&Restored(stats));
        return complete(path, missing, 0);
    }
    let Some(target) = &args.directory else {
        let path = printable_path(path);
        return Err(CliError::usage(format!(
            "{path} is an archive, and the directory to extract it into is not named"
        ))
        .hint("name it: hashget restore ARCHIVE DIR"));
    };
    let stats = extract(path, target, &options, &sources, context.reporter)?;
    let missing = stats
        .restore
        .as_ref()
        .map_or(0, |stats| stats.missing_files);
    let failed = stats.failed_members;
    context.reporter.report(&Extracted(stats));
    complete(target, missing, failed)
}

fn complete(folder: &Path, missing_files: u64, failed_members: u64) -> Result<(), CliError> {
    if missing_files == 0 && failed_members == 0 {
        return Ok(());
    }
    let message = match (missing_files, failed_members) {
        (files, 0) => format!("{files} files could not be restored"),
        (0, members) => format!("{members} members of the archive could not be extracted"),
        (files, members) => format!(
            "{files} files could not be restored, {members} members of the archive not extracted"
        ),
    };
    Err(CliError::failed(message).hint(match missing_files {
        0 => "the reasons are above; the same command again extracts only what is missing",
        _ if folder.join(StoredPatch::FOLDER).exists() => {
            "this archive of a series holds patches: `hashget series restore` applies them, and \
             `hashget series export` makes an archive that needs none"
        }
        _ => {
            "the reasons are above; the same command again fetches only what is missing, also \
             from other pools and hashservers (--pool, --hashserver)"
        }
    }))
}

fn options(args: &RestoreArgs, context: &Context) -> Result<RestoreOptions, CliError> {
    let owners = match (args.user, args.numeric_owner) {
        (true, _) => Owners::Mine,
        (_, true) => Owners::Numeric,
        _ => Owners::ByName,
    };
    Ok(RestoreOptions {
        selection: selection(args)?,
        overwrite: args.overwrite.unwrap_or_default(),
        owners,
        recursive: args.recursive,
        keep_restore_file: args.keep_restore_file,
        jobs: context.jobs(),
        ..RestoreOptions::default()
    })
}

fn selection(args: &RestoreArgs) -> Result<Selection, CliError> {
    let glob = |glob: &OsString| {
        glob.clone().into_string().map_err(|glob| {
            let glob = printable_path(Path::new(&glob));
            CliError::usage(format!(
                "--include {glob} is not UTF-8: name the file with --path"
            ))
        })
    };
    let globs: Vec<String> = args.include.iter().map(glob).collect::<Result<_, _>>()?;
    let path = |path: &OsString| {
        RelPath::new(path.as_bytes()).map_err(|error| {
            CliError::new(&error)
                .into_usage()
                .hint("--path is relative to the restored directory")
        })
    };
    let paths: Vec<RelPath> = args.paths.iter().map(path).collect::<Result<_, _>>()?;
    Selection::new(&globs, &paths).map_err(|error| CliError::new(&error).into_usage())
}
