//! The options of indexing, read into the library's.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use hashget_common::project::ProjectName;
use url::Url;

use super::index::Indexed;
use crate::cli::args::{HashgetArgs, IndexArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::hash_db::{CombinedLookup, Trust};
use crate::heuristics::{HeuristicSet, HeuristicSettings, SnapshotService, SnapshotSettings};
use crate::index::{AnchorPatterns, IndexOptions, IndexServices, RecordOptions, index, index_root};
use crate::sources::PackageSources;

/// What indexing stands on, kept alive for [`IndexServices`].
pub(in crate::cli) struct Services<'a> {
    lookup: CombinedLookup<'a>,
    sources: PackageSources,
    snapshot: SnapshotService,
}

impl<'a> Services<'a> {
    /// `trust` says whose records may stand in for a package's own bytes.
    pub(in crate::cli) fn new(
        args: &IndexArgs,
        trust: Trust,
        context: &'a Context<'a>,
    ) -> Result<Self, CliError> {
        Ok(Self {
            lookup: context.lookup(trust),
            sources: context.sources(),
            snapshot: SnapshotService::new(
                context.http().clone(),
                snapshot_settings(args, context)?,
            )?,
        })
    }

    /// The services as the settings describe them, for commands without options of indexing.
    pub(in crate::cli) fn standard(context: &'a Context<'a>) -> Result<Self, CliError> {
        Self::new(&IndexArgs::default(), context.trust(None)?, context)
    }

    pub(in crate::cli) fn borrow(&self) -> IndexServices<'_> {
        IndexServices {
            lookup: &self.lookup,
            sources: &self.sources,
            snapshot: &self.snapshot,
        }
    }
}

/// Indexes a folder and tells the result.
pub(super) fn index_folder(
    root: &Path,
    args: &HashgetArgs,
    context: &Context,
) -> Result<(), CliError> {
    let options = index_options(args, context)?;
    context.show_messages();
    let services = Services::new(&args.index, context.trust(args.pack.trust)?, context)?;
    let stats = index(&index_root(root), &options, &services.borrow())?;
    context.reporter.progress(&Indexed::new(&stats));
    Ok(())
}

fn index_options(args: &HashgetArgs, context: &Context) -> Result<IndexOptions, CliError> {
    let all = || vec!["all".to_owned()];
    let names = args.index.heuristics.as_ref();
    let names = names.or(context.settings.heuristics.as_ref()).cloned();
    let kernels = context.settings.kernel_url.as_deref();
    let settings =
        HeuristicSettings::new(kernels.unwrap_or(HeuristicSettings::DEFAULT_KERNEL_BASE))?;
    let heuristics = HeuristicSet::new(&names.unwrap_or_else(all), &settings)
        .map_err(|error| CliError::new(&error).into_usage())?;
    Ok(IndexOptions {
        heuristics,
        record: record_options(&args.index, context)?,
        project: args.index.project.clone(),
        pull: args.pack.pull,
        jobs: context.index_jobs(),
        one_file_system: args.pack.one_file_system,
        pseudo_file_systems: args.pack.all_file_systems,
    })
}

/// How packages are recorded.
pub(super) fn record_options(
    args: &IndexArgs,
    context: &Context,
) -> Result<RecordOptions, CliError> {
    let mut options = RecordOptions::new(context.now());
    if let Some(filesz) = args.filesz.or(context.settings.filesz) {
        options.filesz = Some(filesz);
    }
    if let Some(anchsz) = args.anchsz.or(context.settings.anchsz) {
        options.anchsz = anchsz;
    }
    options.forced_anchors = forced_anchors(&args.fanchor)?;
    options.recursive = args.recursive;
    options.expires = args.expires.unwrap_or_default();
    Ok(options)
}

fn forced_anchors(patterns: &[OsString]) -> Result<AnchorPatterns, CliError> {
    let text = |pattern: &OsString| {
        pattern.clone().into_string().map_err(|pattern| {
            let pattern = printable_path(Path::new(&pattern));
            CliError::usage(format!("--fanchor {pattern} is not UTF-8"))
        })
    };
    let patterns: Vec<String> = patterns.iter().map(text).collect::<Result<_, _>>()?;
    AnchorPatterns::new(&patterns).map_err(|error| CliError::new(&error).into_usage())
}

fn snapshot_settings(args: &IndexArgs, context: &Context) -> Result<SnapshotSettings, CliError> {
    let named = args
        .snapshot_url
        .as_ref()
        .or(context.settings.snapshot_url.as_ref());
    let base = named.map_or(SnapshotSettings::DEFAULT_BASE, String::as_str);
    let base = Url::parse(base).map_err(|error| {
        CliError::new(&error).into_usage().hint(format!(
            "{base} is to be the URL of the snapshot service (--snapshot-url)"
        ))
    })?;
    let sleep = match args.sleep.map(Duration::try_from_secs_f64) {
        None => Duration::ZERO,
        Some(Ok(sleep)) => sleep,
        Some(Err(_)) => return Err(CliError::usage("--sleep is to be a number of seconds")),
    };
    Ok(SnapshotSettings {
        base,
        cache: Some(context.cache().join("snapshot")),
        sleep,
    })
}

/// The project that records go to.
pub(super) fn need_project<'a>(
    args: &'a IndexArgs,
    operation: &str,
) -> Result<&'a ProjectName, CliError> {
    args.project.as_ref().ok_or_else(|| {
        CliError::usage(format!("{operation} needs --project"))
            .hint("name the project that the record goes to, such as -p my_packages")
    })
}
