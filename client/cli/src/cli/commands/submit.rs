//! `hashget submit URL -p PROJECT` and `hashget submit --deb FILE`: packages that the user names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{RecordArgs, ResolveArgs, ServiceArgs, need_project};
use crate::cli::indexing::Services;
use crate::cli::reporter::Report;
use hashget_engine::submit::{Submission, SubmitOptions, SubmitStats, debsubmit};
use hashget_files::monitor::{Level, Monitor};

const EXAMPLES: &str = "\
Examples:
  hashget submit http://example.org/wordpress-5.1.1.zip -p wordpress
  hashget submit http://example.org/full-1.tar.gz --file full-1.tar.gz -p my_backups
  hashget submit --deb vim_8.0.0197-4+deb9u1_amd64.deb";

/// `hashget submit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubmitArgs {
    /// Where the package can be downloaded; with --deb, the package itself
    #[arg(value_name = "URL")]
    url: OsString,
    /// Take this local copy instead of downloading the package
    #[arg(long, short, value_name = "FILE", conflicts_with = "deb")]
    file: Option<PathBuf>,
    /// URL is a local .deb file, whose URL the Debian snapshot service knows
    #[arg(long)]
    deb: bool,
    /// A further signature of the package, TYPE:VALUE; may be repeated
    #[arg(long, value_name = "SIG")]
    sig: Vec<Signature>,
    /// How the package is recorded.
    #[command(flatten)]
    record: RecordArgs,
    /// Whose records count.
    #[command(flatten)]
    resolve: ResolveArgs,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Indexes a package.
pub(super) fn run(args: &SubmitArgs, context: &Context) -> Result<(), CliError> {
    let project = match &args.record.project {
        None if args.deb => &ProjectName::DEBIAN.parse()?,
        project => need_project(project.as_ref(), "submit")?,
    };
    let options = SubmitOptions {
        project: project.clone(),
        record: args.record.options(context)?,
        jobs: context.index_jobs(),
    };
    let services = Services::new(&args.resolve, context)?;
    let stats = if args.deb {
        debsubmit(Path::new(&args.url), &options, &services.borrow())?
    } else {
        let url = args
            .url
            .clone()
            .into_string()
            .map_err(|_| CliError::usage("the URL is not UTF-8"))?;
        let submission = Submission {
            sha256: None,
            project: None,
            url,
            file: args.file.clone(),
            signatures: args.sig.clone(),
        };
        hashget_engine::submit::submit(&[submission], &options, &services.borrow())?
    };
    tell(stats, context)
}

/// Tells what was indexed; fails if something was not.
pub(super) fn tell(stats: SubmitStats, context: &Context) -> Result<(), CliError> {
    for record in &stats.records {
        let (files, anchors) = (record.files.len(), record.anchors.len());
        let counted = |count, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (files, anchors) = (counted(files, "file"), counted(anchors, "anchor"));
        let line = format!("indexed {}: {files}, {anchors}", record.url);
        context.reporter.message(Level::Info, &line);
    }
    let failed = stats.failed_packages;
    context.reporter.report(&Submitted::from(stats));
    if failed > 0 {
        return Err(CliError::failed("the package was not indexed")
            .hint("the reason is above; --file FILE takes a local copy instead of downloading"));
    }
    Ok(())
}

/// What was indexed. As in the original, standard output stays empty.
#[derive(Serialize)]
struct Submitted {
    new_packages: u64,
    failed_packages: u64,
    accepted_uploads: u64,
    urls: Vec<String>,
}

impl From<SubmitStats> for Submitted {
    fn from(stats: SubmitStats) -> Self {
        let url = |record: HashPackage| record.url;
        Self {
            new_packages: stats.new_packages,
            failed_packages: stats.failed_packages,
            accepted_uploads: stats.accepted_uploads,
            urls: stats.records.into_iter().map(url).collect(),
        }
    }
}

impl Report for Submitted {
    const EVENT: &'static str = "submitted";

    fn lines(&self) -> Vec<String> {
        Vec::new()
    }
}
