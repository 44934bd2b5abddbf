//! `hashget-admin add-project`, `remove-project --really` and `modify`.

use clap::Args;
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;
use serde::Serialize;

use super::Admin;
use super::records::Records;
use crate::cli::error::CliError;
use crate::cli::groups::PlaceArgs;
use crate::cli::reporter::Report;
use hashget_files::monitor::{Level, Monitor};

/// `hashget-admin add-project`.
#[derive(Debug, Args)]
pub(crate) struct AddProjectArgs {
    /// The project
    #[arg(long, short, value_name = "NAME")]
    pub(super) project: Option<ProjectName>,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// `hashget-admin remove-project`.
#[derive(Debug, Args)]
pub(crate) struct RemoveProjectArgs {
    /// The project
    #[arg(long, short, value_name = "NAME")]
    pub(super) project: Option<ProjectName>,
    /// Yes, do what cannot be undone
    #[arg(long)]
    really: bool,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// `hashget-admin modify`.
#[derive(Debug, Args)]
pub(crate) struct ModifyArgs {
    /// The project
    #[arg(long, short, value_name = "NAME")]
    pub(super) project: Option<ProjectName>,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl Admin<'_> {
    /// Makes an empty project.
    pub(super) fn add_project(&self) -> Result<(), CliError> {
        let project = self.need_project("add-project")?;
        let made = match self.records {
            Records::Local(context) => context.db.add_project(project, context.reporter)?,
            Records::Server(..) => {
                self.records.add(project, Vec::new())?;
                true
            }
        };
        if made {
            let project = project.clone();
            self.context.reporter.report(&Made { project });
        } else {
            let text = format!("project {project} is there already");
            self.context.reporter.message(Level::Info, &text);
        }
        Ok(())
    }

    /// Removes a project with all its records.
    pub(super) fn remove_project(&self, args: &RemoveProjectArgs) -> Result<(), CliError> {
        let project = self.need_project("remove-project")?;
        if !args.really {
            return Err(CliError::usage(format!(
                "remove-project removes {project} with all its records"
            ))
            .hint("add --really if that is what you want"));
        }
        let removed = match self.records {
            Records::Local(context) => context.db.remove_project(project, context.reporter)?,
            Records::Server(..) => {
                self.records.remove_spec(&PackageSpec::All, Some(project))?;
                true
            }
        };
        if !removed {
            return Err(CliError::failed(format!("there is no project {project}"))
                .hint("`hashget-admin status` lists the projects there are"));
        }
        let project = project.clone();
        self.context.reporter.report(&Removed { project });
        Ok(())
    }

    /// Does nothing, and says so: the original chooses here how a project's files are named.
    pub(super) fn modify(&self) -> Result<(), CliError> {
        self.need_project("modify")?;
        let text = "modify changes nothing: all records are kept in one way, and every package \
                    is indexed by what it contains (--storage and --pkgtype mean nothing here)";
        self.context.reporter.message(Level::Warning, text);
        Ok(())
    }

    fn need_project(&self, operation: &str) -> Result<&ProjectName, CliError> {
        let project = self.filter.project.as_ref();
        project.ok_or_else(|| CliError::usage(format!("{operation} needs -p PROJECT")))
    }
}

#[derive(Serialize)]
struct Made {
    project: ProjectName,
}

impl Report for Made {
    const EVENT: &'static str = "project_added";

    fn lines(&self) -> Vec<String> {
        vec![format!("create project {}", self.project)]
    }
}

#[derive(Serialize)]
struct Removed {
    project: ProjectName,
}

impl Report for Removed {
    const EVENT: &'static str = "project_removed";

    fn lines(&self) -> Vec<String> {
        vec![format!("rm project {}", self.project)]
    }
}
