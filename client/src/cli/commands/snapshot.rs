//! `hashget snapshot create|list|diff|verify|delete|prune|restore|reindex`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::pattern_options::{patterns, tell_unmatched};
use super::snapshot_reports::{
    CreatedReport, DeletedReport, DiffReport, ListReport, PruneReport, ReindexReport,
    RestoredReport, VerifyReport,
};
use crate::cli::args_snapshot::{
    SnapshotAction, SnapshotCreateArgs, SnapshotPruneArgs, SnapshotRestoreArgs,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::snapshot::{
    CreateOptions, Destination, KeepRules, RestoreSnapshotOptions, SnapshotError, SnapshotId,
    VerifyStats, create, delete, diff, list, prune, reindex, restore_snapshot, verify,
};
use crate::tree::WalkOptions;

/// Does something with snapshots.
pub(in crate::cli) fn run(action: &SnapshotAction, context: &Context) -> Result<(), CliError> {
    let reporter = context.reporter;
    match action {
        SnapshotAction::Create(args) => return run_create(args, context),
        SnapshotAction::List {
            destination,
            name,
            sizes,
        } => {
            let destination = Destination::open(destination)?;
            let snapshots = list(&destination, name.as_ref(), *sizes, reporter)?;
            reporter.report(&ListReport { snapshots });
        }
        SnapshotAction::Diff { old, new } => {
            let differences = diff(old, new, reporter)?;
            reporter.report(&DiffReport { differences });
        }
        SnapshotAction::Verify { paths } => return run_verify(paths, context),
        SnapshotAction::Delete { snapshots } => {
            for (folder, ids) in by_destination(snapshots)? {
                delete(&Destination::open(&folder)?, &ids, reporter)?;
                reporter.report(&DeletedReport { deleted: ids });
            }
        }
        SnapshotAction::Prune(args) => return run_prune(args, context),
        SnapshotAction::Restore(args) => return run_restore(args, context),
        SnapshotAction::Reindex { destination } => {
            let stats = reindex(&Destination::open(destination)?, reporter)?;
            reporter.report(&ReindexReport { stats });
        }
    }
    Ok(())
}

fn run_create(args: &SnapshotCreateArgs, context: &Context) -> Result<(), CliError> {
    let sources = args.from_packages.then(|| context.sources());
    let options = CreateOptions {
        name: args.name.clone(),
        walk: walk_options(args)?,
        full_hash: args.full_hash,
        sums: args.sha256sums,
        sync: !args.no_sync,
        packages: sources.as_ref().map(|sources| sources as _),
        ..CreateOptions::default()
    };
    let now = context.now();
    let created = create(
        &args.source,
        &args.destination,
        &options,
        now,
        context.reporter,
    )
    .map_err(|error| create_error(&error))?;
    tell_unmatched(
        "--exclude",
        &options.walk.exclude,
        &args.source,
        context.reporter,
    );
    context.reporter.report(&CreatedReport::new(&created));
    Ok(())
}

fn create_error(error: &SnapshotError) -> CliError {
    let known = match error {
        SnapshotError::Name(_) => Some("name the row of snapshots with --name"),
        SnapshotError::Nested { .. } => Some("choose a destination outside, or another source"),
        SnapshotError::Unreadable { .. } => Some("run as a user who may read it"),
        _ => None,
    };
    let error = CliError::new(error);
    match known {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn walk_options(args: &SnapshotCreateArgs) -> Result<WalkOptions, CliError> {
    let exclude = patterns(&args.source, &args.exclude, args.exclude_from.as_deref())?;
    Ok(WalkOptions {
        exclude,
        exclude_caches: args.exclude_caches,
        exclude_ignored: args.exclude_ignored,
        one_file_system: args.one_file_system,
        pseudo_file_systems: args.all_file_systems,
        ..WalkOptions::default()
    })
}

/// The snapshots at these paths, by destination.
fn by_destination(paths: &[PathBuf]) -> Result<BTreeMap<PathBuf, Vec<SnapshotId>>, CliError> {
    let mut found: BTreeMap<PathBuf, Vec<SnapshotId>> = BTreeMap::new();
    for path in paths {
        let (destination, id, below) = Destination::find(path)?;
        if !below.is_root() {
            return Err(CliError::usage(format!(
                "{} is a part of a snapshot",
                printable_path(path)
            ))
            .hint("give the snapshot's own folder, NAME/YYYY-MM-DD-HHMMSS"));
        }
        let ids = found.entry(destination.path().to_owned()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(found)
}

fn run_verify(paths: &[PathBuf], context: &Context) -> Result<(), CliError> {
    let mut total = VerifyStats::default();
    let is_one = |path: &&PathBuf| Destination::find(path).is_ok();
    let (single, whole): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(is_one);
    let single: Vec<PathBuf> = single.into_iter().cloned().collect();
    let mut chosen = by_destination(&single)?;
    for path in whole {
        let ids = Destination::open(path)?.snapshots(None)?;
        chosen.insert(path.clone(), ids);
    }
    for (path, ids) in chosen {
        total.add(verify_in(&path, &ids, context)?);
    }
    let good = total.is_good();
    context.reporter.report(&VerifyReport { stats: total });
    if good {
        return Ok(());
    }
    Err(CliError::failed("some files are not what was saved").hint(
        "restore them from their source or another backup; names of one inode are damaged together",
    ))
}

fn verify_in(path: &Path, ids: &[SnapshotId], context: &Context) -> Result<VerifyStats, CliError> {
    let destination = Destination::open(path)?;
    verify(&destination, ids, context.reporter).map_err(|error| {
        CliError::new(&error).hint(
            "`hashget snapshot reindex DEST` makes an index of the files as they are now; lists made \
             with --sha256sums are checked by `sha256sum -c`",
        )
    })
}

fn run_prune(args: &SnapshotPruneArgs, context: &Context) -> Result<(), CliError> {
    let rules = KeepRules {
        last: args.keep_last,
        daily: args.keep_daily,
        weekly: args.keep_weekly,
        monthly: args.keep_monthly,
        yearly: args.keep_yearly,
    };
    if rules.is_empty() {
        return Err(CliError::usage("no rule says which snapshots to keep")
            .hint("name at least one, such as --keep-daily 7"));
    }
    let destination = Destination::open(&args.destination)?;
    let name = args.name.as_ref();
    let snapshots = prune(&destination, name, &rules, args.dry_run, context.reporter)?;
    context.reporter.report(&PruneReport {
        dry_run: args.dry_run,
        snapshots,
    });
    Ok(())
}

fn run_restore(args: &SnapshotRestoreArgs, context: &Context) -> Result<(), CliError> {
    let (destination, id, below) = Destination::find(&args.snapshot)?;
    let options = RestoreSnapshotOptions {
        overwrite: args.overwrite,
        sync: args.fsync,
    };
    let reporter = context.reporter;
    let stats = restore_snapshot(&destination, &id, &below, &args.target, &options, reporter)?;
    reporter.report(&RestoredReport { stats });
    Ok(())
}
