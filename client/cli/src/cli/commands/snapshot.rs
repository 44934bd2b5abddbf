//! `hashget snapshot create|list|diff|verify|delete|prune|restore|reindex`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hashget_words::keep_rules::KeepRules;

use super::snapshot_reports::{
    CreatedReport, DeletedReport, DiffReport, ListReport, PruneReport, ReindexReport,
    RestoredReport, VerifyReport,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{ServiceArgs, WalkArgs, tell_unmatched};
use crate::cli::printable::printable_path;
use hashget_snapshot::{
    CreateOptions, Destination, RestoreSnapshotOptions, SnapshotError, SnapshotId, SnapshotName,
    VerifyStats, create, delete, diff, list, prune, reindex, restore_snapshot, verify,
};

const EXAMPLES: &str = "\
Examples:
  hashget snapshot create /home/me /backup
  hashget snapshot prune /backup --keep-daily 7 --keep-weekly 4
  hashget snapshot restore /backup/me/2026-01-31-120000/letters /tmp/letters";

/// `hashget snapshot`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SnapshotArgs {
    /// What to do.
    #[command(subcommand)]
    pub(super) action: SnapshotAction,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotAction {
    /// Save directory SRC as DEST/NAME/YYYY-MM-DD-HHMMSS; files that DEST has already are linked
    Create(SnapshotCreateArgs),
    /// List the snapshots in DEST
    List {
        /// The directory of snapshots
        #[arg(value_name = "DEST")]
        destination: PathBuf,
        /// Only this row of snapshots
        #[arg(long)]
        name: Option<SnapshotName>,
        /// Look into them: how large they are, and what deleting one would free
        #[arg(long)]
        sizes: bool,
    },
    /// Show what differs between two snapshots, or a snapshot and any directory
    Diff {
        /// The older directory
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer directory
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
    /// Read all files and compares them with what was saved
    Verify {
        /// A directory of snapshots, or single ones
        #[arg(value_name = "DEST|SNAPSHOT", required = true)]
        paths: Vec<PathBuf>,
    },
    /// Remove snapshots; the others stay whole
    Delete {
        /// Their directories
        #[arg(value_name = "SNAPSHOT", required = true)]
        snapshots: Vec<PathBuf>,
    },
    /// Remove the snapshots that no --keep-* rule keeps
    Prune(SnapshotPruneArgs),
    /// Copy a snapshot, or what lies at a path in it, into directory TARGET
    Restore(SnapshotRestoreArgs),
    /// Read all snapshots and make the index of DEST anew
    Reindex {
        /// The directory of snapshots
        #[arg(value_name = "DEST")]
        destination: PathBuf,
    },
}

/// `hashget snapshot create`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct SnapshotCreateArgs {
    /// The directory to save
    #[arg(value_name = "SRC")]
    pub(super) source: PathBuf,
    /// The directory of snapshots
    #[arg(value_name = "DEST")]
    pub(super) destination: PathBuf,
    /// Which row the snapshot belongs to [default: called as SRC is]
    #[arg(long)]
    pub(super) name: Option<SnapshotName>,
    /// Read every file, also where size, times and inode are as in the last snapshot
    #[arg(long)]
    pub(super) full_hash: bool,
    /// List the SHA-256 of all files beside the snapshot, for `sha256sum -c`
    #[arg(long)]
    pub(super) sha256sums: bool,
    /// Do not force the snapshot to disk before it gets its name
    #[arg(long)]
    pub(super) no_sync: bool,
    /// Take files that known packages hold from there
    ///
    /// The packages are unpacked once for all snapshots in DEST.
    #[arg(long)]
    pub(super) from_packages: bool,
    /// What is saved.
    #[command(flatten)]
    walk: WalkArgs,
    /// Leave out what matches a line of FILE
    #[arg(
        long,
        short = 'X',
        value_name = "FILE",
        help_heading = "Choosing files"
    )]
    exclude_from: Option<PathBuf>,
}

/// `hashget snapshot prune`.
#[derive(Debug, Args)]
pub(crate) struct SnapshotPruneArgs {
    /// The directory of snapshots
    #[arg(value_name = "DEST")]
    pub(super) destination: PathBuf,
    /// Only this row of snapshots [default: all, each by itself]
    #[arg(long)]
    pub(super) name: Option<SnapshotName>,
    /// Keep the newest N
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) keep_last: u32,
    /// Keep the last one of each of the newest N days that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) keep_daily: u32,
    /// The same with weeks, from Monday on
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) keep_weekly: u32,
    /// The same with months
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) keep_monthly: u32,
    /// The same with years
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) keep_yearly: u32,
    /// Only tell what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// `hashget snapshot restore`.
#[derive(Debug, Args)]
pub(crate) struct SnapshotRestoreArgs {
    /// The snapshot's directory, or a path in it
    #[arg(value_name = "SNAPSHOT[/PATH]")]
    pub(super) snapshot: PathBuf,
    /// The directory to restore into
    #[arg(value_name = "TARGET")]
    pub(super) target: PathBuf,
    /// Replace what is there already; else it stays
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Force every file to disk before it gets its name
    #[arg(long)]
    pub(super) fsync: bool,
}

/// Does something with snapshots.
pub(super) fn run(action: &SnapshotAction, context: &Context) -> Result<(), CliError> {
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
            for (directory, ids) in by_destination(snapshots)? {
                delete(&Destination::open(&directory)?, &ids, reporter)?;
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
        walk: args
            .walk
            .options(&args.source, args.exclude_from.as_deref())?,
        full_hash: args.full_hash,
        sums: args.sha256sums,
        sync: !args.no_sync,
        packages: sources.as_ref().map(|sources| sources as _),
        ..CreateOptions::default()
    };
    let now = context.zoned_now();
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
            .hint("give the snapshot's own directory, NAME/YYYY-MM-DD-HHMMSS"));
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
