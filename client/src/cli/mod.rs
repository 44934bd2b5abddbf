//! The command lines: options and settings in, library calls, results and errors out.
//!
//! Only this module prints, exits and knows about options. A signal ends the process at once, as
//! a signal does: archives and files get their names only when they are complete, and what a
//! killed run left behind is removed by the next one.

mod admin;
pub mod args;
pub mod args_admin;
pub mod args_delta;
pub mod args_series;
pub mod args_service;
pub mod args_snapshot;
pub mod args_subcommand;
mod commands;
mod context;
mod error;
mod exit_status;
mod hint;
mod missing;
mod network;
mod printable;
mod reporter;
mod size;
mod standard_streams;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use self::args::HashgetArgs;
use self::args_admin::AdminArgs;
use self::args_service::OutputArgs;
use self::error::CliError;
use self::exit_status::ExitStatus;
use self::reporter::{Reporter, write_stderr};
use crate::settings::Settings;

/// Runs `hashget` with these arguments, the program's name first.
pub fn hashget(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match HashgetArgs::try_parse_from(args) {
        Ok(args) => run(&args.output, |settings, reporter| {
            commands::run(&args, settings, reporter)
        }),
        Err(error) => refuse(&error),
    }
}

/// Runs `hashget-admin` with these arguments, the program's name first.
pub fn hashget_admin(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match AdminArgs::try_parse_from(args) {
        Ok(args) => run(&args.output, |settings, reporter| {
            admin::run(&args, settings, reporter)
        }),
        Err(error) => refuse(&error),
    }
}

fn run(
    output: &OutputArgs,
    command: impl FnOnce(Settings, &Reporter) -> Result<(), CliError>,
) -> ExitCode {
    let reporter = match Reporter::new(output) {
        Ok(reporter) => reporter,
        Err(error) => {
            write_stderr(&error.to_string());
            return error.status().into();
        }
    };
    let settings = Settings::load(&|name| std::env::var_os(name)).map_err(|error| {
        CliError::new(&error)
            .into_usage()
            .hint("correct the settings; `hashget --help` tells where they are looked for")
    });
    let done = settings
        .and_then(|settings| command(settings, &reporter))
        .and_then(|()| reporter.status());
    let status = done.unwrap_or_else(|error| {
        reporter.error(&error);
        error.status()
    });
    status.into()
}

/// Shows help or the version, or what is wrong with the command line.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_answer = !error.use_stderr();
    // Printing fails when nobody reads it any more.
    drop(error.print());
    if is_answer {
        ExitStatus::Done.into()
    } else {
        ExitStatus::Usage.into()
    }
}
