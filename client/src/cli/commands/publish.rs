//! `--publish [--with-files ...]`: sends local records to the hashservers.

use hashget_common::package_spec::PackageSpec;
use hashget_common::project::ProjectName;
use serde::Serialize;

use crate::cli::args::WithFiles;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::publish::{PublishOptions, PublishStats};

/// Sends records to every named hashserver.
pub(in crate::cli) fn run(
    spec: PackageSpec,
    project: Option<ProjectName>,
    with_files: Option<WithFiles>,
    context: &Context,
) -> Result<(), CliError> {
    context.need_server()?;
    let named = project.clone();
    let options = PublishOptions {
        spec,
        project,
        into: None,
        with_files: crate::publish::WithFiles {
            packages: matches!(with_files, Some(WithFiles::Package | WithFiles::All)),
            anchors: matches!(with_files, Some(WithFiles::Anchors | WithFiles::All)),
        },
        today: context.today(),
    };
    let sources = context.sources();
    for server in &context.servers {
        let stats =
            crate::publish::publish(&context.db, server, &sources, &options, context.reporter)?;
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
        "`hashget-admin --list` shows the projects and their records; --submit URL -p PROJECT makes one",
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
