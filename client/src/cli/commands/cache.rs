//! `hashget cache stat|clean`.

use std::path::Path;

use serde::Serialize;

use crate::cli::args_subcommand::CacheAction;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;

/// Tells what the download cache holds, or empties it.
pub(in crate::cli) fn run(action: CacheAction, context: &Context) -> Result<(), CliError> {
    match action {
        CacheAction::Stat => {
            let mut stat = CacheStat {
                folder: printable_path(context.cache()),
                ..CacheStat::default()
            };
            add_folder(context.cache(), &mut stat)?;
            context.reporter.report(&stat);
        }
        CacheAction::Clean => {
            let cleaned = context.downloader().clean()?;
            context.reporter.report(&Cleaned {
                deleted_files: cleaned.deleted_files,
                deleted_bytes: cleaned.deleted_bytes,
            });
        }
    }
    Ok(())
}

#[derive(Default, Serialize)]
struct CacheStat {
    folder: String,
    files: u64,
    bytes: u64,
}

impl Report for CacheStat {
    const EVENT: &'static str = "cache";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "{}: {} files ({})",
            self.folder,
            self.files,
            Size(self.bytes)
        )]
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

fn add_folder(folder: &Path, stat: &mut CacheStat) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(&error).context(format!("cannot read {}", printable_path(folder)))
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        if metadata.is_dir() {
            add_folder(&entry.path(), stat)?;
        } else {
            stat.files += 1;
            stat.bytes += metadata.len();
        }
    }
    Ok(())
}
