//! The list of left-out files alone, for another program that makes the archive.

use std::io;
use std::path::Path;

use hashget_words::restore_file::RestoreFile;
use rustix::fs::{Timespec, Timestamps};

use super::compaction::Compacted;
use super::error::PackError;
use super::exclude_list::{exclude_list, keep_what_can_be_named};
use super::hinted::name_hinted;
use super::options::PackOptions;
use super::output::write_whole;
use super::packing::Packing;
use super::recheck::recheck;
use super::restore_list::restore_file;
use super::scan::PackScan;
use super::stats::{PackStats, tree_stats};
use hashget_files::monitor::{Counted, Level, Monitor};
use hashget_sources::hash_db::PackageLookup;

/// Writes the restore file into `root`, and the names of what it lists to `exclude_list`, one
/// `./path` a line, for `tar --exclude-from` or `restic --exclude-file`.
///
/// Files whose names these programs would take for patterns are not listed, and so archived.
pub fn prepack<L: PackageLookup>(
    root: &Path,
    exclude_file: Option<&Path>,
    options: &PackOptions,
    lookup: &L,
    monitor: &dyn Monitor,
) -> Result<PackStats, PackError> {
    let counted = Counted::new(monitor);
    let list_path = root.join(RestoreFile::NAME);
    let only_what_can_be_named = |scan: &mut PackScan| {
        let real_root = root.canonicalize().map_err(|source| PackError::Output {
            path: list_path.clone(),
            source,
        })?;
        keep_what_can_be_named(scan, &real_root);
        Ok(())
    };
    let Packing { scan, plan, .. } = Packing::of_adjusted(
        root,
        None,
        options,
        lookup,
        only_what_can_be_named,
        &counted,
    )?;
    name_hinted(&plan, &counted);
    let (fates, plan) = recheck(&scan, &plan, &counted);
    let list = restore_file(&scan, &fates, &plan, Compacted::default(), &[])?;
    // In this order: with the list of what to exclude alone, an archive would lose files.
    write_whole(&list_path, &mut list.reader())?;
    if let Err(error) = reset_times(&scan) {
        let text = format!("{} has a new modification time: {error}", root.display());
        monitor.message(Level::Detail, &text);
    }
    if let Some(path) = exclude_file {
        write_whole(path, &mut &exclude_list(&scan, &fates)[..])?;
    }
    let stats = tree_stats(&scan, &fates, &plan);
    Ok(PackStats {
        archived_files: stats.tree_files - stats.deduplicated_files,
        archived_bytes: stats.tree_bytes - stats.deduplicated_bytes,
        problems: counted.problems(),
        ..stats
    })
}

/// Gives the root the times that it had before the restore file was put there.
fn reset_times(scan: &PackScan) -> io::Result<()> {
    let Some(root) = scan.entries.iter().next() else {
        return Ok(());
    };
    let time = |time: hashget_archive::Timestamp| Timespec {
        tv_sec: time.seconds,
        tv_nsec: time.nanoseconds.into(),
    };
    let times = Timestamps {
        last_access: time(root.metadata.atime),
        last_modification: time(root.metadata.mtime),
    };
    scan.root.set_times(&times)
}
