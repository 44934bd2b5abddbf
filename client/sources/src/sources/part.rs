//! A download in progress: its file, its state, and the hash of the bytes so far.

use hashget_files::private::{create_own, open_own};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use serde::{Deserialize, Serialize};

use super::cache::{Cache, Validators, hash_into, read_json, write_json};
use hashget_files::file_lock::{LockAttempt, LockFile};

/// What the file of a part belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartInfo {
    pub(super) url: String,
    #[serde(flatten)]
    pub(super) validators: Validators,
    /// Whether the server sent them encoded: then it knows no range of them.
    #[serde(default)]
    pub(super) was_encoded: bool,
}

/// A download in progress. Nobody else writes to it.
pub(super) struct Part {
    file: LockFile<File>,
    path: PathBuf,
    /// Where the validators are kept; none for a part that is of use to this process only.
    info_path: Option<PathBuf>,
    /// Why it is a file without a name outside the cache, if it is.
    outside: Option<io::Error>,
    pub(super) info: PartInfo,
    hasher: Hasher,
    /// Whether some of the bytes are of an earlier request.
    pub(super) is_resumed: bool,
}

impl Part {
    /// The part of `url`: with what an earlier run has left, or a fresh one if another process is
    /// just writing that. Where the cache cannot be written, a temporary file has to do.
    pub(super) fn open(cache: &Cache, url: &str) -> Result<Self, (PathBuf, io::Error)> {
        Self::open_in(cache, url).or_else(|(path, error)| match tempfile::tempfile() {
            Ok(file) => Ok(Self {
                outside: Some(error),
                ..Self::empty(file, path)
            }),
            Err(_) => Err((path, error)),
        })
    }

    fn open_in(cache: &Cache, url: &str) -> Result<Self, (PathBuf, io::Error)> {
        let path = cache.part_path(url, "part");
        let failed = |error| (path.clone(), error);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        match lock(&path) {
            Ok(Some(file)) => Self::resume(file, path.clone(), cache, url).map_err(failed),
            Ok(None) => Self::fresh(cache, url),
            // Another user's, say.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Self::fresh(cache, url)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn resume(
        mut file: LockFile<File>,
        path: PathBuf,
        cache: &Cache,
        url: &str,
    ) -> io::Result<Self> {
        let info_path = cache.part_path(url, "json");
        let info = read_json(&info_path)
            .filter(|info: &PartInfo| info.url == url)
            .unwrap_or_default();
        let mut hasher = Hasher::new();
        if info.url == url {
            hash_into(&mut file, &mut hasher)?;
        }
        let is_resumed = hasher.bytes() > 0;
        let mut part = Self {
            file,
            path,
            info_path: Some(info_path),
            info,
            hasher,
            is_resumed,
            outside: None,
        };
        if !is_resumed {
            part.restart()?;
        }
        Ok(part)
    }

    fn fresh(cache: &Cache, url: &str) -> Result<Self, (PathBuf, io::Error)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = cache.part_path(url, &format!("{}-{number}.part", std::process::id()));
        let file = create_own(&path).map_err(|error| (path.clone(), error))?;
        Ok(Self::empty(file, path))
    }

    fn empty(file: File, path: PathBuf) -> Self {
        Self {
            file: LockFile::new(file),
            path,
            info_path: None,
            outside: None,
            info: PartInfo::default(),
            hasher: Hasher::new(),
            is_resumed: false,
        }
    }

    /// Why it is not in the cache, if it is not.
    pub(super) fn outside(&self) -> Option<&io::Error> {
        self.outside.as_ref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes have come.
    pub(super) fn bytes(&self) -> u64 {
        self.hasher.bytes()
    }

    /// The digest of the bytes so far.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Drops the bytes so far.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = Hasher::new();
        self.is_resumed = false;
        Ok(())
    }

    /// Notes which URL the bytes belong to, for a later run.
    pub(super) fn set_info(&mut self, info: PartInfo) -> io::Result<()> {
        if let Some(path) = self.info_path.as_ref().filter(|_| self.info != info) {
            write_json(path, &info)?;
        }
        self.info = info;
        Ok(())
    }

    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.hasher.bytes()))?;
        self.file.write_all(data)?;
        self.hasher.update(data);
        Ok(())
    }

    /// Gives the part its final name, if it is in the cache; the file is at its start.
    pub(super) fn finish(mut self, path: &Path) -> io::Result<File> {
        if self.outside.is_some() {
            self.file.rewind()?;
            return self.file.try_clone();
        }
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        self.file.rewind()?;
        fs::rename(&self.path, path)?;
        self.delete_info()?;
        // Whoever waits for the lock, given up now, finds that the name is gone.
        self.file.try_clone()
    }

    /// Deletes the part.
    pub(super) fn discard(self) -> io::Result<()> {
        if self.outside.is_some() {
            return Ok(());
        }
        fs::remove_file(&self.path)?;
        self.delete_info()
    }

    /// Leaves the part for a later run, if a later run can find it.
    pub(super) fn leave(self) -> io::Result<()> {
        if self.info_path.is_none() || self.bytes() == 0 {
            return self.discard();
        }
        Ok(())
    }

    fn delete_info(&self) -> io::Result<()> {
        let deleted = self.info_path.as_ref().map(fs::remove_file);
        match deleted {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens and locks the file at `path`; `None` if another process has it.
fn lock(path: &Path) -> io::Result<Option<LockFile<File>>> {
    loop {
        let file = LockFile::new(open_own(path)?);
        if file.try_lock()? == LockAttempt::Busy {
            return Ok(None);
        }
        // Another process may have finished, and so renamed, this file before it was locked.
        let locked = file.metadata()?;
        match fs::metadata(path) {
            Ok(named) if (named.dev(), named.ino()) == (locked.dev(), locked.ino()) => {
                return Ok(Some(file));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}
