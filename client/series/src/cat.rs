//! Reads one file of a backup without restoring anything.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use hashget_archive::{EntryKind, WithHoles};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::RestoreEntry;

use super::change_list::Change;
use super::config::Section;
use super::contents::find_contents;
use super::error::SeriesError;
use super::manifest::{read_change_list, read_members};
use super::name::BackupId;
use super::sources::{SeriesSources, whole_archive};
use hashget_engine::restore::RestoreSources;
use hashget_engine::restore::list::{load, reference};
use hashget_files::monitor::Monitor;

/// Writes the content of the file `path` of a backup to `output`.
pub fn cat(
    section: &Section,
    id: BackupId,
    path: &RelPath,
    output: &mut dyn Write,
    others: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<(), SeriesError> {
    let archive = whole_archive(section, id, monitor)?;
    let mut wanted = path.clone();
    if from_archive(&archive, &mut wanted, output)? {
        return Ok(());
    }
    let unreadable = |change: &Change| change.unreadable && change.path == *path;
    if read_change_list(&archive)?.present().any(unreadable) {
        let path = path.to_string();
        return Err(SeriesError::Unreadable { id, path });
    }
    let list = load(&archive, None)?;
    let entry = list.files.iter().find(|entry| entry.file == wanted);
    let entry = entry.ok_or_else(|| SeriesError::NoFile {
        id,
        path: path.to_string(),
    })?;
    let sources = SeriesSources::new(section, others)?;
    let digest = entry.sha256;
    if sources.has_patch(&digest) {
        // What is wrong is told; another package may have it.
        if let Ok(mut local) = sources.single_file(&digest, monitor) {
            let copied = io::copy(&mut local.file, output);
            return copied.map(drop).map_err(SeriesError::io("read", &archive));
        }
    }
    let mut packages: Vec<_> = list.packages.iter().map(reference).collect();
    // What is at hand is read before anything is downloaded.
    packages.sort_by_key(|package| !package.sha256.is_some_and(|digest| sources.has(&digest)));
    for package in &packages {
        match sources.package(package, monitor) {
            Ok(local) if copy_from(&local, entry, output)? => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                let text = hashget_files::monitor::error_chain(&*error);
                monitor.message(hashget_files::monitor::Level::Warning, &text);
            }
        }
    }
    Err(SeriesError::Incomplete {
        id: id.to_string(),
        missing: 1,
        example: path.to_string(),
    })
}

/// Copies a file that is in the archive itself; of a hard link `wanted` becomes the first name.
fn from_archive(
    archive: &Path,
    wanted: &mut RelPath,
    output: &mut dyn Write,
) -> Result<bool, SeriesError> {
    // The first name comes before the others: with a second pass every link is found.
    for _ in 0..2 {
        let mut done = false;
        let mut target = None;
        read_members(archive, &mut |entry, content| {
            if RelPath::new(&entry.path).is_ok_and(|path| path == *wanted) {
                match &entry.kind {
                    EntryKind::File => {
                        let size = entry.size.unwrap_or(0);
                        let extents = entry.metadata.sparse.as_deref();
                        let whole = [(0, size)];
                        let extents = extents.unwrap_or(&whole);
                        io::copy(&mut WithHoles::new(content, extents, size), output)?;
                        done = true;
                    }
                    EntryKind::HardLink { target: first } => {
                        target = RelPath::new(first).ok();
                    }
                    _ => {}
                }
                return Ok(false);
            }
            Ok(true)
        })?;
        match target {
            _ if done => return Ok(true),
            Some(first) => *wanted = first,
            None => return Ok(false),
        }
    }
    Ok(false)
}

fn copy_from(
    package: &hashget_sources::sources::LocalPackage,
    entry: &RestoreEntry,
    output: &mut dyn Write,
) -> Result<bool, SeriesError> {
    let wanted = HashSet::from([entry.sha256]);
    let sizes: HashSet<u64> = entry.size.into_iter().collect();
    let mut write = |_, file: &mut File| io::copy(file, output).map(|_| ());
    Ok(!find_contents(package, &wanted, &sizes, &mut write)?.is_empty())
}
