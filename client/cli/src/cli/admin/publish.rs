//! `hashget-admin publish`: sends chosen local records to a hashserver.

use std::path::PathBuf;

use clap::Args;

use super::Admin;
use crate::cli::commands::publish::publish;
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, PlaceArgs, ServiceArgs};
use crate::cli::names::WITH_FILES;
use hashget_engine::publish::WithFiles;

const EXAMPLES: &str = "\
Example:
  hashget-admin publish --hp full-1.tar.gz --hashserver http://hash.example.org/";

/// `hashget-admin publish`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// Also put the package files, their anchors or both into the server's pool
    #[arg(long, value_name = "package|anchors|all", value_parser = WITH_FILES.parser(),
        hide_possible_values = true)]
    with_files: Option<WithFiles>,
    /// Where package files are
    #[arg(long, value_name = "DIR")]
    pool: Option<PathBuf>,
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl PublishArgs {
    /// The hashserver that is named, or those of the settings.
    pub(super) fn service(&self) -> ServiceArgs {
        ServiceArgs {
            pool: self.pool.iter().cloned().collect(),
            ..self.place.publishing()
        }
    }
}

impl Admin<'_> {
    /// Sends records to every named hashserver.
    pub(super) fn publish(&self, args: &PublishArgs) -> Result<(), CliError> {
        let with_files = args.with_files.unwrap_or_default();
        publish(
            self.spec(),
            self.filter.project.clone(),
            with_files,
            self.context,
        )
    }
}
