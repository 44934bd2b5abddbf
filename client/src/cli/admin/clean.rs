//! `--clean cacheget|hashdb|all`.

use hashget_common::package_spec::PackageSpec;

use super::Admin;
use super::purge::Purged;
use crate::cli::args_admin::CleanWhat;
use crate::cli::args_subcommand::CacheAction;
use crate::cli::commands::cache;
use crate::cli::error::CliError;

impl Admin<'_> {
    /// Empties the download cache, the local records or both.
    pub(super) fn clean(&self, what: CleanWhat) -> Result<(), CliError> {
        self.need_local("--clean")?;
        if matches!(what, CleanWhat::Cacheget | CleanWhat::All) {
            cache::run(CacheAction::Clean, self.context)?;
        }
        if matches!(what, CleanWhat::Hashdb | CleanWhat::All) {
            let purged_packages = self.records.remove_spec(&PackageSpec::All, None)?;
            self.context.reporter.report(&Purged { purged_packages });
        }
        Ok(())
    }
}
