//! `hashget-admin status`: what each project holds.

use clap::Args;
use hashget_api::ProjectStatus;
use hashget_words::project::ProjectName;
use serde::Serialize;

use super::Admin;
use super::records::Records;
use crate::cli::error::CliError;
use crate::cli::groups::PlaceArgs;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;

const EXAMPLES: &str = "\
Examples:
  hashget-admin status
  hashget-admin status --hashserver http://hash.example.org/";

/// `hashget-admin status`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Only this project
    #[arg(long, short, value_name = "NAME")]
    pub(super) project: Option<ProjectName>,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl Admin<'_> {
    /// Tells what the projects hold.
    pub(super) fn status(&self) -> Result<(), CliError> {
        let mut status = match self.records {
            Records::Local(context) => {
                let stats = context.db.stats(context.reporter)?;
                let project = stats.projects.into_iter().map(|project| ProjectStatus {
                    name: project.name,
                    packages: project.packages,
                    files: project.files,
                    anchors: project.anchors,
                    packages_bytes: project.packages_bytes,
                });
                Status {
                    place: printable_path(context.db.path()),
                    version: None,
                    packages: stats.packages,
                    store_bytes: stats.store_bytes,
                    projects: project.collect(),
                }
            }
            Records::Server(server) => {
                let answer = server.status()?;
                Status {
                    place: format!("{} ({})", server.url(), answer.name),
                    version: Some(answer.version),
                    packages: answer.packages,
                    store_bytes: answer.store_bytes,
                    projects: answer.projects,
                }
            }
        };
        if let Some(wanted) = &self.filter.project {
            status.projects.retain(|project| project.name == *wanted);
            if status.projects.is_empty() {
                return Err(CliError::failed(format!("there is no project {wanted}"))
                    .hint("`hashget-admin status` lists the projects there are"));
            }
        }
        self.context.reporter.report(&status);
        Ok(())
    }
}

#[derive(Serialize)]
struct Status {
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    packages: u64,
    store_bytes: u64,
    projects: Vec<ProjectStatus>,
}

impl Report for Status {
    const EVENT: &'static str = "status";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{}: {} packages, size: {}",
            self.place,
            self.packages,
            Size(self.store_bytes)
        )];
        for project in &self.projects {
            lines.push(project.name.to_string());
            lines.push(format!("  packages: {}", project.packages));
            lines.push(format!("  files: {}", project.files));
            lines.push(format!("  anchors: {}", project.anchors));
            lines.push(format!("  packages size: {}", Size(project.packages_bytes)));
        }
        lines
    }
}
