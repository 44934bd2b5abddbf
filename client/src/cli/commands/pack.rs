//! `--pack DIR -f FILE [-z]`: index, choose packages, write the archive.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::index_options;
use super::pack_options;
use crate::cli::args::HashgetArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::cli::standard_streams::refuse_closed_output;
use crate::pack::{Compaction, Output, PackPlan, PackScan, PackStats, PlannedPackage};
use crate::pack::{scan_telling, write_compact};
use crate::restore::RestoreSources;
use crate::sources::PackageRef;

/// Packs a folder.
pub(super) fn run(root: &Path, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let reporter = context.reporter;
    let dry_run = args.restore.dry_run;
    let file = match &args.pack.file {
        Some(file) => file.as_path(),
        // A plan has no use for a name.
        None if dry_run => Path::new("-"),
        None => {
            return Err(CliError::usage("--pack DIR needs -f FILE")
                .hint("name the archive, such as: hashget -zf backup.tar.gz --pack DIR"));
        }
    };
    let to_stdout = file.as_os_str() == "-";
    if to_stdout && args.output.json && !dry_run {
        return Err(CliError::usage(
            "-f - and --json both want standard output: give the archive a name",
        ));
    }
    if to_stdout && !dry_run {
        refuse_closed_output()?;
    }
    let options = pack_options::pack_options(root, file, args, context)?;
    let output = || {
        if to_stdout {
            Output::Stream(Box::new(std::io::stdout()))
        } else {
            Output::File(file.to_owned())
        }
    };

    reporter.step("STEP 1/3 Indexing...");
    index_options::index_folder(root, args, context)?;

    reporter.step("STEP 2/3 prepare exclude list for packing...");
    let lookup = context.lookup(context.trust(args.pack.trust)?);
    let (scan, lookup) = lookup.ahead(options.expires, |tell| {
        scan_telling(root, Some(&output()), &options, tell, reporter)
    });
    let scan = scan?;
    pack_options::tell_unmatched_patterns(root, &options, context);
    let plan = scan.plan(&lookup, &options)?;
    if dry_run {
        reporter.report(&Planned(plan));
        return Ok(());
    }
    let saved = Saved::planned(scan.left_out_files(&plan), &plan);
    if to_stdout {
        reporter.progress(&saved);
    } else {
        reporter.report(&saved);
    }

    reporter.step("STEP 3/3 tarring...");
    let compaction = if options.compact {
        compact(&scan, &plan, context)
    } else {
        Compaction::default()
    };
    let stats = write_compact(&scan, &plan, &compaction, output(), &options, reporter)?;
    let packed = Packed::new(root, file, &stats);
    if to_stdout {
        reporter.progress(&packed);
    } else {
        reporter.report(&packed);
    }
    Ok(())
}

/// Finds untouched members of the packages that are in a pool or the cache.
fn compact(scan: &PackScan, plan: &PackPlan, context: &Context) -> Compaction {
    let sources = context.sources();
    let open = |package: &PlannedPackage| {
        let wanted = PackageRef {
            sha256: Some(package.sha256),
            size: package.size,
            urls: vec![package.url.clone()],
        };
        let at_hand = sources.at_hand(std::slice::from_ref(&wanted), false, context.reporter);
        at_hand.first()?.as_ref()?;
        sources.fetch(&wanted, context.reporter).ok()
    };
    scan.compact(plan, open, context.reporter)
}

/// How much is left out.
#[derive(Serialize)]
pub(super) struct Saved {
    files: u64,
    packages: u64,
    #[serde(rename = "saved_bytes")]
    bytes: u64,
    download_bytes: u64,
    download_exact: bool,
}

impl Saved {
    pub(super) fn new(stats: &PackStats) -> Self {
        Self {
            files: stats.deduplicated_files,
            packages: stats.packages,
            bytes: stats.deduplicated_bytes,
            download_bytes: stats.download_bytes,
            download_exact: stats.download_exact,
        }
    }

    fn planned(files: u64, plan: &PackPlan) -> Self {
        Self {
            files,
            packages: plan.packages.len() as u64,
            bytes: plan.saved_bytes,
            download_bytes: plan.download_bytes,
            download_exact: plan.download_exact,
        }
    }

    fn line(&self) -> String {
        format!(
            "saved: {} files, {} pkgs, size: {}. Download: {}{}",
            self.files,
            self.packages,
            Size(self.bytes),
            Size(self.download_bytes),
            if self.download_exact { "" } else { "+" }
        )
    }
}

impl Report for Saved {
    const EVENT: &'static str = "saved";

    fn lines(&self) -> Vec<String> {
        vec![self.line()]
    }
}

#[derive(Serialize)]
struct Planned(PackPlan);

impl Report for Planned {
    const EVENT: &'static str = "pack_plan";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        match serde_json::to_string_pretty(&self.0) {
            Ok(json) => json.lines().map(str::to_owned).collect(),
            Err(error) => vec![format!("the plan cannot be shown: {error}")],
        }
    }
}

#[derive(Serialize)]
struct Packed {
    #[serde(serialize_with = "as_text")]
    folder: PathBuf,
    #[serde(serialize_with = "as_text")]
    archive: PathBuf,
    tree_files: u64,
    tree_bytes: u64,
    archived_files: u64,
    archived_bytes: u64,
    archive_bytes: u64,
    problems: u64,
}

impl Packed {
    fn new(folder: &Path, archive: &Path, stats: &PackStats) -> Self {
        Self {
            folder: folder.to_owned(),
            archive: archive.to_owned(),
            tree_files: stats.tree_files,
            tree_bytes: stats.tree_bytes,
            archived_files: stats.archived_files,
            archived_bytes: stats.archived_bytes,
            archive_bytes: stats.archive_bytes,
            problems: stats.problems,
        }
    }

    fn line(&self) -> String {
        format!(
            "{} ({}) packed into {} ({})",
            printable_path(&self.folder),
            Size(self.tree_bytes),
            printable_path(&self.archive),
            Size(self.archive_bytes)
        )
    }
}

impl Report for Packed {
    const EVENT: &'static str = "packed";

    fn lines(&self) -> Vec<String> {
        vec![self.line()]
    }
}

fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable_path(path))
}
