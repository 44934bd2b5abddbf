//! The command line of `hashget series`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::series::BackupId;

/// `hashget series`.
#[derive(Debug, Args)]
pub struct SeriesArgs {
    /// The series file [default: `HASHGET_SERIES`, else ~/.config/hashget/series.toml]
    #[arg(long, value_name = "FILE", global = true)]
    pub series_file: Option<PathBuf>,
    /// The section that is meant, if there are several: PROFILE/SECTION
    #[arg(long, short, value_name = "PROFILE/SECTION", global = true)]
    pub section: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub action: SeriesAction,
}

/// What to do with backup series.
#[derive(Debug, Subcommand)]
pub enum SeriesAction {
    /// Writes a series file with comments, to be edited
    Init,
    /// Makes the next backup of each section, and removes what the rules say
    Run(RunArgs),
    /// Lists the backups
    List,
    /// Lists the files of a backup, and what became of each
    Show {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
        /// Also files that are as they were
        #[arg(long)]
        all: bool,
    },
    /// Tells what changed between two backups
    Diff {
        /// The older one
        old: BackupId,
        /// The newer one
        new: BackupId,
    },
    /// Tells which backups hold which version of a file
    Find {
        /// A file name, or a glob for the whole path
        name: String,
    },
    /// Restores a backup into an empty folder, or some paths into any
    Restore(RestoreBackupArgs),
    /// Puts back what the last `restore --in-place` over a folder replaced
    Undo {
        /// The folder
        folder: PathBuf,
    },
    /// Writes one file of a backup to standard output
    Cat {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
        /// The file, relative to the folder that was backed up
        path: OsString,
    },
    /// Turns a backup into a standalone archive
    Export {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
        /// The archive; its ending decides the compression
        #[arg(long, short, value_name = "FILE")]
        file: PathBuf,
        /// Put in even what public packages hold
        #[arg(long)]
        self_sufficient: bool,
    },
    /// Makes a backup stationary: no rule removes it
    Keep {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
    },
    /// Takes an exported archive in as a stationary backup
    Import {
        /// The archive
        file: PathBuf,
    },
    /// Reads every archive, and checks digests and dependencies
    Verify,
    /// Removes what the keep rules and expiry dates say
    Prune {
        /// Only tell what would go, and why; also what the next backup would replace
        #[arg(long)]
        dry_run: bool,
    },
    /// Takes over a new mode, length or count from the series file
    Convert,
    /// Prints systemd units that run the series
    Timer {
        /// When: systemd's `OnCalendar`
        #[arg(long, value_name = "CALENDAR", default_value = "daily")]
        calendar: String,
    },
}

/// `hashget series run`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
pub struct RunArgs {
    /// PROFILE or PROFILE/SECTION [default: all]
    pub name: Option<String>,
    /// Make a backup even if nothing changed
    #[arg(long)]
    pub force: bool,
    /// Begin a new series
    #[arg(long)]
    pub full: bool,
    /// An empty source is meant: let the rules remove backups all the same
    #[arg(long)]
    pub allow_empty: bool,
    /// Begin anew in a destination that an earlier run knew and that is gone
    #[arg(long)]
    pub new_destination: bool,
    /// What to note about the backup
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
}

/// `hashget series restore`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
pub struct RestoreBackupArgs {
    /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
    pub backup: BackupId,
    /// Where to
    pub folder: PathBuf,
    /// Only this file or folder
    #[arg(long, value_name = "P")]
    pub path: Vec<OsString>,
    /// Replace a folder that is not empty, after a reserve backup of it
    #[arg(long, conflicts_with = "path")]
    pub in_place: bool,
    /// Make no reserve backup
    #[arg(long, requires = "in_place")]
    pub no_reserve: bool,
    /// Do not set owners
    #[arg(long)]
    pub user: bool,
    /// Set owners by number, whatever their names are here
    #[arg(long)]
    pub numeric_owner: bool,
}
