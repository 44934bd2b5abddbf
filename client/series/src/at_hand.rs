//! Copies of what a hashserver has, in the directory of a destination.

use std::fs;
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;

use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::{Manifest, hash_file};
use super::name::BackupId;
use super::remote::{Remote, RemoteBackup};

impl Destination {
    /// Where the archive of a backup lies, after it was fetched from a server that has it.
    pub(super) fn fetch(&self, id: BackupId) -> Result<PathBuf, SeriesError> {
        let path = self.archive(id);
        if let Some(remote) = &self.remote {
            let backup = self.remote_backup(remote, id)?;
            let is_here = hash_file(&path).is_ok_and(|(sha256, _)| sha256 == backup.sha256);
            if !is_here {
                self.download(remote, &backup.sha256, &path)?;
            }
        }
        Ok(path)
    }

    /// What the server says of a backup.
    pub(super) fn remote_backup(
        &self,
        remote: &Remote,
        id: BackupId,
    ) -> Result<RemoteBackup, SeriesError> {
        let backups = remote.backups()?;
        backups.get(&id).copied().ok_or_else(|| self.no_backup(id))
    }

    fn download(&self, remote: &Remote, digest: &Digest, to: &Path) -> Result<(), SeriesError> {
        let state = self.state();
        fs::create_dir_all(&state).map_err(SeriesError::io("create", &state))?;
        let mut file = tempfile::Builder::new()
            .prefix(".hashget-tmp-")
            .tempfile_in(&state)
            .map_err(SeriesError::io("write", to))?;
        remote.get(digest, file.as_file_mut())?;
        let kept = file.persist(to).map_err(|error| error.error);
        kept.map(drop).map_err(SeriesError::io("write", to))
    }

    /// What is known of a backup that a server has: from the directory, or from the server.
    pub(super) fn remote_manifest(
        &self,
        remote: &Remote,
        id: BackupId,
    ) -> Result<Manifest, SeriesError> {
        let backup = self.remote_backup(remote, id)?;
        let path = self.manifest_path(id);
        let is_here = hash_file(&path).is_ok_and(|(sha256, _)| sha256 == backup.manifest);
        let is_here = is_here || self.download(remote, &backup.manifest, &path).is_ok();
        let known = is_here.then(|| Manifest::read(&path)).flatten();
        match known.filter(|known| known.sha256 == backup.sha256 && known.facts.id() == id) {
            Some(known) => Ok(known),
            None => Manifest::of_archive(&self.fetch(id)?),
        }
    }

    /// Removes the copies of what a server has that the next run will not need.
    pub(super) fn trim(&self) -> Result<(), SeriesError> {
        let Some(remote) = &self.remote else {
            return Ok(());
        };
        let backups = remote.backups()?;
        let series = backups.last_key_value().map(|(id, _)| id.series);
        for id in self.listed_in_directory()? {
            if Some(id.series) != series || !backups.contains_key(&id) {
                let path = self.archive(id);
                fs::remove_file(&path).map_err(SeriesError::io("remove", &path))?;
            }
        }
        Ok(())
    }
}
