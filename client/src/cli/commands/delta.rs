//! `hashget delta index|diff|apply|show|invert|recover`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;

use super::pattern_options::{patterns, tell_unmatched};
use crate::cli::args_delta::{DeltaAction, DeltaDiffArgs, DeltaIndexArgs, DeltaInvertArgs};
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::{Report, Reporter};
use crate::cli::size::Size;
use crate::delta::patch::DiffOptions;
use crate::delta::{
    ApplyOptions, ApplyStats, ChangeKind, Content, DataOptions, DeltaError, DeltaStats, DiffData,
    DiffIndex, DirIndex, FolderPair, IndexOptions, IndexRules, OldFiles, Pattern, apply_diff,
    invert, output_names, recover,
};

/// Makes, shows and applies deltas.
pub(super) fn run(action: &DeltaAction, reporter: &Reporter) -> Result<(), CliError> {
    match action {
        DeltaAction::Index(args) => index(args, reporter),
        DeltaAction::Diff(args) => diff(args, reporter),
        DeltaAction::Apply {
            folder,
            delta,
            no_sync,
        } => {
            let options = ApplyOptions { sync: !no_sync };
            let applied = apply_diff(folder, delta, &options, reporter);
            let stats = applied.map_err(|error| told(&error, reporter))?;
            reporter.report(&Applied(stats));
            Ok(())
        }
        DeltaAction::Show { file } => show(file, reporter),
        DeltaAction::Invert(args) => inverse(args, reporter),
        DeltaAction::Recover { folder } => {
            let recovered = recover(folder, reporter).map_err(|error| told(&error, reporter))?;
            reporter.report(&Recovered { recovered });
            Ok(())
        }
    }
}

fn index(args: &DeltaIndexArgs, reporter: &Reporter) -> Result<(), CliError> {
    let exclude = args.exclude.iter();
    let options = IndexOptions {
        rules: IndexRules {
            exclude: exclude
                .map(|p| Pattern::of_user(&args.folder, p.as_bytes()))
                .collect(),
            gitignore: args.exclude_ignored,
            exclude_caches: args.exclude_caches,
            one_file_system: args.one_file_system,
            data_digests: true,
        },
        exclude: Some(patterns(&args.folder, &args.exclude, None)?),
        signatures: !args.no_signatures,
        omitted: Some(output_names(&args.output)?),
    };
    let index = DirIndex::of_folder(&args.folder, &options, reporter)
        .map_err(|error| told(&error, reporter))?;
    if let Some(exclude) = &options.exclude {
        tell_unmatched("--exclude", exclude, &args.folder, reporter);
    }
    let index_bytes = index.to_file(&args.output)?;
    reporter.report(&Indexed::of(&index, &args.output, index_bytes));
    Ok(())
}

fn diff(args: &DeltaDiffArgs, reporter: &Reporter) -> Result<(), CliError> {
    let old = DirIndex::from_file(&args.index)?;
    let options = IndexOptions {
        rules: old.rules.clone(),
        exclude: None,
        signatures: args.new_index.is_some(),
        omitted: Some(output_names(&args.output)?),
    };
    let new = DirIndex::of_folder(&args.folder, &options, reporter)
        .map_err(|error| told(&error, reporter))?;
    let diff = DiffIndex::compute(&old, &new)?;
    let files = match &args.old_folder {
        Some(folder) => OldFiles::Folder(folder),
        None => OldFiles::Signatures(&old.signatures),
    };
    let options = data_options(args.level);
    let data = DiffData::new(diff, files, &args.folder);
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
    let folders = FolderPair {
        old: &args.old_folder,
        new: &args.new_folder,
    };
    let options = DataOptions::default();
    let stats = invert(&args.delta, folders, &args.output, &options, reporter)
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
            "nothing was changed; bring the folder to the old state, or make a delta from an \
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
            failed.hint("the folder is in its old state; run as root if owners must be set")
        }
        _ => failed,
    }
}

#[derive(Serialize)]
struct Differs {
    path: String,
    what: String,
}

impl Report for Differs {
    const EVENT: &'static str = "difference";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![format!("differs {}: {}", self.path, self.what)]
    }
}

#[derive(Serialize)]
struct Indexed {
    file: String,
    entries: u64,
    signatures: u64,
    tree_bytes: u64,
    index_bytes: u64,
}

