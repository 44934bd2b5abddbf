//! `hashget`: packs directories without what can be downloaded again, and restores them.

use std::process::ExitCode;

fn main() -> ExitCode {
    hashget::cli::hashget(std::env::args_os())
}
