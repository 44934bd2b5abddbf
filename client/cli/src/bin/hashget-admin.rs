//! `hashget-admin`: looks after records, local ones and those of hashservers.

use std::process::ExitCode;

fn main() -> ExitCode {
    hashget::cli::hashget_admin(std::env::args_os())
}
