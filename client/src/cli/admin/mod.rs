//! The commands of `hashget-admin`, for local records and for those of a hashserver alike.

mod build;
mod change;
mod clean;
mod exchange;
mod project;
mod purge;
mod records;
mod show;
mod status;
mod submitted;
mod verify;

use hashget_common::hash_package::HashPackage;
use hashget_common::package_spec::PackageSpec;
use hashget_common::package_summary::PackageSummary;

use self::records::Records;
use super::args_admin::{AdminArgs, AdminOperation};
use super::args_service::ServiceArgs;
use super::commands::publish;
use super::context::Context;
use super::error::CliError;
use super::reporter::Reporter;
use crate::settings::Settings;

/// What every command gets.
struct Admin<'a> {
    args: &'a AdminArgs,
    context: &'a Context<'a>,
    records: Records<'a>,
}

/// Does what the command line says.
pub(super) fn run(
    args: &AdminArgs,
    settings: Settings,
    reporter: &Reporter,
) -> Result<(), CliError> {
    let pool = args.options.pool.as_ref();
    let service = ServiceArgs {
        // Without the flag the local records are meant, whatever the settings name; publishing
        // goes to the servers of the settings, too.
        hashserver: match (&args.filter.hashserver, args.operation.publish) {
            (Some(url), _) => Some(vec![url.clone()]),
            (None, true) => None,
            (None, false) => Some(Vec::new()),
        },
        hashdb_path: args.filter.path.clone(),
        pool: pool.map(|pool| vec![pool.clone()]),
        timeout: args.options.timeout,
        ..ServiceArgs::default()
    };
    let context = Context::new(&service, settings, reporter)?;
    let admin = Admin {
        args,
        context: &context,
        records: Records::of(&context, args.operation.publish),
    };
    admin.run(&args.operation)
}

impl Admin<'_> {
    fn run(&self, operation: &AdminOperation) -> Result<(), CliError> {
        match operation {
            AdminOperation { status: true, .. } => self.status(),
            AdminOperation { list: true, .. } => self.list(),
            AdminOperation { dump: true, .. } => self.dump(),
            AdminOperation {
                get: Some(fields), ..
            } => self.get(fields),
            AdminOperation {
                set: Some(values), ..
            } => self.set(values),
            AdminOperation {
                verify: Some(action),
                ..
            } => self.verify(*action),
            AdminOperation { purge: true, .. } => self.purge(),
            AdminOperation {
                addproject: true, ..
            } => self.add_project(),
            AdminOperation {
                rmproject: true, ..
            } => self.remove_project(),
            AdminOperation { modify: true, .. } => self.modify(),
            AdminOperation {
                clean: Some(what), ..
            } => self.clean(*what),
            AdminOperation {
                submitted: Some(folder),
                ..
            } => self.submitted(folder),
            AdminOperation {
                build: Some(webroot),
                ..
            } => self.build(webroot.first()),
            AdminOperation {
                export: Some(file), ..
            } => self.export(file),
            AdminOperation {
                import: Some(file), ..
            } => self.import(file),
            AdminOperation { publish: true, .. } => publish::run(
                self.spec(),
                self.args.filter.project.clone(),
                self.args.options.with_files,
                self.context,
            ),
            _ => Err(CliError::usage("nothing to do").hint("see `hashget-admin --help`")),
        }
    }

    /// Which packages are meant: all unless `--hp` says otherwise.
    fn spec(&self) -> PackageSpec {
        self.args.filter.hp.clone().unwrap_or(PackageSpec::All)
    }

    /// The packages that the filters name.
    fn packages(&self) -> Result<Vec<PackageSummary>, CliError> {
        self.records
            .list(&self.spec(), self.args.filter.project.as_ref())
    }

    /// Refuses to touch every package by mistake.
    fn need_spec(&self, operation: &str) -> Result<&PackageSpec, CliError> {
        self.args.filter.hp.as_ref().ok_or_else(|| {
            CliError::usage(format!("will not {operation} without --hp"))
                .hint("name the packages with --hp HPSPEC; --hp all means every one")
        })
    }

    /// Refuses to do what only makes sense here.
    fn need_local(&self, operation: &str) -> Result<(), CliError> {
        match self.records {
            Records::Local(_) => Ok(()),
            Records::Server(..) => Err(CliError::usage(format!(
                "{operation} is about the local records: run it without --hashserver"
            ))),
        }
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
