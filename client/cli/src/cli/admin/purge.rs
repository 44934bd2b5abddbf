//! `hashget-admin purge --hp HPSPEC`.

use clap::Args;
use serde::Serialize;

use super::{Admin, listing_line};
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, PlaceArgs};
use crate::cli::reporter::Report;

const EXAMPLES: &str = "\
Examples:
  hashget-admin purge --hp full-1.tar.gz
  hashget-admin purge --hp expired";

/// `hashget-admin purge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PurgeArgs {
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl Admin<'_> {
    /// Removes the packages that `--hp` names.
    pub(super) fn purge(&self) -> Result<(), CliError> {
        let spec = self.need_spec("purge")?;
        let project = self.filter.project.as_ref();
        let packages = self.records.list(spec, project)?;
        self.found(packages.len() as u64)?;
        let purged_packages = self.records.remove_spec(spec, project)?;
        for package in &packages {
            let name = listing_line(package);
            self.context.reporter.report(&Purging { name });
        }
        self.context.reporter.report(&Purged { purged_packages });
        Ok(())
    }
}

#[derive(Serialize)]
struct Purging {
    name: String,
}

impl Report for Purging {
    const EVENT: &'static str = "purging";

    fn lines(&self) -> Vec<String> {
        vec![format!("Purge {}", self.name)]
    }
}

#[derive(Serialize)]
pub(super) struct Purged {
    pub(super) purged_packages: u64,
}

impl Report for Purged {
    const EVENT: &'static str = "purged";

    fn lines(&self) -> Vec<String> {
        vec![format!("Purged {} packages", self.purged_packages)]
    }
}
