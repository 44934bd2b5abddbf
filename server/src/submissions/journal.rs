//! The directory that the submissions are kept in, one JSON file each.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hashget_api::Submission;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use thiserror::Error;

/// More is not read of a file: no submission is that large.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Who handed a submission in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sender {
    /// The token with this id.
    Token(String),
    /// Somebody without a token, at this address.
    Address(IpAddr),
}

/// A submission as the queue keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    pub(super) submission: Submission,
    /// `None` once it is finished, and of those of versions that did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sender: Option<Sender>,
}

/// The submissions cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot {action} {}", path.display())]
pub(crate) struct JournalError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl JournalError {
    /// What failed, where.
    pub(crate) fn into_parts(self) -> (&'static str, PathBuf, io::Error) {
        (self.action, self.path, self.source)
    }
}

pub(super) struct Journal {
    directory: PathBuf,
}

impl Journal {
    /// Opens the directory, made if need be, and reads what is in it, by number. Unfinished
    /// temporary files are removed, files that make no sense are passed over.
    pub(super) fn open(directory: PathBuf) -> Result<(Self, Vec<Kept>), JournalError> {
        fs::create_dir_all(&directory).map_err(failed("make", &directory))?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed("read", &directory))? {
            let path = entry.map_err(failed("read", &directory))?.path();
            match path.extension() {
                Some(extension) if extension == "json" => match read(&path) {
                    Ok(Some(kept)) => found.push(kept),
                    Ok(None) => tracing::warn!(path = %path.display(), "not a submission"),
                    Err(source) => return Err(failed("read", &path)(source)),
                },
                _ => fs::remove_file(&path).map_err(failed("remove", &path))?,
            }
        }
        found.sort_by_key(|kept| kept.submission.id);
        Ok((Self { directory }, found))
    }

    /// A file for the package of a submission; without a name, so that it never outlives its use.
    pub(super) fn package_file(&self) -> Result<File, JournalError> {
        tempfile::tempfile_in(&self.directory).map_err(failed("write in", &self.directory))
    }

    /// Puts a submission on the disk.
    pub(super) fn save(&self, kept: &Kept) -> Result<(), JournalError> {
        let path = self.path(kept.submission.id);
        let write = || -> io::Result<()> {
            let mut file = NamedTempFile::new_in(&self.directory)?;
            file.write_all(&serde_json::to_vec(kept)?)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Forgets a submission.
    pub(super) fn remove(&self, id: u64) -> Result<(), JournalError> {
        let path = self.path(id);
        fs::remove_file(&path).map_err(failed("remove", &path))
    }

    fn path(&self, id: u64) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }
}

fn read(path: &Path) -> io::Result<Option<Kept>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError {
        action,
        path,
        source,
    }
}
