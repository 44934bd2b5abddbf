//! `hashget get SPEC` and `hashget fetch SPEC`: one file or package.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{ResolveArgs, ServiceArgs};
use crate::cli::indexing::Services;
use crate::cli::names::OVERWRITE;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::get::{GetOptions, GetSpec, GotFile};
use hashget_engine::restore::Overwrite;
use hashget_sources::sources::package_limits;

const EXAMPLES: &str = "\
Examples:
  hashget get sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
  hashget fetch vim_8.0.0197-4+deb9u1_amd64 -o debs";

/// `hashget get` and `hashget fetch`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetArgs {
    /// The hash (`sha256:...`), or a .deb's signature (`NAME_VERSION_ARCH`)
    #[arg(value_name = "SPEC")]
    spec: String,
    /// Where the file is put
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    outdir: PathBuf,
    /// Whether a file that is there already is replaced [default: never]
    #[arg(long, value_name = "never|changed|always", value_parser = OVERWRITE.parser(),
        hide_possible_values = true)]
    overwrite: Option<Overwrite>,
    /// Look also into archives inside packages (slower)
    #[arg(long)]
    recursive: bool,
    /// Whose records count.
    #[command(flatten)]
    resolve: ResolveArgs,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Fetches a file or package.
pub(super) fn run(args: &GetArgs, context: &Context) -> Result<(), CliError> {
    let spec: GetSpec = args
        .spec
        .parse()
        .map_err(|error| CliError::new(&error).into_usage())?;
    let options = GetOptions {
        out_dir: args.outdir.clone(),
        recursive: args.recursive,
        overwrite: matches!(args.overwrite, Some(Overwrite::Changed | Overwrite::Always)),
        limits: package_limits(),
    };
    let services = Services::new(&args.resolve, context)?;
    let got = hashget_engine::get::get(&spec, &options, &services.borrow())?;
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
