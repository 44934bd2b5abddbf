//! The contents that are still to be found, shared by all who look for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_common::digest::Digest;
use hashget_common::restore_file::RestoreFile;

/// The contents that are still to be found, each with the files that want it, as indexes into the
/// restore file's `files`.
#[derive(Debug, Default)]
pub(super) struct WantedSet {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_digest: HashMap<Digest, Content>,
    by_size: HashMap<u64, BTreeSet<Digest>>,
    /// Contents of which no size is known.
    unsized_: BTreeSet<Digest>,
}

#[derive(Debug, Default)]
struct Content {
    files: Vec<usize>,
    sizes: BTreeSet<u64>,
}

impl WantedSet {
    /// The set of `files`.
    pub(super) fn new(list: &RestoreFile, files: &[usize]) -> Self {
        let mut state = State::default();
        for number in files {
            let entry = &list.files[*number];
            let content = state.by_digest.entry(entry.sha256).or_default();
            content.files.push(*number);
            content.sizes.extend(entry.size);
            match entry.size {
                Some(size) => state.by_size.entry(size).or_default().insert(entry.sha256),
                None => state.unsized_.insert(entry.sha256),
            };
        }
        Self {
            state: Mutex::new(state),
        }
    }

    /// Whether nothing is wanted any more.
    pub(super) fn is_empty(&self) -> bool {
        self.state().by_digest.is_empty()
    }

    /// How many contents are wanted.
    pub(super) fn len(&self) -> usize {
        self.state().by_digest.len()
    }

    /// Whether this content is wanted.
    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.state().by_digest.contains_key(digest)
    }

    /// A file that may want a content of `size` bytes, the size being unknown if `None`.
    pub(super) fn candidate(&self, size: Option<u64>) -> Option<usize> {
        let state = self.state();
        let digest = match size {
            Some(size) => state
                .by_size
                .get(&size)
                .and_then(BTreeSet::first)
                .or_else(|| state.unsized_.first())?,
            None => state.by_digest.keys().next()?,
        };
        state.by_digest.get(digest)?.files.first().copied()
    }

    /// The size of the largest content that is wanted, as far as known.
    pub(super) fn largest(&self) -> u64 {
        let state = self.state();
        if state.unsized_.is_empty() {
            state.by_size.keys().max().copied().unwrap_or(0)
        } else {
            u64::MAX
        }
    }

    /// Takes a content out of the set: whoever gets its files places it.
    pub(super) fn claim(&self, digest: &Digest) -> Option<Vec<usize>> {
        let mut state = self.state();
        let content = state.by_digest.remove(digest)?;
        state.unsized_.remove(digest);
        for size in content.sizes {
            if let Some(digests) = state.by_size.get_mut(&size) {
                digests.remove(digest);
                if digests.is_empty() {
                    state.by_size.remove(&size);
                }
            }
        }
        Some(content.files)
    }

    /// Takes one file out, because nothing can be placed there.
    pub(super) fn give_up(&self, digest: &Digest, file: usize) {
        let mut state = self.state();
        let Some(content) = state.by_digest.get_mut(digest) else {
            return;
        };
        content.files.retain(|number| *number != file);
        let nobody = content.files.is_empty();
        drop(state);
        if nobody {
            self.claim(digest);
        }
    }

    /// What is still wanted, sorted.
    pub(super) fn digests(&self) -> Vec<Digest> {
        let mut digests: Vec<_> = self.state().by_digest.keys().copied().collect();
        digests.sort_unstable();
        digests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
