//! `hashget man DIR`: the man pages, for whoever packages the programs.

use hashget_files::private::become_public;
use std::path::PathBuf;

use clap::{Args, Command};

use crate::cli::error::CliError;
use crate::cli::printable::printable_path;

/// `hashget man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory, which must exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Writes a page for each program and command, such as `hashget-pack.1`.
pub(super) fn run(args: &ManArgs, programs: &[Command]) -> Result<(), CliError> {
    become_public();
    let directory = &args.directory;
    for program in programs {
        clap_mangen::generate_to(program.clone(), directory).map_err(|error| {
            let path = printable_path(directory);
            CliError::new(&error).context(format!("cannot write man pages to {path}"))
        })?;
    }
    Ok(())
}