impl Indexed {
    fn of(index: &DirIndex, file: &Path, index_bytes: u64) -> Self {
        let files = index.entries.iter().filter_map(|entry| entry.file());
        let once = files.filter(|file| file.hardlink.is_none());
        Self {
            file: printable_path(file),
            entries: index.entries.len() as u64,
            signatures: index.signatures.len() as u64,
            tree_bytes: once.map(|file| file.size).sum(),
            index_bytes,
        }
    }
}

impl Report for Indexed {
    const EVENT: &'static str = "delta_index";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "{}: {} entries ({}), {} signatures, index size {}",
            self.file,
            self.entries,
            Size(self.tree_bytes),
            self.signatures,
            Size(self.index_bytes)
        )]
    }
}

#[derive(Serialize)]
struct Written(DeltaStats);

impl Report for Written {
    const EVENT: &'static str = "delta";

    fn lines(&self) -> Vec<String> {
        let stats = &self.0;
        vec![format!(
            "{} whole ({}), {} patched ({} by {}), {} renamed or copied ({}), delta size {}",
            stats.whole_files,
            Size(stats.whole_bytes),
            stats.patched_files,
            Size(stats.patched_bytes),
            Size(stats.patch_bytes),
            stats.moved_files,
            Size(stats.moved_bytes),
            Size(stats.delta_bytes)
        )]
    }
}

#[derive(Serialize)]
struct Applied(ApplyStats);

impl Report for Applied {
    const EVENT: &'static str = "delta_apply";

    fn lines(&self) -> Vec<String> {
        let stats = &self.0;
        let mut lines = Vec::new();
        if stats.recovered {
            lines.push("An apply that was interrupted here was put right first".to_owned());
        }
        lines.push(if stats.already_there {
            "The folder is in the new state already".to_owned()
        } else {
            format!(
                "{} placed, {} removed or replaced, {} written",
                stats.placed_files,
                stats.removed_files,
                Size(stats.written_bytes)
            )
        });
        lines
    }
}

#[derive(Serialize)]
struct Recovered {
    recovered: bool,
}

impl Report for Recovered {
    const EVENT: &'static str = "delta_recover";

    fn lines(&self) -> Vec<String> {
        let line = if self.recovered {
            "What an interrupted apply left was put right"
        } else {
            "Nothing was interrupted here"
        };
        vec![line.to_owned()]
    }
}

#[derive(Serialize)]
struct Shown {
    old_state: String,
    new_state: String,
    changes: Vec<ShownChange>,
}

#[derive(Serialize)]
struct ShownChange {
    kind: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    size_bytes: u64,
}

impl Shown {
    fn of(diff: &DiffIndex) -> Self {
        let changes = diff.changes.iter().zip(diff.kinds());
        let shown = changes.map(|(change, kind)| {
            let file = change.new.as_ref().and_then(|new| new.file());
            let from = match &kind {
                ChangeKind::Renamed(from) => Some(from.to_string()),
                _ => None,
            };
            ShownChange {
                kind: match kind {
                    ChangeKind::New => "new",
                    ChangeKind::Updated => "updated",
                    ChangeKind::Deleted => "deleted",
                    ChangeKind::Renamed(_) => "renamed",
                    ChangeKind::Metadata => "metadata",
                },
                path: change.path().to_string(),
                from,
                content: change.content.as_ref().map(|content| match content {
                    Content::Old(_) => "old file",
                    Content::Whole => "whole",
                    Content::Patch(_) => "patch",
                }),
                size_bytes: file.map_or(0, |file| file.size),
            }
        });
        Self {
            old_state: diff.old_state.to_string(),
            new_state: diff.new_state.to_string(),
            changes: shown.collect(),
        }
    }
}

impl Report for Shown {
    const EVENT: &'static str = "delta_show";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("old state {}", self.old_state),
            format!("new state {}", self.new_state),
        ];
        lines.extend(self.changes.iter().map(|change| {
            let from = change.from.as_ref().map(|from| format!(" from {from}"));
            let content = change
                .content
                .map(|content| format!(" ({}, {content})", Size(change.size_bytes)));
            format!(
                "{:<8} {}{}{}",
                change.kind,
                change.path,
                from.unwrap_or_default(),
                content.unwrap_or_default()
            )
        }));
        lines
    }
}
