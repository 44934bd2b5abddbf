//! The commands of `hashget-admin`, for local records and for those of a hashserver alike: one
//! file each, with the command's arguments.

mod build;
mod change;
mod clean;
mod exchange;
mod project;
mod publish;
mod purge;
mod records;
mod show;
mod status;
mod submitted;
mod verify;

use clap::{Parser, Subcommand};
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageSummary;
use hashget_words::project::ProjectName;

use self::records::Records;
use super::VERSION;
use super::context::Context;
use super::error::CliError;
use super::groups::{FilterArgs, OutputArgs, ServiceArgs};
use super::reporter::Reporter;
use crate::settings::Settings;

const AFTER_HELP: &str = "\
Without --hashserver the commands are about the local records; with it, about that server's. Its
token is taken from HASHGET_TOKEN or a settings file. `hashget-admin COMMAND --help` explains one.
The options of the Python hashget-admin (--status, --purge, ...) go on working.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but with problems reported.";

/// Look after records: the local ones, or those of a hashserver
#[derive(Debug, Parser)]
#[command(name = "hashget-admin", version = VERSION, after_help = AFTER_HELP, max_term_width = 100,
    disable_help_flag = true, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct AdminArgs {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: AdminCommand,
    /// What is printed.
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Show what the projects hold
    Status(status::StatusArgs),
    /// List packages: name (anchors/files)
    List(show::ListArgs),
    /// Print records as JSON
    Dump(show::DumpArgs),
    /// Print some members of records
    Get(show::GetArgs),
    /// Set an attribute of records, or their expiry date
    Set(change::SetArgs),
    /// Check that packages are still at their URLs, with their sizes
    Verify(verify::VerifyArgs),
    /// Remove the records of packages
    Purge(purge::PurgeArgs),
    /// Make a project
    AddProject(project::AddProjectArgs),
    /// Remove a project with all its records
    RemoveProject(project::RemoveProjectArgs),
    /// Empty the download cache, the local records or both
    Clean(clean::CleanArgs),
    /// Index the packages uploaded into a directory, and remove those that were indexed
    Submitted(submitted::SubmittedArgs),
    /// Send local records to a hashserver
    Publish(publish::PublishArgs),
    /// Write a static hashserver from the local records
    Build(build::BuildArgs),
    /// Write records as JSON lines
    Export(exchange::ExportArgs),
    /// Read records as JSON lines
    Import(exchange::ImportArgs),
    /// Change nothing: records are kept in one way only
    #[command(hide = true)]
    Modify(project::ModifyArgs),
}

/// What every command gets.
struct Admin<'a> {
    filter: FilterArgs,
    context: &'a Context<'a>,
    records: Records<'a>,
}

/// Does what the command line says.
pub(super) fn run(
    command: &AdminCommand,
    settings: Settings,
    reporter: &Reporter,
) -> Result<(), CliError> {
    let (service, filter) = command.scope();
    let context = Context::new(&service, settings, reporter)?;
    let publishing = matches!(command, AdminCommand::Publish(_));
    let admin = Admin {
        filter,
        context: &context,
        records: Records::of(&context, publishing),
    };
    match command {
        AdminCommand::Status(_) => admin.status(),
        AdminCommand::List(_) => admin.list(),
        AdminCommand::Dump(_) => admin.dump(),
        AdminCommand::Get(args) => admin.get(args),
        AdminCommand::Set(args) => admin.set(args),
        AdminCommand::Verify(args) => admin.verify(args),
        AdminCommand::Purge(_) => admin.purge(),
        AdminCommand::AddProject(_) => admin.add_project(),
        AdminCommand::RemoveProject(args) => admin.remove_project(args),
        AdminCommand::Clean(args) => admin.clean(args),
        AdminCommand::Submitted(args) => admin.submitted(args),
        AdminCommand::Publish(args) => admin.publish(args),
        AdminCommand::Build(args) => admin.build(args),
        AdminCommand::Export(args) => admin.export(args),
        AdminCommand::Import(args) => admin.import(args),
        AdminCommand::Modify(_) => admin.modify(),
    }
}

impl AdminCommand {
    /// Where the records are, and which are meant.
    fn scope(&self) -> (ServiceArgs, FilterArgs) {
        let project = |project: &Option<ProjectName>| FilterArgs {
            project: project.clone(),
            hp: None,
        };
        match self {
            Self::Status(args) => (args.place.service(), project(&args.project)),
            Self::List(args) => (args.place.service(), args.filter.clone()),
            Self::Dump(args) => (args.place.service(), args.filter.clone()),
            Self::Get(args) => (args.place.service(), args.filter.clone()),
            Self::Set(args) => (args.place.service(), args.filter.clone()),
            Self::Verify(args) => (args.place.service(), args.filter.clone()),
            Self::Purge(args) => (args.place.service(), args.filter.clone()),
            Self::AddProject(args) => (args.place.service(), project(&args.project)),
            Self::RemoveProject(args) => (args.place.service(), project(&args.project)),
            Self::Modify(args) => (args.place.service(), project(&args.project)),
            Self::Clean(args) => (args.place.service(), FilterArgs::default()),
            Self::Submitted(args) => (args.place.service(), project(&args.project)),
            Self::Publish(args) => (args.service(), args.filter.clone()),
            Self::Build(args) => (args.place.service(), args.filter.clone()),
            Self::Export(args) => (args.place.service(), args.filter.clone()),
            Self::Import(args) => (args.place.service(), project(&args.project)),
        }
    }
}

impl Admin<'_> {
    /// Which packages are meant: all unless `--hp` says otherwise.
    fn spec(&self) -> PackageSpec {
        self.filter.hp.clone().unwrap_or(PackageSpec::All)
    }

    /// The packages that the filters name.
    fn packages(&self) -> Result<Vec<PackageSummary>, CliError> {
        self.records
            .list(&self.spec(), self.filter.project.as_ref())
    }

    /// Refuses to touch every package by mistake.
    fn need_spec(&self, command: &str) -> Result<&PackageSpec, CliError> {
        self.filter.hp.as_ref().ok_or_else(|| {
            CliError::usage(format!("will not {command} without --hp"))
                .hint("name the packages with --hp HPSPEC; --hp all means every one")
        })
    }
}

/// `wordpress-5.1.1.zip (68/1366)`: name, anchors and files.
fn listing_line(package: &PackageSummary) -> String {
    format!("{} ({}/{})", package.name(), package.anchors, package.files)
}

/// The same of a whole record.
fn record_line(package: &HashPackage) -> String {
    format!(
        "{} ({}/{})",
        package.name(),
        package.anchors.len(),
        package.files.len()
    )
}
