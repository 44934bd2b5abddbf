//! The subcommands of `hashget`: what the original does not have.

use std::path::PathBuf;

use clap::{Args, Subcommand as ClapSubcommand};
use clap_complete::Shell;

use super::args_delta::DeltaAction;
use super::args_series::SeriesArgs;
use super::args_snapshot::SnapshotAction;

/// What is new since the original.
#[derive(Debug, ClapSubcommand)]
pub enum Subcommand {
    /// Checks whether everything that an archive left out can still be had
    Verify(VerifyArgs),
    /// Tells how a folder changed as one small file, and applies that elsewhere
    Delta {
        /// What to do.
        #[command(subcommand)]
        action: DeltaAction,
    },
    /// Series of backups: full ones, small ones that rely on them, and rotation
    Series(SeriesArgs),
    /// Tells what the caches of downloads and digests hold, or empties them
    Cache {
        /// What to do.
        #[command(subcommand)]
        action: CacheAction,
    },
    /// Saves folders as plain trees that share files by hard links
    Snapshot {
        /// What to do.
        #[command(subcommand)]
        action: SnapshotAction,
    },
    /// Prints a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
}

/// `hashget verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The archive (-: standard input), or the unpacked folder with its restore file
    #[arg(value_name = "ARCHIVE|DIR")]
    pub path: PathBuf,
    /// Fetch the packages and check that every file is in them
    #[arg(long)]
    pub deep: bool,
    /// Look only at this share of the packages, such as 10%
    #[arg(long, value_name = "N%", value_parser = parse_percent)]
    pub sample: Option<u8>,
    /// Keep what was fetched in the first pool folder
    #[arg(long, requires = "deep")]
    pub add_to_pool: bool,
}

/// `hashget cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ClapSubcommand)]
pub enum CacheAction {
    /// Tells how many downloads, digests and bytes there are
    Stat,
    /// Removes all of them
    Clean,
}

fn parse_percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.parse() {
        Ok(percent @ 1..=100) => Ok(percent),
        _ => Err("give a whole number from 1 to 100, such as 10%".to_owned()),
    }
}
