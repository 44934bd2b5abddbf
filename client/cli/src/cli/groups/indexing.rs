//! How packages are found and recorded.

use std::ffi::OsString;

use clap::Args;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;

use crate::cli::error::CliError;
use crate::cli::names::{TrustArg, trust_arg};
use crate::cli::size::parse_size;

/// How the packages that a directory is made of are found and recorded.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Indexing")]
pub(crate) struct IndexingArgs {
    /// Find packages by this heuristic only; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) heuristics: Vec<String>,
    /// Look for no packages
    #[arg(long, conflicts_with = "heuristics", hide_short_help = true)]
    pub(crate) no_heuristics: bool,
    /// Obey hint files that name private addresses, such as 10.1.2.3 or localhost, too
    #[arg(long, hide_short_help = true)]
    pub(crate) private_hints: bool,
    /// Look up every file above --anchsz at the hashservers as well (slower)
    #[arg(long, hide_short_help = true)]
    pub(crate) pull: bool,
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
    pub(crate) anchsz: Option<u64>,
    /// Files larger than this are indexed, and left out
    ///
    /// Without it all are indexed. Left out are those above 1024 bytes, and smaller ones of packages
    /// that are needed for these.
    #[arg(long, value_name = "BYTES", value_parser = parse_size, hide_short_help = true)]
    pub(crate) filesz: Option<u64>,
    /// Files that match are anchors, whatever their size; may be repeated
    #[arg(long, value_name = "GLOB", hide_short_help = true)]
    pub(crate) fanchor: Vec<OsString>,
    /// Look also into archives inside packages (slower)
    #[arg(long, hide_short_help = true)]
    pub(crate) recursive: bool,
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
    pub(crate) snapshot_url: Option<String>,
    /// Wait this long between requests to the snapshot service
    #[arg(long, value_name = "SECONDS", hide_short_help = true)]
    pub(crate) sleep: Option<f64>,
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
