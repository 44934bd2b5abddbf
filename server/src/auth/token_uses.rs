//! When each token was last used: kept in memory, written to `token-uses.json` now and then.
//!
//! It is a help for people, nothing depends on it: a crash may lose the last minute.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// By a token's id the second of its last use.
type Uses = BTreeMap<String, i64>;

/// When each token was last used.
pub struct TokenUses {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    uses: Uses,
    is_changed: bool,
}

impl TokenUses {
    /// What the file at `path` says. One that is missing or damaged says nothing.
    pub fn open(path: PathBuf) -> Self {
        let read = fs::read(&path).unwrap_or_default();
        let uses = serde_json::from_slice(&read).unwrap_or_default();
        let state = Mutex::new(State {
            uses,
            is_changed: false,
        });
        Self { path, state }
    }

    /// Notes that a token is used now.
    pub fn note(&self, id: &str) {
        let now = Timestamp::now().as_second();
        let mut state = self.lock();
        match state.uses.get_mut(id) {
            Some(last) if *last == now => return,
            Some(last) => *last = now,
            None => {
                state.uses.insert(id.to_owned(), now);
            }
        }
        state.is_changed = true;
    }

    /// When a token was last used, to the second.
    pub fn last_use(&self, id: &str) -> Option<Timestamp> {
        let second = self.lock().uses.get(id).copied()?;
        Timestamp::from_second(second).ok()
    }

    /// Writes the file if something is new. Of tokens that are not in `known` nothing is kept.
    pub fn save(&self, known: impl Fn(&str) -> bool) -> io::Result<()> {
        let text = {
            let mut state = self.lock();
            if !state.is_changed {
                return Ok(());
            }
            state.uses.retain(|id, _| known(id));
            state.is_changed = false;
            serde_json::to_vec(&state.uses)?
        };
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut temp = tempfile::NamedTempFile::new_in(directory)?;
        temp.write_all(&text)?;
        temp.persist(&self.path)?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_outlive_the_process_and_revoked_tokens_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token-uses.json");
        let uses = TokenUses::open(path.clone());
        uses.note("a");
        uses.note("b");
        uses.save(|id| id == "a").unwrap();
        let again = TokenUses::open(path.clone());
        assert!(again.last_use("a").is_some());
        assert_eq!(again.last_use("b"), None);
        fs::write(&path, "{").unwrap();
        assert_eq!(TokenUses::open(path).last_use("a"), None);
    }
}
