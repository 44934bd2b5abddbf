//! The program `hashserver`: serves, and looks after its tokens and its store.

mod commands;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use hashget_server::settings::SettingsError;
use rustix::fs::Mode;

use commands::{Cli, hint};

/// The command did not work.
const FAILED: u8 = 1;
/// The command was not understood, or the settings make no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // Nothing that the server keeps is for other users of the machine.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            if let Some(hint) = hint(&*error) {
                eprintln!("hint: {hint}");
            }
            let is_usage = error.is::<SettingsError>();
            ExitCode::from(if is_usage { USAGE } else { FAILED })
        }
    }
}

fn report(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        eprintln!("caused by: {cause}");
        next = cause.source();
    }
}
