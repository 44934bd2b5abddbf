//! What is printed, and help: options of every command of both programs.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// What is printed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print one JSON object a line to standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Also write all messages, with times, to FILE
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub(crate) logfile: Option<PathBuf>,
    /// Print more
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Print only results that were asked for, warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print help; `help COMMAND` prints all of it
    #[arg(long, short, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}
