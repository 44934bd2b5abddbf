//! The command lines: options and settings in, library calls, results and errors out.
//!
//! Only this module prints, exits and knows about options. A signal ends the process at once, as
//! a signal does: archives and files get their names only when they are complete, and what a
//! killed run left behind is removed by the next one.

mod admin;
mod commands;
mod context;
mod error;
mod exit_status;
mod groups;
mod hint;
mod indexing;
mod missing;
mod names;
mod network;
mod original;
mod printable;
mod reporter;
mod size;
mod standard_streams;

use hashget_files::private::become_private;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Command, CommandFactory, FromArgMatches};

use self::admin::AdminArgs;
use self::commands::HashgetArgs;
use self::error::CliError;
use self::exit_status::ExitStatus;
use self::groups::OutputArgs;
use self::reporter::{Reporter, write_stderr};
use crate::settings::Settings;

/// The version, with commit and date where they are known. The build script finds them.
const VERSION: &str = env!("HASHGET_VERSION");

const NEWCOMER: &str = "\
hashget: backups that leave out every file that can be downloaded again

  hashget index :debian -p debian            make this system's packages known
  hashget submit URL -p PROJECT              make the package at a URL known
  hashget pack DIR -f backup.tar.gz          pack a directory without what packages hold
  hashget verify backup.tar.gz               check that it can be restored
  hashget restore backup.tar.gz DIR          extract it, and fetch what was left out

Add --hashserver URL to use what others have indexed, and --dry-run to pack or restore to see first
what would be done. `hashget --help` lists all commands, `hashget COMMAND --help` explains one.";

/// Runs `hashget` with these arguments, the program's name first.
pub fn hashget(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    become_private();
    let args: Vec<OsString> = args.into_iter().collect();
    if args.len() < 2 {
        write_stderr(NEWCOMER);
        return ExitStatus::Usage.into();
    }
    match parse::<HashgetArgs>(args, original::hashget) {
        Ok(args) => run(&args.output, |settings, reporter| {
            commands::run(&args.command, programs, settings, reporter)
        }),
        Err(error) => refuse(&error),
    }
}

/// Runs `hashget-admin` with these arguments, the program's name first.
pub fn hashget_admin(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    become_private();
    match parse::<AdminArgs>(args.into_iter().collect(), original::admin) {
        Ok(args) => run(&args.output, |settings, reporter| {
            admin::run(&args.command, settings, reporter)
        }),
        Err(error) => refuse(&error),
    }
}

/// The command lines of both programs.
fn programs() -> [Command; 2] {
    [HashgetArgs::command(), AdminArgs::command()]
}

/// Reads arguments in today's spelling or the original's.
fn parse<A: CommandFactory + FromArgMatches>(
    args: Vec<OsString>,
    translate: fn(Vec<OsString>, &Command) -> Result<Vec<OsString>, clap::Error>,
) -> Result<A, clap::Error> {
    let mut command = A::command();
    let args = translate(args, &command)?;
    let mut matches = command.try_get_matches_from_mut(args)?;
    A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
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
