//! `--postunpack DIR|ARCHIVE`, `-u`: restores what was left out.

use std::path::Path;

use serde::Serialize;

use super::pattern_options::{check_selected, selection};
use super::restore_plan::Planned;
use crate::cli::args::{HashgetArgs, OverwriteWhen};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::missing::{missing_lines, tell_each};
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::cli::standard_streams::NamedArchive;
use crate::restore::{ExtractStats, Overwrite, Owners, RestoreOptions, RestoreStats, Trust};
use crate::restore::{extract, plan, restore};
use crate::series::StoredPatch;

/// Restores a folder, or extracts and restores an archive.
pub(super) fn run(path: &Path, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let options = options(args, context)?;
    let sources = context.sources();
    let near = args.restore.directory.as_deref();
    let archive = NamedArchive::new(path, near.unwrap_or(&std::env::temp_dir()))?;
    let (name, path) = (path, archive.path());
    if args.restore.dry_run {
        let plan = plan(path, &options, &sources, context.reporter)?;
        context.reporter.report(&Planned(plan));
        return Ok(());
    }
    let metadata = std::fs::metadata(path).map_err(|error| {
        CliError::new(&error).context(format!("cannot find {}", printable_path(path)))
    })?;
    if metadata.is_dir() {
        if args.restore.directory.is_some() {
            return Err(CliError::usage(
                "-C DIR goes with an archive, and -u names a folder",
            ));
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
    let Some(target) = &args.restore.directory else {
        return Err(CliError::usage(format!(
            "{} is an archive: -u extracts it into -C DIR",
            printable_path(name)
        )));
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
        _ if target.join(StoredPatch::FOLDER).exists() => {
            "this archive of a series holds patches: `hashget series restore` applies them, and \
             `hashget series export` makes an archive that needs none"
        }
        _ => {
            "the reasons are above; the same command again fetches only what is missing, also \
             from other pools and hashservers (--pool, --hashserver)"
        }
    }
}

fn options(args: &HashgetArgs, context: &Context) -> Result<RestoreOptions, CliError> {
    let restore = &args.restore;
    let owners = match (restore.user, restore.numeric_owner) {
        (true, _) => Owners::Mine,
        (_, true) => Owners::Numeric,
        _ => Owners::ByName,
    };
    Ok(RestoreOptions {
        selection: selection(&restore.include, &restore.path)?,
        overwrite: match restore.overwrite {
            None => Overwrite::default(),
            Some(OverwriteWhen::Never) => Overwrite::Never,
            Some(OverwriteWhen::Changed) => Overwrite::Changed,
            Some(OverwriteWhen::Always) => Overwrite::Always,
        },
        owners,
        trust: match (restore.untrusted, restore.trusted) {
            (true, _) => Trust::Never,
            (_, true) => Trust::Always,
            _ => Trust::ByOwner,
        },
        recursive: args.index.recursive,
        keep_restore_file: restore.keep_restore_file,
        jobs: context.jobs(),
        ..RestoreOptions::default()
    })
}

#[derive(Serialize)]
struct Restored(RestoreStats);

impl Report for Restored {
    const EVENT: &'static str = "restored";

    fn lines(&self) -> Vec<String> {
        restored_lines(&self.0)
    }
}

#[derive(Serialize)]
struct Extracted(ExtractStats);

impl Report for Extracted {
    const EVENT: &'static str = "extracted";

    fn lines(&self) -> Vec<String> {
        let stats = &self.0;
        let mut line = vec![format!(
            "Extracted {} members, {} bytes",
            stats.placed_members,
            Size(stats.placed_bytes)
        )];
        for (count, what) in [
            (stats.unchanged_files, "unchanged"),
            (stats.kept_members, "kept"),
            (stats.failed_members, "failed"),
        ] {
            if count > 0 {
                line.push(format!(", {count} {what}"));
            }
        }
        let mut lines = vec![line.concat()];
        lines.extend(unset_lines(
            stats.unset_owner_files,
            stats.unset_metadata_files,
        ));
        lines.extend(refused_line(stats.refused_parts));
        match &stats.restore {
            Some(restore) => lines.extend(restored_lines(restore)),
            None => {
                lines.push("It has no restore file: nothing more is known to restore".to_owned());
            }
        }
        lines
    }
}

fn restored_lines(stats: &RestoreStats) -> Vec<String> {
    let mut lines = missing_lines(&stats.missing);
    lines.push(format!(
        "Recovered {}/{} files {} bytes ({} downloaded, {} from pool, {} cached) in {:.2}s",
        stats.recovered_files(),
        stats.wanted_files,
        Size(stats.recovered_bytes()),
        Size(stats.downloaded_bytes),
        Size(stats.pool_bytes),
        Size(stats.cached_bytes),
        stats.seconds
    ));
    lines.extend(unset_lines(
        stats.unset_owner_files,
        stats.unset_metadata_files,
    ));
    lines.extend(refused_line(stats.refused_parts));
    lines
}

fn refused_line(refused: u64) -> Option<String> {
    (refused > 0).then(|| {
        format!("Left out, because the archive is not trusted: {refused} (--trusted restores all)")
    })
}

fn unset_lines(owners: u64, others: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if owners > 0 {
        lines.push(format!(
            "Owners not set: {owners} (-v names them; --user restores without owners)"
        ));
    }
    if others > 0 {
        lines.push(format!("Other metadata not set: {others}"));
    }
    lines
}
