//! `hashget restore ARCHIVE DIR`: brings back what was left out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::restore_plan::Planned;
use super::restore_reports::{Extracted, Restored};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{ServiceArgs, check_selected, selection};
use crate::cli::missing::tell_each;
use crate::cli::names::OVERWRITE;
use crate::cli::printable::printable_path;
use crate::cli::standard_streams::NamedArchive;
use hashget_engine::restore::{Overwrite, Owners, RestoreOptions, Trust, extract, plan, restore};
use hashget_series::StoredPatch;

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
    /// The archive (-: standard input), or the directory it was extracted into
    #[arg(value_name = "ARCHIVE|DIR|-")]
    path: PathBuf,
    /// The directory to extract the archive into
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Print the plan and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Restore only what matches; patterns as with `pack --exclude`. May be repeated
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
    /// Restore no devices, setuid bits, capabilities [default: where others own ARCHIVE]
    ///
    /// Nor the metadata of the root directory.
    #[arg(long, conflicts_with = "trusted")]
    untrusted: bool,
    /// Restore all of that, whoever owns the archive
    #[arg(long, hide_short_help = true)]
    trusted: bool,
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
    let near = args.directory.as_deref();
    let archive = NamedArchive::new(path, near.unwrap_or(&std::env::temp_dir()))?;
    let (name, path) = (path, archive.path());
    let sources = context.sources_for(options.trust, path)?;
    if args.dry_run {
        let plan = plan(path, &options, &sources, context.reporter)?;
        context.reporter.report(&Planned(plan));
        return check_selected(&options.selection, name, context.reporter);
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
        let left = Left {
            missing_files: stats.missing_files,
            failed_members: 0,
            in_the_way: stats.in_the_way_files,
        };
        tell_each(&stats.missing, context.reporter);
        context.reporter.report(&Restored(stats));
        check_selected(&options.selection, name, context.reporter)?;
        return complete(path, &left, options.overwrite);
    }
    let Some(target) = &args.directory else {
        let path = printable_path(name);
        return Err(CliError::usage(format!(
            "{path} is an archive, and the directory to extract it into is not named"
        ))
        .hint("name it: hashget restore ARCHIVE DIR"));
    };
    let stats = extract(path, target, &options, &sources, context.reporter)?;
    let restored = stats.restore.as_ref();
    let left = Left {
        missing_files: restored.map_or(0, |stats| stats.missing_files),
        failed_members: stats.failed_members,
        in_the_way: stats.in_the_way_members + restored.map_or(0, |stats| stats.in_the_way_files),
    };
    if let Some(restore) = restored {
        tell_each(&restore.missing, context.reporter);
    }
    context.reporter.report(&Extracted(stats));
    check_selected(&options.selection, name, context.reporter)?;
    complete(target, &left, options.overwrite)
}

/// What is not where it belongs.
struct Left {
    missing_files: u64,
    failed_members: u64,
    /// How many of both have their place taken by something of another kind.
    in_the_way: u64,
}

fn complete(target: &Path, left: &Left, overwrite: Overwrite) -> Result<(), CliError> {
    let message = match (left.missing_files, left.failed_members) {
        (0, 0) => return Ok(()),
        (files, 0) => format!("{files} files could not be restored"),
        (0, members) => format!("{members} members of the archive could not be extracted"),
        (files, members) => format!(
            "{files} files could not be restored, {members} members of the archive not extracted"
        ),
    };
    Err(CliError::failed(message).hint(hint(target, left, overwrite)))
}

fn hint(target: &Path, left: &Left, overwrite: Overwrite) -> &'static str {
    match left {
        Left {
            in_the_way: 1.., ..
        } if overwrite == Overwrite::Always => {
            "directories that are not empty are never replaced: move those named above away, then \
             run the same command again"
        }
        Left {
            in_the_way: 1.., ..
        } => {
            "what has the places named above is of another kind: --overwrite always replaces it, \
             unless it is a directory that is not empty; or choose another directory"
        }
        Left {
            missing_files: 0, ..
        } => "the reasons are above; the same command again extracts only what is missing",
        _ if target.join(StoredPatch::DIRECTORY).exists() => {
            "this archive of a series holds patches: `hashget series restore` applies them, and \
             `hashget series export` makes an archive that needs none"
        }
        _ => {
            "the reasons are above; the same command again fetches only what is missing, also \
             from other pools and hashservers (--pool, --hashserver)"
        }
    }
}

fn options(args: &RestoreArgs, context: &Context) -> Result<RestoreOptions, CliError> {
    let owners = match (args.user, args.numeric_owner) {
        (true, _) => Owners::Mine,
        (_, true) => Owners::Numeric,
        _ => Owners::ByName,
    };
    Ok(RestoreOptions {
        selection: selection(&args.include, &args.paths)?,
        overwrite: args.overwrite.unwrap_or_default(),
        owners,
        trust: match (args.untrusted, args.trusted) {
            (true, _) => Trust::Never,
            (_, true) => Trust::Always,
            _ => Trust::ByOwner,
        },
        recursive: args.recursive,
        keep_restore_file: args.keep_restore_file,
        jobs: context.jobs(),
        ..RestoreOptions::default()
    })
}
