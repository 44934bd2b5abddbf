//! Who put the files of the pool: a journal, `pool-owners.jsonl`, a line for each file, project and token.
//!
//! A file has an owner for each project that put it; it goes when the last of them lets it go. What
//! a project or a token has in the pool is counted, and bounded. Files of versions that kept no journal
//! have no owner.

mod books;

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;
use serde::{Deserialize, Serialize};

use self::books::{Books, Line};
use super::{PoolError, io_error};

/// The journal is written anew when it has more lines than this beyond twice those that count.
const SPARE_LINES: usize = 1_000;

/// How much of the pool may belong to one project, and to one token, in bytes; `None`: any number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// For each project.
    pub of_project: Option<u64>,
    /// For each token.
    pub of_token: Option<u64>,
}

/// Who put a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The project; `None` where a token of many projects named none.
    pub project: Option<ProjectName>,
    /// The id of the token.
    pub token: String,
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// `the project NAME` or `the token ID`.
    pub whose: String,
    /// How many bytes of the pool it may have.
    pub allowed_bytes: u64,
    /// The name of the setting.
    pub setting: &'static str,
}

/// What became of a claim to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// Others have it still.
    Shared,
    /// Nobody has it any more.
    Unowned,
    /// It did not belong to the project.
    Foreign,
    /// No project is known to have put it.
    Unknown,
}

/// The owners of all files.
pub struct Owners {
    path: PathBuf,
    quotas: Quotas,
    held: Mutex<Held>,
}

struct Held {
    journal: File,
    lines: usize,
    books: Books,
}

impl Owners {
    /// Reads the journal at `path`, which need not exist yet. A last line that was cut short by a crash
    /// does not count.
    pub fn open(path: PathBuf, quotas: Quotas) -> Result<Self, PoolError> {
        let open = || {
            let mut options = File::options();
            let mut journal = options
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            let (books, lines, whole_bytes) = books::read(&journal)?;
            journal.set_len(whole_bytes)?;
            journal.seek(io::SeekFrom::End(0))?;
            Ok(Held {
                journal,
                lines,
                books,
            })
        };
        let held = open().map_err(|source| io_error("read", &path, source))?;
        let owners = Self {
            path,
            quotas,
            held: Mutex::new(held),
        };
        owners.compact(&mut owners.lock())?;
        Ok(owners)
    }

    /// Whether `project` put a file; `None` if nobody is known to have.
    pub fn has(&self, digest: &Digest, is_meant: impl Fn(&Owner) -> bool) -> Option<bool> {
        let held = self.lock();
        let owned = held.books.files.get(digest)?;
        Some(owned.owners.iter().any(|owner| is_meant(owner)))
    }

    /// Whether there is room for a file of `bytes` more of this owner.
    pub fn check(&self, digest: &Digest, bytes: u64, owner: &Owner) -> Result<(), OverQuota> {
        self.lock().books.check(digest, bytes, owner, self.quotas)
    }

    /// Notes that `owner` put a file; on disk when it returns.
    pub fn claim(
        &self,
        digest: &Digest,
        bytes: u64,
        owner: &Owner,
    ) -> Result<Result<(), OverQuota>, PoolError> {
        let mut held = self.lock();
        if let Err(over) = held.books.check(digest, bytes, owner, self.quotas) {
            return Ok(Err(over));
        }
        if held.books.has(digest, owner) {
            return Ok(Ok(()));
        }
        let line = Line {
            digest: *digest,
            bytes,
            owner: owner.clone(),
            gone: false,
        };
        self.write(&mut held, &[line])?;
        Ok(Ok(()))
    }

    /// Lets go of what `project` put, or of all that anybody did.
    pub fn release(
        &self,
        digest: &Digest,
        project: Option<&ProjectName>,
    ) -> Result<Released, PoolError> {
        let mut held = self.lock();
        let Some(owned) = held.books.files.get(digest) else {
            return Ok(Released::Unknown);
        };
        let is_meant = |owner: &&Arc<Owner>| project.is_none() || owner.project.as_ref() == project;
        let meant: Vec<Arc<Owner>> = owned.owners.iter().filter(is_meant).cloned().collect();
        if meant.is_empty() {
            let is_of_project = owned.owners.iter().any(|owner| owner.project.is_some());
            return Ok(if is_of_project {
                Released::Foreign
            } else {
                Released::Unknown
            });
        }
        let others = owned.owners.len() - meant.len();
        let line = |owner: &Arc<Owner>| Line {
            digest: *digest,
            bytes: owned.bytes,
            owner: Owner::clone(owner),
            gone: true,
        };
        let lines: Vec<Line> = meant.iter().map(line).collect();
        self.write(&mut held, &lines)?;
        Ok(if others == 0 {
            Released::Unowned
        } else {
            Released::Shared
        })
    }

    fn write(&self, held: &mut Held, lines: &[Line]) -> Result<(), PoolError> {
        let mut text = Vec::new();
        let mut write = || {
            for line in lines {
                serde_json::to_writer(&mut text, line)?;
                text.push(b'\n');
            }
            held.journal.write_all(&text)?;
            held.journal.sync_data()
        };
        write().map_err(|source| io_error("write", &self.path, source))?;
        held.lines += lines.len();
        for line in lines {
            held.books.enter(line);
        }
        self.compact(held)
    }

    /// Writes the journal anew when most of it no longer counts.
    fn compact(&self, held: &mut Held) -> Result<(), PoolError> {
        if held.lines <= held.books.claims * 2 + SPARE_LINES {
            return Ok(());
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let write = || {
            let mut temp = io::BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
            for (digest, owned) in &held.books.files {
                for owner in &owned.owners {
                    let line = Line {
                        digest: *digest,
                        bytes: owned.bytes,
                        owner: Owner::clone(owner),
                        gone: false,
                    };
                    serde_json::to_writer(&mut temp, &line)?;
                    temp.write_all(b"\n")?;
                }
            }
            let temp = temp.into_inner()?;
            temp.as_file().sync_all()?;
            temp.persist(&self.path)?;
            File::open(directory)?.sync_all()?;
            File::options().append(true).open(&self.path)
        };
        held.journal = write().map_err(|source| io_error("write", &self.path, source))?;
        held.lines = held.books.claims;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
