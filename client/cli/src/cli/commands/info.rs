//! `hashget info PATH [summary|list]`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::ServiceArgs;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::cli::standard_streams::NamedArchive;
use hashget_engine::info::{RestoreInfo, info};

const EXAMPLES: &str = "\
Examples:
  hashget info backup.tar.gz
  hashget info backup.tar.gz list --pool /srv/pool | wget -i -";

/// `hashget info`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InfoArgs {
    /// The archive (-: standard input), or the directory it was extracted into
    #[arg(value_name = "ARCHIVE|DIR|-")]
    path: PathBuf,
    /// `list` prints the URLs that are still to download
    #[arg(value_name = "summary|list", default_value = "summary", hide_default_value = true,
        value_parser = is_list)]
    what: IsList,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Whether the URLs are asked for.
#[derive(Clone, Copy, Debug)]
struct IsList(bool);

fn is_list(text: &str) -> Result<IsList, &'static str> {
    match text {
        "summary" => Ok(IsList(false)),
        "list" => Ok(IsList(true)),
        _ => Err("the path is followed by `summary` or `list`"),
    }
}

/// Tells how much a restore needs.
pub(super) fn run(args: &InfoArgs, context: &Context) -> Result<(), CliError> {
    let sources = context.sources();
    let archive = NamedArchive::new(&args.path, &std::env::temp_dir())?;
    let found = info(archive.path(), &sources, context.reporter)?;
    if args.what.0 {
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
