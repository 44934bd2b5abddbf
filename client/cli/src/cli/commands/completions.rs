//! `hashget completions SHELL`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::reporter::Reporter;

const EXAMPLES: &str = "\
Example:
  hashget completions bash >/etc/bash_completion.d/hashget";

/// `hashget completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// Prints a completion script for these programs.
pub(super) fn run(args: &CompletionsArgs, programs: &mut [Command], reporter: &Reporter) {
    let mut script = Vec::new();
    for program in programs {
        let name = program.get_name().to_owned();
        clap_complete::generate(args.shell, program, name, &mut script);
    }
    reporter.raw(&script);
}
