//! `--submit URL -p PROJECT` and `--debsubmit FILE`: packages that the user names.

use std::path::Path;

use hashget_common::hash_package::HashPackage;
use hashget_common::project::ProjectName;
use serde::Serialize;

use super::index_options::{Services, need_project, record_options};
use crate::cli::args::HashgetArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reporter::Report;
use crate::monitor::{Level, Monitor};
use crate::submit::{Submission, SubmitOptions, SubmitStats};

/// Indexes the package at a URL.
pub(super) fn run(url: &str, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let project = need_project(&args.index, "--submit")?.clone();
    let submission = Submission {
        url: url.to_owned(),
        file: args.pack.file.clone(),
        signatures: args.index.sig.clone(),
    };
    let options = submit_options(project, args, context)?;
    let services = Services::new(&args.index, context.trust(args.pack.trust)?, context)?;
    let stats = crate::submit::submit(&[submission], &options, &services.borrow())?;
    tell(stats, context)
}

/// Indexes a local `.deb`.
pub(super) fn run_deb(file: &Path, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let project = match &args.index.project {
        Some(project) => project.clone(),
        None => ProjectName::DEBIAN.parse()?,
    };
    let options = submit_options(project, args, context)?;
    let services = Services::new(&args.index, context.trust(args.pack.trust)?, context)?;
    let stats = crate::submit::debsubmit(file, &options, &services.borrow())?;
    tell(stats, context)
}

fn submit_options(
    project: ProjectName,
    args: &HashgetArgs,
    context: &Context,
) -> Result<SubmitOptions, CliError> {
    Ok(SubmitOptions {
        project,
        record: record_options(&args.index, context)?,
        jobs: context.index_jobs(),
    })
}

fn tell(stats: SubmitStats, context: &Context) -> Result<(), CliError> {
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
