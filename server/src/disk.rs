//! How much space is left, asked before writing: sled, when it meets a full disk in the middle of
//! a write, refuses every later write until it is opened again, so it must not come to that.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ApiError;

/// The disk that the data directory is on.
pub(crate) struct Disk {
    directory: PathBuf,
    reserve_bytes: u64,
    /// What the writes under way may still need.
    promised_bytes: AtomicU64,
}

/// Space for a write under way; given back when dropped.
pub(crate) struct Reservation<'a> {
    disk: &'a Disk,
    bytes: u64,
}

impl Disk {
    /// The disk of `directory`, on which `reserve_bytes` stay free.
    pub(crate) fn new(directory: &Path, reserve_bytes: u64) -> Self {
        Self {
            directory: directory.to_owned(),
            reserve_bytes,
            promised_bytes: AtomicU64::new(0),
        }
    }

    /// Space for `bytes`, or the error that there is too little.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<Reservation<'_>, ApiError> {
        let promised = self.promised_bytes.fetch_add(bytes, Ordering::SeqCst);
        let reservation = Reservation { disk: self, bytes };
        self.require(
            promised
                .saturating_add(bytes)
                .saturating_add(self.reserve_bytes),
        )?;
        Ok(reservation)
    }

    /// Whether records may be removed: that makes room in the end, but writes first, so it may
    /// use half of what is kept free.
    pub(crate) fn require_for_removing(&self) -> Result<(), ApiError> {
        self.require(self.reserve_bytes / 2)
    }

    /// How much is free, if the system tells.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.directory).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn require(&self, wanted_bytes: u64) -> Result<(), ApiError> {
        let disk = rustix::fs::statvfs(&self.directory).map_err(|error| {
            ApiError::io("ask for the free space of", &self.directory, error.into())
        })?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free_bytes < wanted_bytes {
            tracing::warn!(free_bytes, wanted_bytes, "too little space to write");
            return Err(ApiError::InsufficientStorage);
        }
        Ok(())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.disk
            .promised_bytes
            .fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_under_way_count() {
        let directory = tempfile::tempdir().unwrap();
        let free = rustix::fs::statvfs(directory.path()).unwrap();
        let free_bytes = free.f_bavail * free.f_frsize;
        let disk = Disk::new(directory.path(), 0);
        let most = disk.reserve(free_bytes / 4 * 3).unwrap();
        assert!(disk.reserve(free_bytes / 2).is_err());
        drop(most);
        assert!(disk.reserve(free_bytes / 2).is_ok());
        assert_eq!(disk.promised_bytes.load(Ordering::SeqCst), 0);
    }
}
