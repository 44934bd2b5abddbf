//! `--info PATH [summary|list]`.

use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::cli::standard_streams::NamedArchive;
use crate::info::{RestoreInfo, info};

/// Tells how much a restore needs.
pub(super) fn run(values: &[OsString], context: &Context) -> Result<(), CliError> {
    let Some((path, rest)) = values.split_first() else {
        return Err(CliError::usage("--info needs a folder or archive"));
    };
    let list = match rest.first().map(|word| word.to_str()) {
        None | Some(Some("summary")) => false,
        Some(Some("list")) => true,
        Some(_) => {
            return Err(CliError::usage(
                "--info PATH is followed by `summary` or `list`",
            ));
        }
    };
    let sources = context.sources();
    let archive = NamedArchive::new(Path::new(path), &std::env::temp_dir())?;
    let found = info(archive.path(), &sources, context.reporter)?;
    if list {
        context.reporter.report(&ToDownload(found.to_download));
    } else {
        context.reporter.report(&Summary(found));
    }
    Ok(())
}

#[derive(Serialize)]
struct Summary(RestoreInfo);

impl Report for Summary {
    const EVENT: &'static str = "info";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let info = &self.0;
        let plus = if info.packages_bytes_exact { "" } else { "+" };
        vec![
            format!("Files: {} ({})", info.files, Size(info.files_bytes)),
            format!(
                "Total: {} packages ({}{plus})",
                info.packages,
                Size(info.packages_bytes)
            ),
            format!(
                "In pool: {} packages ({})",
                info.at_hand_packages,
                Size(info.at_hand_bytes)
            ),
            format!("Download: {} packages", info.to_download.len()),
        ]
    }
}

#[derive(Serialize)]
struct ToDownload(Vec<String>);

impl Report for ToDownload {
    const EVENT: &'static str = "to_download";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        self.0.clone()
    }
}
