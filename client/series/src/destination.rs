//! The directory of a section's archives, listed, and changed by one program at a time.

use hashget_files::private::{open_own, tighten_directory};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::Section;
use super::error::SeriesError;
use super::manifest::Manifest;
use super::name::{BackupId, NameTemplate};
use super::remote::Remote;
use hashget_files::file_lock::{LockAttempt, LockFile};

/// Names of files that are not complete begin so.
const TEMP_PREFIX: &str = "incoming-";
/// The name of a directory for the patches of an archive in the making ends so.
const PATCHES_SUFFIX: &str = ".patches";

/// The directory of a section's archives.
///
/// The archives lie in it by their names, and they alone tell everything. What is known of each
/// besides (its digest, what it holds) lies in `.hashget-series/` and can be made again.
#[derive(Clone, Debug)]
pub struct Destination {
    path: PathBuf,
    names: NameTemplate,
    /// Where the archives are, if they are not in the directory.
    pub(super) remote: Option<Arc<Remote>>,
}

/// The lock of a destination; given up when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: LockFile<File>,
}

impl Destination {
    /// The name of the directory for manifests.
    pub const STATE: &'static str = ".hashget-series";
    /// The name of the directory of stationary backups.
    pub const KEPT: &'static str = "kept";
    /// The name of the directory of reserve backups.
    pub const RESERVE: &'static str = "reserve";

    /// The destination of a section.
    pub fn of(section: &Section) -> Self {
        Self {
            remote: section.remote.clone(),
            ..Self::new(&section.destination, &section.names)
        }
    }

    /// The destination of a section, then its replicas.
    pub(super) fn with_replicas(section: &Section) -> Vec<Self> {
        let replicas = section.replicate_to.iter();
        let replicas = replicas.map(|directory| Self::new(directory, &section.names));
        std::iter::once(Self::of(section)).chain(replicas).collect()
    }

    /// A directory with archives of these names.
    pub fn new(path: &Path, names: &NameTemplate) -> Self {
        Self {
            path: path.to_owned(),
            names: names.clone(),
            remote: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its archives.
    pub fn names(&self) -> &NameTemplate {
        &self.names
    }

    /// Where the archive of a backup lies; where a server has it, only after it was fetched.
    pub fn archive(&self, id: BackupId) -> PathBuf {
        self.path.join(self.names.name(id))
    }

    /// The size of the archive of a backup, in bytes.
    pub(super) fn size(&self, id: BackupId) -> Result<u64, SeriesError> {
        if let Some(remote) = &self.remote {
            return Ok(self.remote_backup(remote, id)?.size);
        }
        let archive = self.archive(id);
        match fs::metadata(&archive) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.no_backup(id)),
            Err(error) => Err(SeriesError::io("find", &archive)(error)),
        }
    }

    pub(super) fn no_backup(&self, id: BackupId) -> SeriesError {
        SeriesError::NoBackup {
            id: id.to_string(),
            path: self.path.clone(),
        }
    }

    /// Where an archive in the making lies.
    pub(super) fn incoming(&self, id: BackupId) -> PathBuf {
        self.state()
            .join(format!("{TEMP_PREFIX}{}", self.names.name(id)))
    }

    /// A directory for the patches of an archive in the making.
    pub(super) fn incoming_patches(&self, id: BackupId) -> PathBuf {
        let name = self.names.name(id);
        self.state()
            .join(format!("{TEMP_PREFIX}{name}{PATCHES_SUFFIX}"))
    }

    /// The stationary backups.
    #[must_use]
    pub fn kept(&self) -> Self {
        Self::new(&self.path.join(Self::KEPT), &self.names)
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path.join(Self::STATE)
    }

    pub(super) fn manifest_path(&self, id: BackupId) -> PathBuf {
        self.state().join(format!("{}.json", self.names.name(id)))
    }

    /// Makes the directory if the one that it is in is there, and takes it for this process alone.
    pub fn lock(&self) -> Result<Lock, SeriesError> {
        let state = self.state();
        let is_missing = self.remote.is_none() && !self.path.parent().is_some_and(Path::is_dir);
        if is_missing {
            return Err(SeriesError::NoDestination {
                path: self.path.clone(),
                was_there: false,
            });
        }
        fs::create_dir_all(&state).map_err(SeriesError::io("create", &state))?;
        let path = state.join("lock");
        tighten_directory(&state).map_err(SeriesError::io("tighten", &state))?;
        let file = LockFile::new(open_own(&path).map_err(SeriesError::io("open", &path))?);
        let attempt = file.try_lock().map_err(SeriesError::io("lock", &path))?;
        if attempt == LockAttempt::Busy {
            let mut holder = String::new();
            let read = (&*file).take(200).read_to_string(&mut holder);
            let holder = match read {
                Ok(1..) => holder.trim().to_owned(),
                _ => "it did not say which".to_owned(),
            };
            let path = self.path.clone();
            return Err(SeriesError::Busy { path, holder });
        }
        let tell = || -> io::Result<()> {
            file.set_len(0)?;
            writeln!(&*file, "process {}", std::process::id())
        };
        tell().map_err(SeriesError::io("write", &path))?;
        if let Some(remote) = &self.remote {
            remote.refresh()?;
        }
        Ok(Lock { _file: file })
    }

