//! Who put the files of the pool: a journal, `pool-owners.jsonl`, a line for each file, project and token.
//!
//! A file has an owner for each project that put it; it goes when the last of them lets it go. What
//! a project or a token has in the pool is counted, and bounded. Files of versions that kept no journal
//! have no owner.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;
use serde::{Deserialize, Serialize};

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

/// What the journal comes to.
#[derive(Default)]
struct Books {
    files: HashMap<Digest, Owned>,
    /// Each owner once, since files are many.
    known: HashSet<Arc<Owner>>,
    by_project: HashMap<ProjectName, u64>,
    by_token: HashMap<String, u64>,
    claims: usize,
}

struct Owned {
    bytes: u64,
    owners: Vec<Arc<Owner>>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    digest: Digest,
    bytes: u64,
    #[serde(flatten)]
    owner: Owner,
    #[serde(default, skip_serializing_if = "is_false")]
    gone: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(gone: &bool) -> bool {
    !gone
}

impl Owners {
    /// Reads the journal at `path`, which need not exist yet. A last line that was cut short by a crash
    /// does not count.
    pub fn open(path: PathBuf, quotas: Quotas) -> Result<Self, PoolError> {
        let open = || {
            let mut options = File::options();
            let mut journal = options.read(true).append(true).create(true).open(&path)?;
            let (books, lines, whole_bytes) = read(&journal)?;
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

/// The books of a journal, how many lines it has, and how many bytes whole lines take.
fn read(journal: &File) -> io::Result<(Books, usize, u64)> {
    let mut books = Books::default();
    let (mut lines, mut whole_bytes) = (0, 0);
    let mut reader = BufReader::new(journal);
    let mut text = Vec::new();
    loop {
        text.clear();
        let count = reader.read_until(b'\n', &mut text)?;
        if text.last() != Some(&b'\n') {
            return Ok((books, lines, whole_bytes));
        }
        books.enter(&serde_json::from_slice(&text)?);
        lines += 1;
        whole_bytes += count as u64;
    }
}

impl Books {
    fn has(&self, digest: &Digest, owner: &Owner) -> bool {
        let file = self.files.get(digest);
        file.is_some_and(|file| file.owners.iter().any(|known| **known == *owner))
    }

    fn check(
        &self,
        digest: &Digest,
        bytes: u64,
        owner: &Owner,
        quotas: Quotas,
    ) -> Result<(), OverQuota> {
        let owners = self.files.get(digest).map(|owned| &owned.owners);
        let counts = |same: &dyn Fn(&Owner) -> bool| {
            owners.is_some_and(|owners| owners.iter().any(|known| same(known)))
        };
        let fits = |held: Option<&u64>, allowed: Option<u64>| {
            allowed.filter(|allowed| held.copied().unwrap_or(0).saturating_add(bytes) > *allowed)
        };
        if let Some(project) = &owner.project
            && !counts(&|known| known.project.as_ref() == Some(project))
            && let Some(allowed_bytes) = fits(self.by_project.get(project), quotas.of_project)
        {
            return Err(OverQuota {
                whose: format!("the project {project}"),
                allowed_bytes,
                setting: "max_pool_bytes_per_project",
            });
        }
        if !counts(&|known| known.token == owner.token)
            && let Some(allowed_bytes) = fits(self.by_token.get(&owner.token), quotas.of_token)
        {
            return Err(OverQuota {
                whose: format!("the token {}", owner.token),
                allowed_bytes,
                setting: "max_pool_bytes_per_token",
            });
        }
        Ok(())
    }

    /// Takes a line of the journal. Bytes count once for a project and once for a token, however often
    /// they put a file.
    fn enter(&mut self, line: &Line) {
        let owner = &line.owner;
        if self.has(&line.digest, owner) != line.gone {
            return;
        }
        let file = self.files.entry(line.digest).or_insert_with(|| Owned {
            bytes: line.bytes,
            owners: Vec::new(),
        });
        if line.gone {
            file.owners.retain(|known| **known != *owner);
        }
        let others = &file.owners;
        let new_project = others.iter().all(|known| known.project != owner.project);
        let new_token = others.iter().all(|known| known.token != owner.token);
        let bytes = file.bytes;
        let change = |held: &mut u64| {
            *held = if line.gone {
                held.saturating_sub(bytes)
            } else {
                held.saturating_add(bytes)
            };
        };
        if let Some(project) = owner.project.as_ref().filter(|_| new_project) {
            change(self.by_project.entry(project.clone()).or_default());
        }
        if new_token {
            change(self.by_token.entry(owner.token.clone()).or_default());
        }
        if !line.gone {
            let known = self.known.get(owner).cloned();
            let known = known.unwrap_or_else(|| Arc::new(owner.clone()));
            self.known.insert(Arc::clone(&known));
            file.owners.push(known);
            self.claims += 1;
            return;
        }
        self.claims -= 1;
        if file.owners.is_empty() {
            self.files.remove(&line.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(project: &str, token: &str) -> Owner {
        Owner {
            project: Some(project.parse().unwrap()),
            token: token.to_owned(),
        }
    }

    fn open(directory: &Path, of_project: u64, of_token: u64) -> Owners {
        let quotas = Quotas {
            of_project: Some(of_project),
            of_token: Some(of_token),
        };
        Owners::open(directory.join("owners.jsonl"), quotas).unwrap()
    }

    #[test]
    fn a_file_goes_with_its_last_owner() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (owner("a", "1"), owner("b", "1"));
        let file = Digest::of(b"file");
        let is_of = |owners: &Owners, owner: &Owner| owners.has(&file, |known| known == owner);
        let owners = open(directory.path(), 10, 10);
        assert_eq!(is_of(&owners, &a), None);
        let unknown = owners.release(&file, None).unwrap();
        assert_eq!(unknown, Released::Unknown);
        for owner in [&a, &b, &a] {
            owners.claim(&file, 10, owner).unwrap().unwrap();
        }
        drop(owners);
        let owners = open(directory.path(), 10, 10);
        assert_eq!(
            (is_of(&owners, &a), is_of(&owners, &b)),
            (Some(true), Some(true))
        );
        let release = |project: &str| {
            let project = project.parse().unwrap();
            owners.release(&file, Some(&project)).unwrap()
        };
        assert_eq!(release("c"), Released::Foreign);
        assert_eq!(release("a"), Released::Shared);
        assert_eq!(release("a"), Released::Foreign);
        assert_eq!(is_of(&owners, &a), Some(false));
        assert_eq!(release("b"), Released::Unowned);
        assert_eq!(release("b"), Released::Unknown);
    }

    #[test]
    fn quotas_count_each_file_once() {
        let directory = tempfile::tempdir().unwrap();
        let owners = open(directory.path(), 10, 15);
        let digest = |name: &str| Digest::of(name.as_bytes());
        let claim =
            |name: &str, bytes, owner: &Owner| owners.claim(&digest(name), bytes, owner).unwrap();
        let (a, b) = (owner("a", "1"), owner("b", "1"));
        claim("x", 8, &a).unwrap();
        claim("x", 8, &a).unwrap();
        claim("x", 8, &owner("a", "2")).unwrap();
        let over = claim("y", 3, &a).unwrap_err();
        assert_eq!(over.setting, "max_pool_bytes_per_project");
        claim("y", 7, &b).unwrap();
        let over = claim("z", 1, &b).unwrap_err();
        assert_eq!(over.setting, "max_pool_bytes_per_token");
        // What goes makes room.
        owners.release(&digest("x"), a.project.as_ref()).unwrap();
        claim("y", 3, &a).unwrap();
    }

    #[test]
    fn a_journal_is_read_up_to_a_crash_and_written_anew_when_it_is_long() {
        let directory = tempfile::tempdir().unwrap();
        let owners = open(directory.path(), u64::MAX, u64::MAX);
        let a = owner("a", "1");
        owners.claim(&Digest::of(b"stays"), 1, &a).unwrap().unwrap();
        drop(owners);
        let path = directory.path().join("owners.jsonl");
        let whole = std::fs::read(&path).unwrap();
        let mut comes_and_goes = Vec::new();
        for gone in [false, true] {
            let digest = Digest::of(b"goes");
            let owner = a.clone();
            let line = Line {
                digest,
                bytes: 1,
                owner,
                gone,
            };
            comes_and_goes.extend(serde_json::to_vec(&line).unwrap());
            comes_and_goes.push(b'\n');
        }
        let mut long = whole.clone();
        long.extend(comes_and_goes.repeat(SPARE_LINES));
        long.extend(&whole[..whole.len() / 2]);
        std::fs::write(&path, &long).unwrap();
        let owners = open(directory.path(), 1, 1);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert_eq!(owners.has(&Digest::of(b"stays"), |_| true), Some(true));
        assert_eq!(owners.has(&Digest::of(b"goes"), |_| true), None);
        owners
            .claim(&Digest::of(b"more"), 1, &owner("b", "2"))
            .unwrap()
            .unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines.lines().count(), 2);
    }
}
