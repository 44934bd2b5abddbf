//! The command lines of `hashget delta`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `hashget delta`.
#[derive(Debug, Subcommand)]
pub enum DeltaAction {
    /// Writes what folder DIR is like, with block signatures, into an index
    Index(DeltaIndexArgs),
    /// Writes what changed in DIR since the index OLD into a delta
    Diff(DeltaDiffArgs),
    /// Brings DIR, which must be in the old state, to the new one: all of it or nothing
    Apply {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The delta
        #[arg(value_name = "DELTA")]
        delta: PathBuf,
        /// Do not wait until everything is on disk (a power failure may then cost the folder)
        #[arg(long)]
        no_sync: bool,
    },
    /// Tells what a delta changes, or what an index holds
    Show {
        /// The delta, or the index
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Writes the delta that leads back; both states must be at hand
    Invert(DeltaInvertArgs),
    /// Undoes an apply that was killed in DIR (the next apply does that, too)
    Recover {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// `hashget delta index`.
#[expect(clippy::struct_excessive_bools, reason = "one a flag")]
#[derive(Debug, Args)]
pub struct DeltaIndexArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The index
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Leave out what matches; globs relative to DIR. Later looks at DIR leave it out, too
    #[arg(long, value_name = "PATH")]
    pub exclude: Vec<OsString>,
    /// Leave out what .gitignore files say (what .hashgetignore files say is left out always)
    #[arg(long)]
    pub exclude_ignored: bool,
    /// Leave out folders marked by a CACHEDIR.TAG
    #[arg(long)]
    pub exclude_caches: bool,
    /// Stay on the file system of DIR
    #[arg(long)]
    pub one_file_system: bool,
    /// Leave out the block signatures: smaller, but changed files are kept whole in deltas unless
    /// the old files are at hand
    #[arg(long)]
    pub no_signatures: bool,
}

/// `hashget delta diff`.
#[derive(Debug, Args)]
pub struct DeltaDiffArgs {
    /// The index of the old state
    #[arg(value_name = "OLD")]
    pub index: PathBuf,
    /// The folder, in the new state
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The delta
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// A folder that is still in the old state: makes smaller patches
    #[arg(long, value_name = "DIR")]
    pub old_folder: Option<PathBuf>,
    /// Also write the index of the new state, for the next delta
    #[arg(long, value_name = "FILE")]
    pub new_index: Option<PathBuf>,
    /// Compression level of patches, 1 to 22
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub level: i32,
}

/// `hashget delta invert`.
#[derive(Debug, Args)]
pub struct DeltaInvertArgs {
    /// The delta
    #[arg(value_name = "DELTA")]
    pub delta: PathBuf,
    /// A folder in the old state
    #[arg(long = "old", value_name = "DIR")]
    pub old_folder: PathBuf,
    /// A folder in the new state
    #[arg(long = "new", value_name = "DIR")]
    pub new_folder: PathBuf,
    /// The delta that leads back
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}
