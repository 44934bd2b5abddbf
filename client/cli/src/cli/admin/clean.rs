//! `hashget-admin clean cacheget|hashdb|all`.

use clap::{Args, ValueEnum};
use hashget_words::package_spec::PackageSpec;

use super::Admin;
use super::purge::Purged;
use crate::cli::commands::cache::{self, CacheAction};
use crate::cli::error::CliError;
use crate::cli::groups::LocalArgs;

/// `hashget-admin clean`.
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// What to empty: the downloads, the local records or both
    #[arg(value_name = "cacheget|hashdb|all", hide_possible_values = true)]
    what: CleanWhat,
    /// Where the local records are.
    #[command(flatten)]
    pub(super) place: LocalArgs,
}

/// What is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CleanWhat {
    Cacheget,
    Hashdb,
    All,
}

impl Admin<'_> {
    /// Empties the download cache, the local records or both.
    pub(super) fn clean(&self, args: &CleanArgs) -> Result<(), CliError> {
        if args.what != CleanWhat::Hashdb {
            cache::run(CacheAction::Clean, self.context)?;
        }
        if args.what != CleanWhat::Cacheget {
            let purged_packages = self.records.remove_spec(&PackageSpec::All, None)?;
            self.context.reporter.report(&Purged { purged_packages });
        }
        Ok(())
    }
}
