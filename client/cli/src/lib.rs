//! The command lines of hashget and hashget-admin: arguments in, library calls, results and errors out.
//!
//! Only this crate prints, exits and names clap.

pub mod cli;
pub mod settings;
