//! `hashget cache stat|clean`.

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;

/// `hashget cache`.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// What to do.
    #[command(subcommand)]
    pub(super) action: CacheAction,
}

/// What to do with the caches.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum CacheAction {
    /// Show how many downloads, digests and bytes there are
    Stat,
    /// Remove all of them
    Clean,
}

/// Tells what the caches hold, or empties them.
pub(in crate::cli) fn run(action: CacheAction, context: &Context) -> Result<(), CliError> {
    match action {
        CacheAction::Stat => {
            let digests = context
                .hash_cache()
                .stat()
                .map_err(|error| digests_error(&error))?;
            let mut stat = CacheStat {
                directory: printable_path(context.cache()),
                digest_trees: digests.trees,
                digest_bytes: digests.bytes,
                ..CacheStat::default()
            };
            add_directory(context.cache(), &mut stat)?;
            stat.files = stat.files.saturating_sub(digests.trees);
            stat.bytes = stat.bytes.saturating_sub(digests.bytes);
            context.reporter.report(&stat);
        }
        CacheAction::Clean => {
            let cleaned = context.downloader().clean()?;
            let digests = context
                .hash_cache()
                .clean()
                .map_err(|error| digests_error(&error))?;
            context.reporter.report(&Cleaned {
                deleted_files: cleaned.deleted_files + digests.trees,
                deleted_bytes: cleaned.deleted_bytes + digests.bytes,
            });
        }
    }
    Ok(())
}

fn digests_error(error: &std::io::Error) -> CliError {
    CliError::new(error).context("cannot use the digests in the cache".to_owned())
}

#[derive(Default, Serialize)]
struct CacheStat {
    #[serde(rename = "folder")]
    directory: String,
    files: u64,
    bytes: u64,
    digest_trees: u64,
    digest_bytes: u64,
}

impl Report for CacheStat {
    const EVENT: &'static str = "cache";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![
            format!(
                "{}: {} files ({})",
                self.directory,
                self.files,
                Size(self.bytes)
            ),
            format!(
                "digests of {} packed directories ({})",
                self.digest_trees,
                Size(self.digest_bytes)
            ),
        ]
    }
}

#[derive(Serialize)]
struct Cleaned {
    deleted_files: u64,
    deleted_bytes: u64,
}

impl Report for Cleaned {
    const EVENT: &'static str = "cache_cleaned";

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "Deleted {} files ({})",
            self.deleted_files,
            Size(self.deleted_bytes)
        )]
    }
}

fn add_directory(directory: &Path, stat: &mut CacheStat) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(&error).context(format!("cannot read {}", printable_path(directory)))
    };
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        if metadata.is_dir() {
            add_directory(&entry.path(), stat)?;
        } else {
            stat.files += 1;
            stat.bytes += metadata.len();
        }
    }
    Ok(())
}
