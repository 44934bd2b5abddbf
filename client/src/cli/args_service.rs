//! The options that every command of `hashget` takes: where records and packages are, and what
//! is printed.

use std::path::PathBuf;

use clap::Args;

use super::size::parse_size;

/// Records, package files and servers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Records, packages and servers")]
pub struct ServiceArgs {
    /// Ask these hashservers, in order [default: those of the settings]; no value: none
    #[arg(long, value_name = "URL", num_args = 0.., global = true)]
    pub hashserver: Option<Vec<String>>,
    /// What hashservers learn of the digests looked up [default: auto]
    #[arg(
        long,
        value_name = "auto|filter|range|digest",
        global = true,
        value_enum,
        hide_possible_values = true
    )]
    pub lookup: Option<LookupHow>,
    /// Use only these local projects [default: all]; no value: none
    #[arg(long, value_name = "PROJECT", num_args = 0.., global = true)]
    pub hashdb: Option<Vec<String>>,
    /// The folder of the local records
    #[arg(
        long = "hashdb_path",
        alias = "hashdb-path",
        value_name = "DIR",
        global = true
    )]
    pub hashdb_path: Option<PathBuf>,
    /// Folders or URLs that hold packages by hash, in order; the first folder keeps downloads
    #[arg(long, value_name = "PATH", num_args = 0.., global = true)]
    pub pool: Option<Vec<PathBuf>>,
    /// Does nothing more: without a known hash, cached downloads are always compared with the
    /// server's
    #[arg(long, global = true)]
    pub etag: bool,
    /// Give up on a server that sends nothing for this long
    #[arg(long, value_name = "SECONDS", global = true)]
    pub timeout: Option<u64>,
    /// How many threads hash, compress and download
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// How much memory a restore file may take [default: what the machine has to spare]
    #[arg(long, value_name = "SIZE", global = true, hide = true, value_parser = parse_size)]
    pub memory: Option<u64>,
}

/// How much look-ups tell a hashserver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LookupHow {
    /// Those that its filter lets through; all where it offers none
    Auto,
    /// Those that its filter lets through; only their first bits where it offers none
    Filter,
    /// Only their first bits
    Range,
    /// All of them
    Digest,
}

/// What is printed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one JSON object a line to standard output, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Also write all messages, with times, to FILE
    #[arg(long, value_name = "FILE", global = true)]
    pub logfile: Option<PathBuf>,
    /// Print more
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Print only results that were asked for, warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}
