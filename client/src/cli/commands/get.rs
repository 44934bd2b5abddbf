//! `--get SPEC` and `--fetch SPEC`: one file or package.

use std::path::PathBuf;

use serde::Serialize;

use super::index_options::Services;
use crate::cli::args::{HashgetArgs, OverwriteWhen};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::get::{GetOptions, GetSpec, GotFile};
use crate::sources::package_limits;

/// Fetches a file or package into `--outdir`.
pub(super) fn run(spec: &str, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let spec: GetSpec = spec
        .parse()
        .map_err(|error| CliError::new(&error).into_usage())?;
    let options = GetOptions {
        out_dir: args
            .restore
            .outdir
            .clone()
            .unwrap_or_else(|| PathBuf::from(".")),
        recursive: args.index.recursive,
        overwrite: matches!(
            args.restore.overwrite,
            Some(OverwriteWhen::Changed | OverwriteWhen::Always)
        ),
        limits: package_limits(),
    };
    let services = Services::new(&args.index, context.trust(args.pack.trust)?, context)?;
    let got = crate::get::get(&spec, &options, &services.borrow())?;
    context.reporter.report(&Got::from(got));
    Ok(())
}

#[derive(Serialize)]
struct Got {
    path: String,
    size: u64,
    url: Option<String>,
    unchanged: bool,
}

impl From<GotFile> for Got {
    fn from(got: GotFile) -> Self {
        Self {
            path: printable_path(&got.path),
            size: got.size,
            url: got.url,
            unchanged: got.unchanged,
        }
    }
}

impl Report for Got {
    const EVENT: &'static str = "got";

    fn lines(&self) -> Vec<String> {
        let there = if self.unchanged { ", was there" } else { "" };
        vec![format!("Saved: {} ({}{there})", self.path, Size(self.size))]
    }
}
