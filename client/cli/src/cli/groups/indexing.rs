//! How packages are found and recorded.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;
use url::Url;

use super::walk::WalkArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::names::{TrustArg, trust_arg};
use crate::cli::printable::printable_path;
use crate::cli::size::parse_size;
use hashget_engine::heuristics::{
    HeuristicSet, HeuristicSettings, SnapshotService, SnapshotSettings,
};
use hashget_engine::index::{AnchorPatterns, IndexOptions, IndexServices, RecordOptions};
use hashget_sources::hash_db::CombinedLookup;
use hashget_sources::sources::PackageSources;

/// How the packages that a directory is made of are found and recorded.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Indexing")]
pub(crate) struct IndexingArgs {
    /// Find packages by this heuristic only; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    heuristics: Vec<String>,
    /// Look for no packages
    #[arg(long, conflicts_with = "heuristics", hide_short_help = true)]
    no_heuristics: bool,
    /// Obey hint files that name private addresses, such as 10.1.2.3 or localhost, too
    #[arg(long, hide_short_help = true)]
    private_hints: bool,
    /// Look up every file above --anchsz at the hashservers as well (slower)
    #[arg(long, hide_short_help = true)]
    pull: bool,
    /// How packages are recorded.
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Whose records count.
    #[command(flatten)]
    pub(crate) resolve: ResolveArgs,
}

/// How packages are recorded.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Indexing")]
pub(crate) struct RecordArgs {
    /// The project that records go to
    #[arg(long, short, value_name = "PROJECT")]
    pub(crate) project: Option<ProjectName>,
    /// Until when the package, or the archive, must be good: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<Expiry>,
    /// Files larger than this are anchors [default: 102400]
    #[arg(long, value_name = "BYTES", value_parser = parse_size, hide_short_help = true)]
    anchsz: Option<u64>,
    /// Files larger than this are indexed, and left out
    ///
    /// Without it all are indexed. Left out are those above 1024 bytes, and smaller ones of packages
    /// that are needed for these.
    #[arg(long, value_name = "BYTES", value_parser = parse_size, hide_short_help = true)]
    pub(crate) filesz: Option<u64>,
    /// Files that match are anchors, whatever their size; may be repeated
    #[arg(long, value_name = "GLOB", hide_short_help = true)]
    fanchor: Vec<OsString>,
    /// Look also into archives inside packages (slower)
    #[arg(long, hide_short_help = true)]
    recursive: bool,
}

/// Whose records count, and where Debian's packages are found.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Indexing")]
pub(crate) struct ResolveArgs {
    /// Rely on self, verified, server or server=URL#PROJECT [default: server]
    ///
    /// self: one's own. server: also those of hashservers, once their packages are seen to be there. verified: once they
    /// are downloaded and read. server=URL#PROJECT, repeatable: those of this project as they are (of all, without #PROJECT).
    #[arg(long, value_name = "WHOSE", value_parser = trust_arg)]
    pub(crate) trust: Vec<TrustArg>,
    /// Download at most this much to check records of others; what is not checked is packed [default: 2G]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, hide_short_help = true)]
    pub(crate) max_download: Option<u64>,
    /// The base URL of the Debian snapshot service
    #[arg(long, value_name = "URL", hide_short_help = true)]
    snapshot_url: Option<String>,
    /// Wait this long between requests to the snapshot service
    #[arg(long, value_name = "SECONDS", hide_short_help = true)]
    sleep: Option<f64>,
}

/// What indexing stands on, kept alive for [`IndexServices`].
pub(crate) struct Services<'a> {
    lookup: CombinedLookup<'a>,
    sources: PackageSources,
    hint_sources: PackageSources,
    snapshot: SnapshotService,
}

impl<'a> Services<'a> {
    /// The services as options and settings describe them.
    pub(crate) fn new(args: &ResolveArgs, context: &'a Context<'a>) -> Result<Self, CliError> {
        Ok(Self {
            lookup: context.lookup(context.trust(&args.trust)?),
            sources: context.sources(),
            hint_sources: context.public_sources()?,
            snapshot: SnapshotService::new(context.http().clone(), args.snapshot(context)?)?,
        })
    }

    /// Packages of hints may come from anywhere.
    pub(crate) fn with_private_hints(mut self, context: &Context) -> Self {
        self.hint_sources = context.sources();
        self
    }

    pub(crate) fn borrow(&self) -> IndexServices<'_> {
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
    pub(crate) fn options(
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
    pub(crate) fn private_hints(&self, context: &Context) -> bool {
        self.private_hints || context.settings.private_hints == Some(true)
    }
}

impl RecordArgs {
    /// How packages are recorded.
    pub(crate) fn options(&self, context: &Context) -> Result<RecordOptions, CliError> {
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

/// The project that records go to.
pub(crate) fn need_project<'a>(
    project: Option<&'a ProjectName>,
    command: &str,
) -> Result<&'a ProjectName, CliError> {
    project.ok_or_else(|| {
        CliError::usage(format!("{command} needs --project"))
            .hint("name the project that the record goes to, such as -p my_packages")
    })
}
