//! The commands of `hashget`: one file each, with the command's arguments and what it does with
//! them.

pub(super) mod cache;
mod completions;
mod delta;
mod delta_reports;
mod get;
mod index;
mod info;
mod lookup;
mod man;
mod pack;
mod pack_options;
mod pack_reports;
mod prepack;
pub(super) mod publish;
mod restore;
mod restore_plan;
mod restore_reports;
mod series;
mod snapshot;
mod snapshot_reports;
mod submit;
mod verify;

use clap::{Parser, Subcommand};

use super::VERSION;
use super::context::Context;
use super::error::CliError;
use super::groups::{OutputArgs, ServiceArgs};
use super::reporter::Reporter;
use crate::settings::Settings;

const AFTER_HELP: &str = "\
`hashget COMMAND --help` shows a command's usual options and examples, `hashget help COMMAND` all of
them. The options of the Python hashget (--pack, -u, --submit, ...) go on working.

Settings: /etc/hashget/hashget.toml, ~/.config/hashget/hashget.toml or the file that HASHGET_CONFIG
names; then HASHGET_* variables, such as HASHGET_HASHSERVER, HASHGET_POOL and HASHGET_TOKEN; then
options. No hashserver is asked unless one is named there.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but with problems reported.";

/// Backups that leave out every file that can be downloaded again
#[derive(Debug, Parser)]
#[command(name = "hashget", version = VERSION, after_help = AFTER_HELP, max_term_width = 100,
    disable_help_flag = true, subcommand_required = true)]
pub(crate) struct HashgetArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What is printed.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pack a directory into an archive, without what can be downloaded again
    Pack(pack::PackArgs),
    /// Extract an archive, and bring back what was left out
    Restore(restore::RestoreArgs),
    /// Show what restoring an archive needs
    Info(info::InfoArgs),
    /// Check that everything that an archive left out is still available
    Verify(verify::VerifyArgs),
    /// Prepare a directory for another archiver, such as tar or restic
    Prepack(prepack::PrepackArgs),
    /// Index the packages that a directory, or this system, is made of
    Index(index::IndexArgs),
    /// Index the package at a URL, and offer it to the hashservers
    Submit(submit::SubmitArgs),
    /// Send local records to the hashservers
    Publish(publish::PublishArgs),
    /// Show which packages hold a file
    Lookup(lookup::LookupArgs),
    /// Fetch one file by its hash
    Get(get::GetArgs),
    /// Fetch a package by its hash, or a .deb by its signature
    Fetch(get::GetArgs),
    /// Series of backups: full ones, small ones that rely on them, and rotation
    Series(series::SeriesArgs),
    /// Save directories as plain trees that share files by hard links
    Snapshot(snapshot::SnapshotArgs),
    /// Save how a directory changed as one small file, and apply that elsewhere
    Delta(delta::DeltaArgs),
    /// Show what the caches of downloads and digests hold, or empty them
    Cache(cache::CacheArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write the man pages of both programs into a directory
    #[command(hide = true)]
    Man(man::ManArgs),
}

impl Command {
    /// The options about records and servers, where the command has any.
    fn service(&self) -> ServiceArgs {
        let service = match self {
            Self::Pack(args) => &args.service,
            Self::Restore(args) => &args.service,
            Self::Info(args) => &args.service,
            Self::Verify(args) => &args.service,
            Self::Prepack(args) => &args.service,
            Self::Index(args) => &args.service,
            Self::Submit(args) => &args.service,
            Self::Publish(args) => &args.service,
            Self::Lookup(args) => &args.service,
            Self::Get(args) | Self::Fetch(args) => &args.service,
            Self::Series(args) => &args.service,
            Self::Snapshot(args) => &args.service,
            Self::Cache(_) | Self::Completions(_) | Self::Delta(_) | Self::Man(_) => {
                return ServiceArgs::default();
            }
        };
        service.clone()
    }
}

/// Does what the command line says. `programs` gives both programs' command lines, for completions and man pages.
pub(super) fn run(
    command: &Command,
    programs: fn() -> [clap::Command; 2],
    settings: Settings,
    reporter: &Reporter,
) -> Result<(), CliError> {
    match command {
        Command::Completions(args) => {
            completions::run(args, &mut programs(), reporter);
            return Ok(());
        }
        Command::Man(args) => return man::run(args, &programs()),
        Command::Delta(args) => return delta::run(&args.action, reporter),
        _ => {}
    }
    let context = &Context::new(&command.service(), settings, reporter)?;
    match command {
        Command::Pack(args) => pack::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Info(args) => info::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Prepack(args) => prepack::run(args, context),
        Command::Index(args) => index::run(args, context),
        Command::Submit(args) => submit::run(args, context),
        Command::Publish(args) => publish::run(args, context),
        Command::Lookup(args) => lookup::run(args, context),
        Command::Get(args) | Command::Fetch(args) => get::run(args, context),
        Command::Series(args) => series::run(args, context),
        Command::Snapshot(args) => snapshot::run(&args.action, context),
        Command::Cache(args) => cache::run(args.action, context),
        Command::Completions(_) | Command::Delta(_) | Command::Man(_) => Ok(()),
    }
}
