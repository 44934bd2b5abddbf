//! Takes over the record files that the Python original left.
//!
//! A project of the original is a directory `NAME/` with one JSON file a record somewhere below
//! `NAME/p/`. They are read once, when the store is new, and left as they are; what the original
//! adds later is not seen.

use hashget_files::private::open_own;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hashget_store::{PackageStore, StoreError};
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;

use super::HashDbError;
use hashget_files::monitor::{Level, Monitor, Problem, error_chain};

/// Beside the projects; says that they have been taken over.
const MARKER: &str = ".imported";
/// A larger file is no record.
const MAX_RECORD_BYTES: u64 = 256 << 20;
/// Directories below `p` are not looked into deeper than this (the original makes three levels).
const MAX_DEPTH: u32 = 8;
/// About how many digests go into the store at a time.
const BATCH_DIGESTS: usize = 200_000;

/// Takes over the original's records in `path`, unless that has been done. Broken ones are told
/// as problems and skipped.
pub(super) fn import_once(
    path: &Path,
    store: &dyn PackageStore,
    monitor: &dyn Monitor,
) -> Result<(), HashDbError> {
    let marker = path.join(MARKER);
    if marker.exists() {
        return Ok(());
    }
    let mut imported = 0_u64;
    for (project, directory) in original_projects(path, monitor)? {
        store.add_project(&project)?;
        imported += import_project(&project, &directory, store, monitor)?;
    }
    if imported > 0 {
        let text = format!("took over {imported} records of the Python hashget");
        monitor.message(Level::Info, &text);
    }
    open_own(&marker)
        .and_then(|file| file.sync_all())
        .map_err(|source| HashDbError::Create {
            path: marker,
            source,
        })
}

/// The original's projects: directories with `p/` or `.options.json`.
fn original_projects(
    path: &Path,
    monitor: &dyn Monitor,
) -> Result<Vec<(ProjectName, PathBuf)>, HashDbError> {
    let failed = |source| HashDbError::Create {
        path: path.to_owned(),
        source,
    };
    let mut projects = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let directory = entry.map_err(failed)?.path();
        let records = directory.join("p");
        if !records.is_dir() && !directory.join(".options.json").is_file() {
            continue;
        }
        let name = directory.file_name().and_then(|name| name.to_str());
        match name.map(str::parse::<ProjectName>) {
            Some(Ok(project)) => projects.push((project, records)),
            _ => monitor.problem(&Problem::text(
                directory.display().to_string(),
                "records are not taken over: the directory's name is no project name",
            )),
        }
    }
    projects.sort();
    Ok(projects)
}

fn import_project(
    project: &ProjectName,
    directory: &Path,
    store: &dyn PackageStore,
    monitor: &dyn Monitor,
) -> Result<u64, StoreError> {
    let mut files = Vec::new();
    collect_files(directory, 0, &mut files, monitor);
    files.sort();
    let mut batch = Vec::new();
    let mut digests = 0;
    let mut imported = 0;
    for file in &files {
        match read_record(file) {
            Ok(package) => {
                digests += package.files.len() + package.anchors.len() + 1;
                batch.push(package);
            }
            Err(error) => monitor.problem(&Problem::text(
                file.display().to_string(),
                format!("record is not taken over: {}", error_chain(&error)),
            )),
        }
        if digests >= BATCH_DIGESTS {
            imported += publish_sound(project, &batch, store, monitor)?;
            batch.clear();
            digests = 0;
        }
    }
    imported += publish_sound(project, &batch, store, monitor)?;
    Ok(imported)
}

/// Publishes a batch; where the store refuses a record, all but the refused ones.
fn publish_sound(
    project: &ProjectName,
    batch: &[HashPackage],
    store: &dyn PackageStore,
    monitor: &dyn Monitor,
) -> Result<u64, StoreError> {
    if batch.is_empty() {
        return Ok(0);
    }
    match store.publish(project, batch) {
        Ok(_) => return Ok(batch.len() as u64),
        Err(StoreError::BadRecord { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut published = 0;
    for package in batch {
        match store.publish(project, std::slice::from_ref(package)) {
            Ok(_) => published += 1,
            Err(error @ StoreError::BadRecord { .. }) => {
                monitor.problem(&Problem::new(project.as_str(), &error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(published)
}

fn collect_files(directory: &Path, depth: u32, files: &mut Vec<PathBuf>, monitor: &dyn Monitor) {
    let told =
        |error: io::Error| monitor.problem(&Problem::new(directory.display().to_string(), &error));
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return told(error),
    };
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok((path, kind)) if kind.is_file() => files.push(path),
            Ok((path, kind)) if kind.is_dir() && depth < MAX_DEPTH => {
                collect_files(&path, depth + 1, files, monitor);
            }
            Ok(_) => {}
            Err(error) => told(error),
        }
    }
}

fn read_record(path: &Path) -> io::Result<HashPackage> {
    let mut json = Vec::new();
    File::open(path)?
        .take(MAX_RECORD_BYTES)
        .read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}
