//! A file that is coming into the pool.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use tempfile::NamedTempFile;

use super::{PoolError, io_error};

/// A file that is coming into the pool, hashed as it comes; gone when dropped.
pub struct Upload {
    temp: NamedTempFile,
    hasher: Hasher,
}

impl Upload {
    pub(super) fn begin(folder: &Path) -> Result<Self, PoolError> {
        let temp = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(|source| io_error("make a file in", folder, source))?;
        let hasher = Hasher::new();
        Ok(Self { temp, hasher })
    }

    /// Adds bytes.
    pub fn write(&mut self, data: &[u8]) -> Result<(), PoolError> {
        self.hasher.update(data);
        self.temp
            .write_all(data)
            .map_err(|source| io_error("write", self.temp.path(), source))
    }

    pub(super) fn keep(self, expected: &Digest, files: &Path) -> Result<(), PoolError> {
        let found = self.hasher.finish();
        if found != *expected {
            let expected = *expected;
            return Err(PoolError::Mismatch { expected, found });
        }
        let path = files.join(expected.sharded_path());
        let folder = path.parent().unwrap_or(files);
        let temp = self.temp;
        let keep = || -> io::Result<()> {
            temp.as_file().sync_all()?;
            make_folders(folder)?;
            temp.persist(&path)?;
            sync_folder(folder)
        };
        keep().map_err(|source| io_error("write", &path, source))
    }
}

/// Makes a folder and what it lies in, each on disk before what it holds.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return fs::create_dir(folder);
    };
    make_folders(parent)?;
    match fs::create_dir(folder) {
        // Another upload made it; whether its name is on disk is not known.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    sync_folder(parent)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
