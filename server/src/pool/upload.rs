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
    bytes: u64,
}

impl Upload {
    pub(super) fn begin(directory: &Path) -> Result<Self, PoolError> {
        let temp = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(directory)
            .map_err(|source| io_error("make a file in", directory, source))?;
        let hasher = Hasher::new();
        Ok(Self {
            temp,
            hasher,
            bytes: 0,
        })
    }

    /// How many bytes have come.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the next bytes of the file, and hashes them.
    pub fn write(&mut self, data: &[u8]) -> Result<(), PoolError> {
        self.hasher.update(data);
        self.bytes += data.len() as u64;
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
        let directory = path.parent().unwrap_or(files);
        let temp = self.temp;
        let keep = || -> io::Result<()> {
            temp.as_file().sync_all()?;
            make_directories(directory)?;
            temp.persist(&path)?;
            sync_directory(directory)
        };
        keep().map_err(|source| io_error("write", &path, source))
    }
}

/// Makes a directory and what it lies in, each on disk before what it holds.
fn make_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let Some(parent) = directory.parent() else {
        return fs::create_dir(directory);
    };
    make_directories(parent)?;
    match fs::create_dir(directory) {
        // Another upload made it; whether its name is on disk is not known.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    sync_directory(parent)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
