//! The options of `hashget snapshot`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand as ClapSubcommand};

use crate::snapshot::SnapshotName;

/// What to do with snapshots.
#[derive(Debug, ClapSubcommand)]
pub enum SnapshotAction {
    /// Saves folder SRC as DEST/NAME/YYYY-MM-DD-HHMMSS; files that DEST has already are linked
    Create(SnapshotCreateArgs),
    /// Lists the snapshots in DEST
    List {
        /// The folder of snapshots
        #[arg(value_name = "DEST")]
        destination: PathBuf,
        /// Only this row of snapshots
        #[arg(long)]
        name: Option<SnapshotName>,
        /// Look into them: how large they are, and what deleting one would free
        #[arg(long)]
        sizes: bool,
    },
    /// Tells what differs between two snapshots, or a snapshot and any folder
    Diff {
        /// The older folder
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer folder
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
    /// Reads all files and compares them with what was saved
    Verify {
        /// A folder of snapshots, or single ones
        #[arg(value_name = "DEST|SNAPSHOT", required = true)]
        paths: Vec<PathBuf>,
    },
    /// Removes snapshots; the others stay whole
    Delete {
        /// Their folders
        #[arg(value_name = "SNAPSHOT", required = true)]
        snapshots: Vec<PathBuf>,
    },
    /// Removes the snapshots that no --keep-* rule keeps
    Prune(SnapshotPruneArgs),
    /// Copies a snapshot, or what lies at a path in it, into folder TARGET
    Restore(SnapshotRestoreArgs),
    /// Reads all snapshots and makes the index of DEST anew
    Reindex {
        /// The folder of snapshots
        #[arg(value_name = "DEST")]
        destination: PathBuf,
    },
}

/// `hashget snapshot create`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct SnapshotCreateArgs {
    /// The folder to save
    #[arg(value_name = "SRC")]
    pub source: PathBuf,
    /// The folder of snapshots
    #[arg(value_name = "DEST")]
    pub destination: PathBuf,
    /// Which row the snapshot belongs to [default: called as SRC is]
    #[arg(long)]
    pub name: Option<SnapshotName>,
    /// Read every file, also where size, times and inode are those of the last snapshot
    #[arg(long)]
    pub full_hash: bool,
    /// List the SHA-256 of all files beside the snapshot, for `sha256sum -c`
    #[arg(long)]
    pub sha256sums: bool,
    /// Do not force the snapshot to disk before it gets its name
    #[arg(long)]
    pub no_sync: bool,
    /// Take files that known packages hold from there, unpacked once for all snapshots in DEST
    #[arg(long)]
    pub from_packages: bool,
    /// Leave out what matches PATTERN
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<OsString>,
    /// Leave out what matches a line of FILE
    #[arg(long, short = 'X', value_name = "FILE")]
    pub exclude_from: Option<PathBuf>,
    /// Leave out what is in folders tagged as caches
    #[arg(long)]
    pub exclude_caches: bool,
    /// Obey the .gitignore files in SRC
    #[arg(long)]
    pub exclude_ignored: bool,
    /// Stay in the file system of SRC
    #[arg(long)]
    pub one_file_system: bool,
    /// Also what the kernel shows below SRC as /proc, /sys, /dev and their kind
    #[arg(long, conflicts_with = "one_file_system")]
    pub all_file_systems: bool,
}

/// `hashget snapshot prune`.
#[derive(Debug, Args)]
pub struct SnapshotPruneArgs {
    /// The folder of snapshots
    #[arg(value_name = "DEST")]
    pub destination: PathBuf,
    /// Only this row of snapshots [default: all, each by itself]
    #[arg(long)]
    pub name: Option<SnapshotName>,
    /// Keep the newest N
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_last: u32,
    /// Keep the last one of each of the newest N days that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_daily: u32,
    /// The same with weeks, from Monday on
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_weekly: u32,
    /// The same with months
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_monthly: u32,
    /// The same with years
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_yearly: u32,
    /// Only tell what would be removed
    #[arg(long)]
    pub dry_run: bool,
}

/// `hashget snapshot restore`.
#[derive(Debug, Args)]
pub struct SnapshotRestoreArgs {
    /// The snapshot's folder, or a path in it
    #[arg(value_name = "SNAPSHOT[/PATH]")]
    pub snapshot: PathBuf,
    /// The folder to restore into
    #[arg(value_name = "TARGET")]
    pub target: PathBuf,
    /// Replace what is there already; else it stays
    #[arg(long)]
    pub overwrite: bool,
    /// Force every file to disk before it gets its name
    #[arg(long)]
    pub fsync: bool,
}
