//! `hashget completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::HashgetArgs;
use crate::cli::args_admin::AdminArgs;
use crate::cli::reporter::Reporter;

/// Prints a completion script for both programs.
pub(super) fn run(shell: Shell, reporter: &Reporter) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut HashgetArgs::command(), "hashget", &mut script);
    let mut admin = AdminArgs::command();
    clap_complete::generate(shell, &mut admin, "hashget-admin", &mut script);
    reporter.raw(&script);
}
