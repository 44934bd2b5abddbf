//! `hashget series cat`, `export`, `keep` and `import`.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_words::rel_path::RelPath;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::{Report, Reporter};
use crate::cli::size::Size;
use hashget_series::{self as series, BackupId, ExportStats, Section};

/// Writes one file of a backup to standard output.
pub(super) fn cat(
    section: &Section,
    id: BackupId,
    path: &OsStr,
    context: &Context,
) -> Result<(), CliError> {
    let path = RelPath::new(path.as_bytes()).map_err(|error| {
        CliError::new(&error)
            .into_usage()
            .hint("the path is relative to the directory that was backed up")
    })?;
    let sources = context.sources();
    let mut output = Raw(context.reporter);
    series::cat(section, id, &path, &mut output, &sources, context.reporter)?;
    Ok(())
}

/// Standard output, as the reporter has it.
struct Raw<'a>(&'a Reporter);

impl Write for Raw<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.raw(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Turns a backup into a standalone archive.
pub(super) fn export(
    section: &Section,
    id: BackupId,
    file: &Path,
    self_sufficient: bool,
    context: &Context,
) -> Result<(), CliError> {
    let sources = context.sources();
    let monitor = context.reporter;
    let stats = series::export(section, id, file, self_sufficient, &sources, monitor)?;
    context.reporter.report(&Exported {
        backup: id,
        to: printable_path(file),
        stats,
    });
    Ok(())
}

/// Makes a backup stationary.
pub(super) fn keep(section: &Section, id: BackupId, context: &Context) -> Result<(), CliError> {
    let sources = context.sources();
    let stats = series::keep_backup(section, id, &sources, context.reporter)?;
    let to = section.destination.join(series::Destination::KEPT);
    context.reporter.report(&Exported {
        backup: id,
        to: printable_path(&to),
        stats,
    });
    Ok(())
}

#[derive(Serialize)]
struct Exported {
    backup: BackupId,
    to: String,
    #[serde(flatten)]
    stats: ExportStats,
}

impl Report for Exported {
    const EVENT: &'static str = "series_exported";

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "{} written to {} ({}): {} files from other archives put in, {} left to public packages",
            self.backup,
            self.to,
            Size(self.stats.archive_bytes),
            self.stats.inlined_files,
            self.stats.left_out_files
        )]
    }
}

/// Takes an exported archive in as a stationary backup.
pub(super) fn import(section: &Section, file: &Path, context: &Context) -> Result<(), CliError> {
    let backup = series::import(section, file)?;
    context.reporter.report(&Imported { backup });
    Ok(())
}

#[derive(Serialize)]
struct Imported {
    backup: BackupId,
}

impl Report for Imported {
    const EVENT: &'static str = "series_imported";

    fn lines(&self) -> Vec<String> {
        vec![format!("{} is kept", self.backup)]
    }
}
