//! `hashget completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::HashgetArgs;
use crate::cli::admin::AdminArgs;
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

/// Prints a completion script for both programs.
pub(super) fn run(args: &CompletionsArgs, reporter: &Reporter) {
    let mut script = Vec::new();
    let (mut hashget, mut admin) = (HashgetArgs::command(), AdminArgs::command());
    clap_complete::generate(args.shell, &mut hashget, "hashget", &mut script);
    clap_complete::generate(args.shell, &mut admin, "hashget-admin", &mut script);
    reporter.raw(&script);
}
