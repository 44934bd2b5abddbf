//! What options about indexing and the settings mean together, and the services that indexing stands on.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::context::Context;
use super::error::CliError;
use super::groups::{IndexingArgs, RecordArgs, ResolveArgs, WalkArgs};
use super::printable::printable_path;
use hashget_engine::heuristics::{
    HeuristicSet, HeuristicSettings, SnapshotService, SnapshotSettings,
};
use hashget_engine::index::{AnchorPatterns, IndexOptions, IndexServices, RecordOptions};
use hashget_sources::hash_db::CombinedLookup;
use hashget_sources::sources::PackageSources;

/// What indexing stands on, kept alive for [`IndexServices`].
pub(super) struct Services<'a> {
    lookup: CombinedLookup<'a>,
    sources: PackageSources,
    hint_sources: PackageSources,
    snapshot: SnapshotService,
}

impl<'a> Services<'a> {
    /// The services as options and settings describe them.
    pub(super) fn new(args: &ResolveArgs, context: &'a Context<'a>) -> Result<Self, CliError> {
        Ok(Self {
            lookup: context.lookup(context.trust(&args.trust)?),
            sources: context.sources(),
            hint_sources: context.public_sources()?,
            snapshot: SnapshotService::new(context.http().clone(), args.snapshot(context)?)?,
        })
    }

    /// Packages of hints may come from anywhere.
    pub(super) fn with_private_hints(mut self, context: &Context) -> Self {
        self.hint_sources = context.sources();
        self
    }

    pub(super) fn borrow(&self) -> IndexServices<'_> {
        IndexServices {
            lookup: &self.lookup,
            sources: &self.sources,
            hint_sources: &self.hint_sources,
            snapshot: &self.snapshot,
        }
    }
}

impl IndexingArgs {
    /// How a directory is indexed.
    pub(super) fn options(
        &self,
        walk: &WalkArgs,
        context: &Context,
    ) -> Result<IndexOptions, CliError> {
        Ok(IndexOptions {
            heuristics: self.heuristics(context)?,
            record: self.record.options(context)?,
            project: self.record.project.clone(),
            hint_project: None,
            pull: self.pull,
            jobs: context.index_jobs(),
            one_file_system: walk.one_file_system,
            pseudo_file_systems: walk.all_file_systems,
        })
    }

    fn heuristics(&self, context: &Context) -> Result<HeuristicSet, CliError> {
        let settings = &context.settings;
        let names = if self.no_heuristics || !self.heuristics.is_empty() {
            Some(&self.heuristics)
        } else {
            settings.heuristics.as_ref()
        };
        let names = names.cloned().unwrap_or_else(|| vec!["all".to_owned()]);
        let kernels = settings.kernel_url.as_deref();
        let kernels = kernels.unwrap_or(HeuristicSettings::DEFAULT_KERNEL_BASE);
        let settings = HeuristicSettings {
            private_hints: self.private_hints(context),
            ..HeuristicSettings::new(kernels)?
        };
        HeuristicSet::new(&names, &settings).map_err(|error| CliError::new(&error).into_usage())
    }
}

impl IndexingArgs {
    /// Whether hint files may name private addresses.
    pub(super) fn private_hints(&self, context: &Context) -> bool {
        self.private_hints || context.settings.private_hints == Some(true)
    }
}

impl RecordArgs {
    /// How packages are recorded.
    pub(super) fn options(&self, context: &Context) -> Result<RecordOptions, CliError> {
        let mut options = RecordOptions::new(context.now());
        if let Some(filesz) = self.filesz.or(context.settings.filesz) {
            options.filesz = Some(filesz);
        }
        if let Some(anchsz) = self.anchsz.or(context.settings.anchsz) {
            options.anchsz = anchsz;
        }
        options.forced_anchors = forced_anchors(&self.fanchor)?;
        options.recursive = self.recursive;
        options.expires = self.expires.unwrap_or_default();
        Ok(options)
    }
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

impl ResolveArgs {
    fn snapshot(&self, context: &Context) -> Result<SnapshotSettings, CliError> {
        let named = self.snapshot_url.as_ref();
        let named = named.or(context.settings.snapshot_url.as_ref());
        let base = named.map_or(SnapshotSettings::DEFAULT_BASE, String::as_str);
        let base = Url::parse(base).map_err(|error| {
            CliError::new(&error).into_usage().hint(format!(
                "{base} is to be the URL of the snapshot service (--snapshot-url)"
            ))
        })?;
        let sleep = match self.sleep.map(Duration::try_from_secs_f64) {
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
}
