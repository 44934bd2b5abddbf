//! What the journal comes to: who has which file, and how much of the pool that is.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;
use serde::{Deserialize, Serialize};

use super::{OverQuota, Owner, Quotas};

/// What the journal comes to.
#[derive(Default)]
pub(super) struct Books {
    pub(super) files: HashMap<Digest, Owned>,
    /// Each owner once, since files are many.
    known: HashSet<Arc<Owner>>,
    by_project: HashMap<ProjectName, u64>,
    by_token: HashMap<String, u64>,
    pub(super) claims: usize,
}

pub(super) struct Owned {
    pub(super) bytes: u64,
    pub(super) owners: Vec<Arc<Owner>>,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    #[serde(flatten)]
    pub(super) owner: Owner,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) gone: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(gone: &bool) -> bool {
    !gone
}

/// The books of a journal, how many lines it has, and how many bytes whole lines take.
pub(super) fn read(journal: &File) -> io::Result<(Books, usize, u64)> {
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
        lines += 1;
        let line = serde_json::from_slice(&text).map_err(|error| damaged(lines, &error))?;
        books.enter(&line);
        whole_bytes += count as u64;
    }
}

fn damaged(line: usize, error: &serde_json::Error) -> io::Error {
    let text = format!(
        "line {line} makes no sense ({error}): put a backup of the file in its place, or move it away; then records \
         decide whose the files of the pool are"
    );
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl Books {
    pub(super) fn has(&self, digest: &Digest, owner: &Owner) -> bool {
        let file = self.files.get(digest);
        file.is_some_and(|file| file.owners.iter().any(|known| **known == *owner))
    }

    pub(super) fn check(
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
    pub(super) fn enter(&mut self, line: &Line) {
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
