//! `hashget publish`: sends local records to the hashservers.

use clap::Args;
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::ServiceArgs;
use crate::cli::names::WITH_FILES;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::publish::{PublishOptions, PublishStats, WithFiles};

const EXAMPLES: &str = "\
Examples (the token is taken from HASHGET_TOKEN or a settings file):
  hashget publish -p wordpress --hashserver http://hash.example.org/
  hashget publish -p wordpress --with-files package --hashserver http://hash.example.org/";

/// `hashget publish`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// Only the records of this project [default: all]
    #[arg(long, short, value_name = "PROJECT")]
    project: Option<ProjectName>,
    /// Also put the package files, their anchors or both into the server's pool
    #[arg(long, value_name = "package|anchors|all", value_parser = WITH_FILES.parser(),
        hide_possible_values = true)]
    with_files: Option<WithFiles>,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Sends records to the hashservers.
pub(super) fn run(args: &PublishArgs, context: &Context) -> Result<(), CliError> {
    let with_files = args.with_files.unwrap_or_default();
    publish(PackageSpec::All, args.project.clone(), with_files, context)
}

/// Sends records to every named hashserver.
pub(in crate::cli) fn publish(
    spec: PackageSpec,
    project: Option<ProjectName>,
    with_files: WithFiles,
    context: &Context,
) -> Result<(), CliError> {
    context.need_server()?;
    let named = project.clone();
    let options = PublishOptions {
        spec,
        project,
        into: None,
        with_files,
        today: context.today(),
    };
    let sources = context.sources();
    for server in &context.servers {
        let stats = hashget_engine::publish::publish(
            &context.db,
            server,
            &sources,
            &options,
            context.reporter,
        )?;
        context
            .reporter
            .report(&Published::new(server.url(), &stats));
        if stats.published_packages == 0 {
            return Err(nothing_published(named.as_ref(), &stats));
        }
    }
    Ok(())
}

fn nothing_published(project: Option<&ProjectName>, stats: &PublishStats) -> CliError {
    let place = project.map_or_else(String::new, |project| format!(" in project {project}"));
    if stats.expired_packages + stats.unusable_packages > 0 {
        return CliError::failed(format!("no record{place} can be published"))
            .hint("submit the packages again, so that their records hold and do not expire");
    }
    CliError::failed(format!("there is no record{place} to publish")).hint(
        "`hashget-admin list` shows the projects and their records; `hashget submit URL -p PROJECT` makes one",
    )
}

#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the events of --json say what is counted"
)]
struct Published {
    server: String,
    published_packages: u64,
    expired_packages: u64,
    unusable_packages: u64,
    failed_packages: u64,
    uploaded_files: u64,
    uploaded_bytes: u64,
    present_files: u64,
}

impl Published {
    fn new(server: &str, stats: &PublishStats) -> Self {
        Self {
            server: server.to_owned(),
            published_packages: stats.published_packages,
            expired_packages: stats.expired_packages,
            unusable_packages: stats.unusable_packages,
            failed_packages: stats.failed_packages,
            uploaded_files: stats.uploaded_files,
            uploaded_bytes: stats.uploaded_bytes,
            present_files: stats.present_files,
        }
    }
}

impl Report for Published {
    const EVENT: &'static str = "published";

    fn lines(&self) -> Vec<String> {
        let mut line = vec![format!(
            "Published {} packages to {}",
            self.published_packages, self.server
        )];
        for (count, what) in [
            (self.expired_packages, "expired"),
            (self.unusable_packages, "without the hash of their package"),
            (self.failed_packages, "without their files"),
        ] {
            if count > 0 {
                line.push(format!(", {count} {what}"));
            }
        }
        if self.uploaded_files + self.present_files > 0 {
            line.push(format!(
                "; {} files ({}) put into its pool, {} were there",
                self.uploaded_files,
                Size(self.uploaded_bytes),
                self.present_files
            ));
        }
        vec![line.concat()]
    }
}
