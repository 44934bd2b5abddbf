//! `hashget delta index|diff|apply|show|invert|recover`.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::delta_reports::{Applied, Differs, Indexed, Recovered, Shown, Written};
use crate::cli::error::CliError;
use crate::cli::groups::{WalkArgs, patterns, tell_unmatched};
use crate::cli::reporter::Reporter;
use hashget_delta::patch::DiffOptions;
use hashget_delta::{
    ApplyOptions, DataOptions, DeltaError, DiffData, DiffIndex, DirIndex, DirectoryPair,
    IndexOptions, IndexRules, OldFiles, Pattern, apply_diff, invert, output_names, recover,
};

const EXAMPLES: &str = "\
Examples:
  hashget delta index mydir -o mydir.index
  hashget delta diff mydir.index mydir -o mydir.delta.tgz
  hashget delta apply /backup/mydir mydir.delta.tgz";

/// `hashget delta`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DeltaArgs {
    /// What to do.
    #[command(subcommand)]
    pub(super) action: DeltaAction,
}

/// What to do with deltas.
#[derive(Debug, Subcommand)]
pub(crate) enum DeltaAction {
    /// Write what directory DIR is like, with block signatures, into an index
    Index(DeltaIndexArgs),
    /// Write what changed in DIR since the index OLD into a delta
    Diff(DeltaDiffArgs),
    /// Bring DIR, which must be in the old state, to the new one: all of it or nothing
    Apply {
        /// The directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// The delta
        #[arg(value_name = "DELTA")]
        delta: PathBuf,
        /// Do not wait until everything is on disk
        ///
        /// A power failure may then cost the directory.
        #[arg(long)]
        no_sync: bool,
    },
    /// Show what a delta changes, or what an index holds
    Show {
        /// The delta, or the index
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write the delta that leads back; needs both states
    Invert(DeltaInvertArgs),
    /// Undo an apply that was killed in DIR (the next apply does that, too)
    Recover {
        /// The directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// `hashget delta index`.
#[derive(Debug, Args)]
pub(crate) struct DeltaIndexArgs {
    /// The directory
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// The index
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Leave out the block signatures: smaller, but deltas keep changed files whole
    ///
    /// Where the old files are at hand, deltas are as small without them.
    #[arg(long)]
    no_signatures: bool,
    /// What is looked at; later looks at DIR leave the same out.
    #[command(flatten)]
    walk: WalkArgs,
}

/// `hashget delta diff`.
#[derive(Debug, Args)]
pub(crate) struct DeltaDiffArgs {
    /// The index of the old state
    #[arg(value_name = "OLD")]
    pub(super) index: PathBuf,
    /// The directory, in the new state
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// The delta
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// A directory that is still in the old state: makes smaller patches
    #[arg(long, alias = "old-folder", value_name = "DIR")]
    pub(super) old_directory: Option<PathBuf>,
    /// Also write the index of the new state, for the next delta
    #[arg(long, value_name = "FILE")]
    pub(super) new_index: Option<PathBuf>,
    /// Compression level of patches, 1 to 22
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub(super) level: i32,
}

/// `hashget delta invert`.
#[derive(Debug, Args)]
pub(crate) struct DeltaInvertArgs {
    /// The delta
    #[arg(value_name = "DELTA")]
    pub(super) delta: PathBuf,
    /// A directory in the old state
    #[arg(long = "old", value_name = "DIR")]
    pub(super) old_directory: PathBuf,
    /// A directory in the new state
    #[arg(long = "new", value_name = "DIR")]
    pub(super) new_directory: PathBuf,
    /// The delta that leads back
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
}

/// Makes, shows and applies deltas.
pub(super) fn run(action: &DeltaAction, reporter: &Reporter) -> Result<(), CliError> {
    match action {
        DeltaAction::Index(args) => index(args, reporter),
        DeltaAction::Diff(args) => diff(args, reporter),
        DeltaAction::Apply {
            directory,
            delta,
            no_sync,
        } => {
            let options = ApplyOptions { sync: !no_sync };
            let applied = apply_diff(directory, delta, &options, reporter);
            let stats = applied.map_err(|error| told(&error, reporter))?;
            reporter.report(&Applied(stats));
            Ok(())
        }
        DeltaAction::Show { file } => show(file, reporter),
        DeltaAction::Invert(args) => inverse(args, reporter),
        DeltaAction::Recover { directory } => {
            let recovered = recover(directory, reporter).map_err(|error| told(&error, reporter))?;
            reporter.report(&Recovered { recovered });
            Ok(())
        }
    }
}

fn index(args: &DeltaIndexArgs, reporter: &Reporter) -> Result<(), CliError> {
    let walk = &args.walk;
    let exclude = walk.exclude.iter();
    let options = IndexOptions {
        rules: IndexRules {
            exclude: exclude
                .map(|p| Pattern::of_user(&args.directory, p.as_bytes()))
                .collect(),
            gitignore: walk.exclude_ignored,
            exclude_caches: walk.exclude_caches,
            one_file_system: walk.one_file_system,
            data_digests: true,
        },
        signatures: !args.no_signatures,
        exclude: Some(patterns(&args.directory, &walk.exclude, None)?),
        omitted: Some(output_names(&args.output)?),
    };
    let index = DirIndex::of_directory(&args.directory, &options, reporter)
        .map_err(|error| told(&error, reporter))?;
    if let Some(exclude) = &options.exclude {
        tell_unmatched("--exclude", exclude, &args.directory, reporter);
    }
    let index_bytes = index.to_file(&args.output)?;
    reporter.report(&Indexed::of(&index, &args.output, index_bytes));
    Ok(())
}

fn diff(args: &DeltaDiffArgs, reporter: &Reporter) -> Result<(), CliError> {
    let old = DirIndex::from_file(&args.index)?;
    let options = IndexOptions {
        rules: old.rules.clone(),
        signatures: args.new_index.is_some(),
        exclude: None,
        omitted: Some(output_names(&args.output)?),
    };
    let new = DirIndex::of_directory(&args.directory, &options, reporter)
        .map_err(|error| told(&error, reporter))?;
    let diff = DiffIndex::compute(&old, &new)?;
    let files = match &args.old_directory {
        Some(directory) => OldFiles::Directory(directory),
        None => OldFiles::Signatures(&old.signatures),
    };
    let options = data_options(args.level);
    let data = DiffData::new(diff, files, &args.directory);
    let stats = data.create_archive(&args.output, &options, reporter)?;
    if let Some(path) = &args.new_index {
        new.to_file(path)?;
    }
    reporter.report(&Written(stats));
    Ok(())
}

fn data_options(level: i32) -> DataOptions {
    DataOptions {
        patch: DiffOptions { level },
        ..DataOptions::default()
    }
}

fn show(file: &Path, reporter: &Reporter) -> Result<(), CliError> {
    let delta = DiffIndex::from_archive(file);
    if let Ok(diff) = delta {
        reporter.report(&Shown::of(&diff));
        return Ok(());
    }
    // What is no index either is most likely meant to be a delta.
    match DirIndex::from_file(file) {
        Ok(index) => {
            let index_bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
            reporter.report(&Indexed::of(&index, file, index_bytes));
            Ok(())
        }
        Err(_) => delta.map(|_| ()).map_err(CliError::from),
    }
}

fn inverse(args: &DeltaInvertArgs, reporter: &Reporter) -> Result<(), CliError> {
    let directories = DirectoryPair {
        old: &args.old_directory,
        new: &args.new_directory,
    };
    let options = DataOptions::default();
    let stats = invert(&args.delta, directories, &args.output, &options, reporter)
        .map_err(|error| told(&error, reporter))?;
    reporter.report(&Written(stats));
    Ok(())
}

/// Lists what differs, where that is why it failed, and says what to do.
fn told(error: &DeltaError, reporter: &Reporter) -> CliError {
    if let Some(differences) = error.differences() {
        let differs = differences.0.iter().map(|difference| Differs {
            path: difference.path.to_string(),
            what: difference.what.clone(),
        });
        differs.for_each(|differs| reporter.report(&differs));
    }
    let failed = CliError::new(error);
    match error {
        DeltaError::NotTheState { .. } => failed.hint(
            "nothing was changed; bring the directory to the old state, or make a delta from an \
             index of what it is",
        ),
        DeltaError::Unfinished(_) => failed.hint(
            "wait if it is being changed now; else run `hashget delta recover DIR`, or the apply \
             again",
        ),
        DeltaError::Locked(_) => failed.hint("wait until the other process has ended"),
        DeltaError::NotUndone { .. } => failed
            .hint("remove the cause and run `hashget delta recover DIR`; do not remove the stage"),
        DeltaError::Incomplete { .. } => {
            failed.hint("make everything readable, or leave it out with --exclude")
        }
        DeltaError::WrongResult { .. } | DeltaError::Metadata { .. } => {
            failed.hint("the directory is in its old state; run as root if owners must be set")
        }
        _ => failed,
    }
}
