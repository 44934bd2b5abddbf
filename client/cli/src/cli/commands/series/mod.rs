//! `hashget series`: one file for each group of actions.

mod export;
mod file;
mod restore;
mod run;
mod upkeep;
mod view;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use hashget_words::digest::Digest;

use self::restore::RestoreBackupArgs;
use self::run::RunArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::ServiceArgs;
use hashget_series::{BackupId, Section, SeriesFile, readable};

const EXAMPLES: &str = "\
Examples:
  hashget series init
  hashget series run
  hashget series restore 001[02] /srv/www2";

/// `hashget series`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SeriesArgs {
    /// Series file [default: `HASHGET_SERIES`, ~/.config/hashget/series.toml]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Which series"
    )]
    pub(super) series_file: Option<PathBuf>,
    /// Which section, if there are several: PROFILE/SECTION
    #[arg(
        long,
        short,
        value_name = "SECTION",
        global = true,
        help_heading = "Which series"
    )]
    pub(super) section: Option<String>,
    /// What to do.
    #[command(subcommand)]
    action: SeriesAction,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// What to do with backup series.
#[derive(Debug, Subcommand)]
pub(crate) enum SeriesAction {
    /// Write a series file with comments, to be edited
    Init,
    /// Make the next backup of each section, and remove what the rules say
    Run(RunArgs),
    /// List the backups
    List,
    /// List the files of a backup, and what became of each
    Show {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
        /// Also files that are as they were
        #[arg(long)]
        all: bool,
    },
    /// Show what changed between two backups
    Diff {
        /// The older one
        old: BackupId,
        /// The newer one
        new: BackupId,
    },
    /// Show which backups hold which version of a file
    Find {
        /// A file name, or a glob for the whole path
        name: String,
    },
    /// Restore a backup into an empty directory, or some paths into any
    Restore(RestoreBackupArgs),
    /// Put back what the last `restore --in-place` over a directory replaced
    Undo {
        /// The directory
        directory: PathBuf,
    },
    /// Write one file of a backup to standard output
    Cat {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
        /// The file, relative to the directory that was backed up
        path: OsString,
    },
    /// Turn a backup into a standalone archive
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
    /// Make a backup stationary: no rule removes it
    Keep {
        /// Which backup: `NNN`, `NNN[DD]` or `NNN.DD`
        backup: BackupId,
    },
    /// Take an exported archive in as a stationary backup
    Import {
        /// The archive
        file: PathBuf,
    },
    /// Read every archive, and check digests and dependencies
    Verify,
    /// Remove what the keep rules and expiry dates say
    Prune {
        /// Only tell what would go, and why; also what the next backup would replace
        #[arg(long)]
        dry_run: bool,
    },
    /// Take over a new mode, length or count from the series file
    Convert,
    /// Print systemd units that run the series
    Timer {
        /// When: systemd's `OnCalendar`
        #[arg(long, value_name = "CALENDAR", default_value = "daily")]
        calendar: String,
    },
}

/// Does what `hashget series` is asked to.
pub(super) fn run(args: &SeriesArgs, context: &Context) -> Result<(), CliError> {
    let path = file::path(args)?;
    if let SeriesAction::Init = args.action {
        return file::init(&path, context);
    }
    let mut file = SeriesFile::read(&path)?;
    for section in &mut file.sections {
        connect(section, context)?;
    }
    let name = args.section.as_deref();
    if is_reading(&args.action) {
        stand_in(&mut file, args, context)?;
    }
    let one = || one_section(&file, name);
    match &args.action {
        SeriesAction::Init => Ok(()),
        SeriesAction::Run(run) => {
            let sections = file.select(run.name.as_deref().or(name))?;
            run::run(&sections, run, context)
        }
        SeriesAction::List => view::list(&file.select(name)?, context),
        SeriesAction::Show { backup, all } => view::show(one()?, *backup, *all, context),
        SeriesAction::Diff { old, new } => view::diff(one()?, *old, *new, context),
        SeriesAction::Find { name: wanted } => view::find(&file.select(name)?, wanted, context),
        SeriesAction::Restore(restore) => restore::restore(one()?, restore, context),
        SeriesAction::Undo { directory } => restore::undo(one()?, directory, context),
        SeriesAction::Cat { backup, path } => export::cat(one()?, *backup, path, context),
        SeriesAction::Export {
            backup,
            file,
            self_sufficient,
        } => export::export(one()?, *backup, file, *self_sufficient, context),
        SeriesAction::Keep { backup } => export::keep(one()?, *backup, context),
        SeriesAction::Import { file } => export::import(one()?, file, context),
        SeriesAction::Verify => upkeep::verify(&file.select(name)?, context),
        SeriesAction::Prune { dry_run } => upkeep::prune(&file.select(name)?, *dry_run, context),
        SeriesAction::Convert => upkeep::convert(one()?, context),
        SeriesAction::Timer { calendar } => {
            // Fails if the name is wrong.
            file.select(name)?;
            file::timer(&path, name, calendar, context)
        }
    }
}

/// Puts replicas in the place of destinations that are gone, of the sections that are meant.
fn stand_in(file: &mut SeriesFile, args: &SeriesArgs, context: &Context) -> Result<(), CliError> {
    let meant = file.select(args.section.as_deref())?;
    let meant: Vec<String> = meant.iter().map(|section| section.full_name()).collect();
    let is_tolerant = matches!(args.action, SeriesAction::List | SeriesAction::Find { .. });
    for section in &mut file.sections {
        if !meant.contains(&section.full_name()) {
            continue;
        }
        match readable(section, context.reporter) {
            Ok(readable) => *section = readable,
            Err(error) if meant.len() == 1 && !is_tolerant => return Err(error.into()),
            // It has no backups, or the action says what is the matter with its section.
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether the action only reads, so that a replica may stand in for the destination.
fn is_reading(action: &SeriesAction) -> bool {
    matches!(
        action,
        SeriesAction::List
            | SeriesAction::Show { .. }
            | SeriesAction::Diff { .. }
            | SeriesAction::Find { .. }
            | SeriesAction::Restore(_)
            | SeriesAction::Cat { .. }
            | SeriesAction::Export { .. }
    )
}

/// Makes the hashserver that a section names its destination. Nothing is asked of it yet.
fn connect(section: &mut Section, context: &Context) -> Result<(), CliError> {
    let Some(place) = section.server.clone() else {
        return Ok(());
    };
    let server = context.server_at(&place.url)?;
    let name = format!("{} {} {}", server.url(), place.project, section.full_name());
    let directory = context.cache().join("series");
    let directory = directory.join(Digest::of(name.as_bytes()).to_string());
    section.connect(server, place.project, directory);
    Ok(())
}

fn one_section<'f>(file: &'f SeriesFile, name: Option<&str>) -> Result<&'f Section, CliError> {
    let sections = file.select(name)?;
    if let [section] = sections[..] {
        return Ok(section);
    }
    let names: Vec<String> = sections.iter().map(|section| section.full_name()).collect();
    Err(CliError::usage("several sections could be meant")
        .hint(format!("name one with --section: {}", names.join(", "))))
}
