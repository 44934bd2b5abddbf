//! The commands of `hashget`: one file each, which reads its options, calls the library and tells
//! the result.

pub(super) mod cache;
mod completions;
mod delta;
mod get;
mod index;
mod index_options;
mod info;
mod pack;
mod pack_options;
mod pattern_options;
mod postunpack;
mod prepack;
pub(super) mod publish;
mod restore_plan;
mod series;
mod snapshot;
mod snapshot_reports;
mod submit;
mod verify;

pub(super) use self::index_options::Services;
use hashget_common::package_spec::PackageSpec;

use super::args::{HashgetArgs, OperationArgs};
use super::args_subcommand::Subcommand;
use super::context::Context;
use super::error::CliError;
use super::reporter::Reporter;
use crate::settings::Settings;

/// Does what the command line says.
pub(super) fn run(
    args: &HashgetArgs,
    settings: Settings,
    reporter: &Reporter,
) -> Result<(), CliError> {
    if let Some(Subcommand::Completions { shell }) = &args.subcommand {
        completions::run(*shell, reporter);
        return Ok(());
    }
    if let Some(Subcommand::Delta { action }) = &args.subcommand {
        return delta::run(action, reporter);
    }
    let context = Context::new(&args.service, settings, reporter)?;
    match &args.subcommand {
        Some(Subcommand::Verify(verify)) => verify::run(verify, args.index.recursive, &context),
        Some(Subcommand::Snapshot { action }) => snapshot::run(action, &context),
        Some(Subcommand::Series(series)) => series::run(series, args, &context),
        Some(Subcommand::Cache { action }) => cache::run(*action, &context),
        Some(Subcommand::Completions { .. } | Subcommand::Delta { .. }) | None => {
            operation(args, &context)
        }
    }
}

fn operation(args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let done = match &args.operation {
        OperationArgs {
            pack: Some(root), ..
        } => pack::run(root, args, context),
        OperationArgs {
            prepack: Some(root),
            ..
        } => prepack::run(root, args, context),
        OperationArgs {
            postunpack: Some(path),
            ..
        } => postunpack::run(path, args, context),
        OperationArgs {
            info: Some(values), ..
        } => info::run(values, context),
        OperationArgs {
            submit: Some(url), ..
        } => submit::run(url, args, context),
        OperationArgs {
            index: Some(root), ..
        } => index::run(root, args, context),
        OperationArgs {
            debsubmit: Some(file),
            ..
        } => submit::run_deb(file, args, context),
        OperationArgs {
            get: Some(spec), ..
        }
        | OperationArgs {
            fetch: Some(spec), ..
        } => get::run(spec, args, context),
        _ if args.publish.publish => Ok(()),
        _ => Err(CliError::usage("nothing to do").hint(
            "name an operation, such as --pack DIR -f FILE or -u ARCHIVE -C DIR; `hashget --help` \
             lists them",
        )),
    };
    done?;
    if args.publish.publish {
        let project = args.index.project.clone();
        return publish::run(PackageSpec::All, project, args.publish.with_files, context);
    }
    Ok(())
}
