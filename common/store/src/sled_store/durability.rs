//! When a change is on disk.
//!
//! sled's own `flush` hands the log to the system but does not wait for the disk, so a change is
//! acknowledged only after the file was synced as well. Threads that wait at the same time share
//! one sync.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sled::Db;

use super::engine_error::engine_error;
use crate::StoreError;

/// Syncs the files of a store.
#[derive(Debug)]
pub(super) struct Durability {
    directory: PathBuf,
    file: File,
    written: AtomicU64,
    synced: Mutex<u64>,
}

/// A change that is written, but perhaps not on disk yet.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(super) struct Written(u64);

impl Durability {
    /// Syncs what is in the directory of an open store.
    pub(super) fn new(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("db");
        let file = File::open(&path).map_err(|source| io_error("open", &path, source))?;
        Ok(Self {
            directory: directory.to_owned(),
            file,
            written: AtomicU64::new(0),
            synced: Mutex::new(0),
        })
    }

    /// Notes that a change has been written.
    pub(super) fn written(&self) -> Written {
        Written(self.written.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Waits until a change is on disk.
    pub(super) fn wait_for(&self, db: &Db, change: Written) -> Result<(), StoreError> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= change.0 {
            return Ok(());
        }
        let covered = self.written.load(Ordering::SeqCst);
        db.flush().map_err(|source| self.engine_error(source))?;
        self.sync_files()?;
        *synced = covered;
        Ok(())
    }

    /// Syncs the directories of a store that was just made.
    pub(super) fn sync_creation(&self, db: &Db) -> Result<(), StoreError> {
        let written = self.written();
        self.wait_for(db, written)?;
        sync(&self.directory.join("conf"))?;
        sync(&self.directory)?;
        match self.directory.parent() {
            Some(parent) if parent != Path::new("") => sync(parent),
            _ => sync(Path::new(".")),
        }
    }

    fn sync_files(&self) -> Result<(), StoreError> {
        let path = self.directory.join("db");
        self.file
            .sync_all()
            .map_err(|source| io_error("sync", &path, source))?;
        // sled puts pages beyond 128 KiB into files of their own and never syncs them. The sizes
        // of our values make such pages rare, but a directory of very long URLs can grow one.
        let directory = self.directory.join("blobs");
        let blobs =
            fs::read_dir(&directory).map_err(|source| io_error("read", &directory, source))?;
        let mut found = false;
        for blob in blobs {
            let blob = blob.map_err(|source| io_error("read", &directory, source))?;
            match File::open(blob.path()).and_then(|file| file.sync_all()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("sync", &blob.path(), error));
                }
                _ => found = true,
            }
        }
        if found { sync(&directory) } else { Ok(()) }
    }

    fn engine_error(&self, source: sled::Error) -> StoreError {
        engine_error("write", &self.directory, source)
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| io_error("sync", path, source))
}

/// The error of a file.
pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