    /// Every backup that is there, in order.
    pub fn backups(&self) -> Result<BTreeSet<BackupId>, SeriesError> {
        match &self.remote {
            Some(remote) => Ok(remote.backups()?.into_keys().collect()),
            None => self.listed_in_directory(),
        }
    }

    pub(super) fn listed_in_directory(&self) -> Result<BTreeSet<BackupId>, SeriesError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(SeriesError::io("list", &self.path)(error)),
        };
        let mut found = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(SeriesError::io("list", &self.path))?;
            if let Some(id) = entry.file_name().to_str().and_then(|n| self.names.parse(n)) {
                found.insert(id);
            }
        }
        Ok(found)
    }

    /// What is known of every backup that is there. What of it is missing is read from the archive;
    /// archives that cannot be read come with the reason.
    pub fn manifests(
        &self,
    ) -> Result<BTreeMap<BackupId, Result<Manifest, SeriesError>>, SeriesError> {
        let read = |id| (id, self.manifest(id));
        Ok(self.backups()?.into_iter().map(read).collect())
    }

    /// What is known of a backup.
    pub fn manifest(&self, id: BackupId) -> Result<Manifest, SeriesError> {
        if let Some(remote) = &self.remote {
            return self.remote_manifest(remote, id);
        }
        let size = self.size(id)?;
        let known = Manifest::read(&self.manifest_path(id));
        match known.filter(|known| known.size == size && known.facts.id() == id) {
            Some(known) => Ok(known),
            None => Manifest::of_archive(&self.archive(id)),
        }
    }

    /// What a damaged archive should have been, if that is known.
    pub(super) fn remembered(&self, id: BackupId) -> Option<Manifest> {
        if let Some(remote) = &self.remote {
            return self.remote_manifest(remote, id).ok();
        }
        Manifest::read(&self.manifest_path(id)).filter(|known| known.facts.id() == id)
    }

    /// Publishes a complete archive: first its manifest, last its name.
    pub(super) fn commit(
        &self,
        id: BackupId,
        incoming: &Path,
        manifest: &Manifest,
    ) -> Result<(), SeriesError> {
        let known = self.manifest_path(id);
        write_file(&known, &serde_json::to_vec(manifest)?)?;
        if let Some(remote) = &self.remote {
            remote.put(id, incoming, manifest, &known)?;
        }
        let archive = self.archive(id);
        fs::rename(incoming, &archive).map_err(SeriesError::io("rename to", &archive))?;
        sync_directory(&self.path)
    }

    /// Removes a backup: first the archive, then its manifest.
    pub(super) fn remove(&self, id: BackupId) -> Result<(), SeriesError> {
        if let Some(remote) = &self.remote {
            remote.remove(id)?;
        }
        for path in [self.archive(id), self.manifest_path(id)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SeriesError::io("remove", path)(error));
                }
                _ => {}
            }
        }
        sync_directory(&self.path)
    }

    /// The backups that do not count any more, but whose files the server refused to remove.
    pub(super) fn take_refusals(&self) -> Vec<(BackupId, SeriesError)> {
        let remote = self.remote.as_ref();
        remote.map_or_else(Vec::new, |remote| remote.take_refusals())
    }

    /// Removes what killed runs left; gives how many files. Only for who has the lock.
    pub(super) fn clean(&self) -> Result<u64, SeriesError> {
        let state = self.state();
        let mut removed = match &self.remote {
            Some(remote) => remote.clean()?,
            None => 0,
        };
        self.trim()?;
        let backups = self.backups()?;
        for entry in fs::read_dir(&state).map_err(SeriesError::io("list", &state))? {
            let entry = entry.map_err(SeriesError::io("list", &state))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let own = name.strip_prefix(TEMP_PREFIX).unwrap_or(name);
            let own = own.strip_suffix(".json").unwrap_or(own);
            let own = own.strip_suffix(PATCHES_SUFFIX).unwrap_or(own);
            let Some(id) = self.names.parse(own) else {
                continue;
            };
            if name.starts_with(TEMP_PREFIX) || !backups.contains(&id) {
                let path = entry.path();
                let removal = if path.is_dir() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removal.map_err(SeriesError::io("remove", path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Writes a small file at once: whole, or not at all.
pub(super) fn write_file(path: &Path, content: &[u8]) -> Result<(), SeriesError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".hashget-tmp-")
            .tempfile_in(directory)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(SeriesError::io("write", path))
}

/// Makes the names in a directory last.
pub(super) fn sync_directory(directory: &Path) -> Result<(), SeriesError> {
    let sync = || File::open(directory)?.sync_all();
    sync().map_err(SeriesError::io("sync", directory))
}
