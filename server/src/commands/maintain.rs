//! `hashserver check` and `hashserver compact`: looks after the store while the server is stopped.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use hashget_store::{CheckReport, PackageStore, SledStore, StoreOptions, StoreStats};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{CommandError, DataArgs, open_store, store_options};

/// A copy is written in one go, so that room must be made often.
const COPY_CLEANING_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Make the index anew from the records
    #[arg(long)]
    rebuild: bool,
}

#[derive(Args)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn check(args: CheckArgs) -> Result<(), CommandError> {
    let store = open_store(&args.data.settings()?)?;
    let mut report = store.check()?;
    if args.rebuild {
        print(&report)?;
        store.rebuild_index()?;
        eprintln!("the index was made anew");
        report = store.check()?;
    }
    print(&report)?;
    if report.is_sound() {
        return Ok(());
    }
    let hint = if report.damaged.is_empty() {
        "`hashserver check --rebuild` makes the index anew from the records"
    } else {
        "publish the damaged records again, or import a backup"
    };
    Err(format!("the store is not sound: {hint}").into())
}

fn print(report: &CheckReport) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for (value, what) in [
        (report.packages, "records"),
        (report.index_entries, "index entries"),
        (report.damaged.len() as u64, "damaged records"),
        (report.missing_entries, "missing index entries"),
        (report.stray_entries, "index entries of no record"),
        (report.stray_chunks, "pieces of no record"),
        (
            report.wrong_counts.len() as u64,
            "projects with wrong counts",
        ),
    ] {
        writeln!(stdout, "{value} {what}")?;
    }
    for id in report.damaged.iter().take(100) {
        writeln!(stdout, "damaged: record {}", id.0)?;
    }
    Ok(())
}

/// Copies every record into a fresh store, which then takes the place of the old one in one step:
/// whenever it is interrupted, `store` is whole.
pub(super) fn compact(args: CompactArgs) -> Result<(), CommandError> {
    let settings = args.data.settings()?;
    let path = settings.store_path();
    let fresh_path = settings.data.join("store.compacting");
    let options = store_options(&settings);
    let old = open_store(&settings)?;
    let before = old.stats()?;
    remove_directory(&fresh_path)?;
    let while_copying = StoreOptions {
        cleaning_interval: Some(COPY_CLEANING_INTERVAL),
        ..options
    };
    old.copy_to(&fresh_path, while_copying)?;
    // Opened again it is what the server will find.
    let after = reopened(&fresh_path, options)?;
    if (after.packages, after.digests) != (before.packages, before.digests) {
        return Err(
            "the copy is not equal to the store, which stays as it was: \
                    `hashserver check` tells more"
                .into(),
        );
    }
    exchange(&path, &fresh_path, &settings.data)?;
    drop(old);
    remove_directory(&fresh_path)?;
    writeln!(
        io::stdout(),
        "{} records: {} bytes before, {} bytes now",
        before.packages,
        before.store_bytes,
        after.store_bytes
    )?;
    Ok(())
}

fn reopened(path: &Path, options: StoreOptions) -> Result<StoreStats, CommandError> {
    let store = SledStore::open(path, options)?;
    let report = store.check()?;
    if !report.is_sound() {
        return Err(
            "the copy is not sound; the store stays as it was: `hashserver check` \
                    tells whether that one is"
                .into(),
        );
    }
    Ok(store.stats()?)
}

fn exchange(one: &Path, other: &Path, directory: &Path) -> Result<(), CommandError> {
    let exchanged = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
        .map_err(io::Error::from)
        .and_then(|()| File::open(directory)?.sync_all());
    exchanged.map_err(|error| {
        format!(
            "cannot exchange {} and {}: {error}",
            one.display(),
            other.display()
        )
        .into()
    })
}

fn remove_directory(path: &Path) -> Result<(), CommandError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()).into())
        }
        _ => Ok(()),
    }
}
