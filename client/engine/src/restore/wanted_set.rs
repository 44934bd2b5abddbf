//! The contents that are still to be found, shared by all who look for them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::restore_file::RestoreFile;

/// The contents that are still to be found, each with the files that want it, as indexes into the
/// restore file's `files`.
#[derive(Debug, Default)]
pub(super) struct WantedSet {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_digest: HashMap<Digest, Vec<usize>>,
    /// Wanted contents by size; claimed ones are dropped when a look-up meets them.
    by_size: HashMap<u64, Vec<Digest>>,
    /// Wanted contents of unknown size; likewise.
    unsized_: Vec<Digest>,
}

impl WantedSet {
    /// The set of `files`.
    pub(super) fn new(list: &RestoreFile, files: &[usize]) -> Self {
        let mut state = State {
            by_digest: HashMap::with_capacity(files.len()),
            ..State::default()
        };
        for number in files {
            let entry = &list.files[*number];
            let content = state.by_digest.entry(entry.sha256).or_default();
            let first = content.first().map(|first| list.files[*first].size);
            content.push(*number);
            // Where files disagree about the size, nobody knows which is right.
            if first != Some(entry.size) {
                match entry.size {
                    Some(size) => state.by_size.entry(size).or_default().push(entry.sha256),
                    None => state.unsized_.push(entry.sha256),
                }
            }
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
        let mut guard = self.state();
        let state = &mut *guard;
        let wanted = &state.by_digest;
        let Some(size) = size else {
            return wanted.values().next()?.first().copied();
        };
        let sized = state
            .by_size
            .get_mut(&size)
            .and_then(|digests| last_wanted(digests, wanted));
        let digest = sized.or_else(|| last_wanted(&mut state.unsized_, wanted))?;
        wanted.get(&digest)?.first().copied()
    }

    /// The size of the largest content that is wanted, as far as known.
    pub(super) fn largest(&self) -> u64 {
        let mut guard = self.state();
        let state = &mut *guard;
        if last_wanted(&mut state.unsized_, &state.by_digest).is_some() {
            return u64::MAX;
        }
        let wanted = &state.by_digest;
        (state.by_size).retain(|_, digests| last_wanted(digests, wanted).is_some());
        state.by_size.keys().max().copied().unwrap_or(0)
    }

    /// Takes a content out of the set: whoever gets its files places it.
    pub(super) fn claim(&self, digest: &Digest) -> Option<Vec<usize>> {
        self.state().by_digest.remove(digest)
    }

    /// Takes one file out, because nothing can be placed there.
    pub(super) fn give_up(&self, digest: &Digest, file: usize) {
        let mut state = self.state();
        let Some(content) = state.by_digest.get_mut(digest) else {
            return;
        };
        content.retain(|number| *number != file);
        if content.is_empty() {
            state.by_digest.remove(digest);
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

/// The last of `digests` that is still wanted; those behind it go.
fn last_wanted(digests: &mut Vec<Digest>, wanted: &HashMap<Digest, Vec<usize>>) -> Option<Digest> {
    while let Some(digest) = digests.last() {
        if wanted.contains_key(digest) {
            return Some(*digest);
        }
        digests.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use hashget_words::rel_path::RelPath;
    use serde_json::json;

    use super::*;

    fn digest(seed: u8) -> Digest {
        Digest::of(&[seed])
    }

    /// A list of files, each by its content and what the list says of its size.
    fn list(files: &[(u8, Option<u64>)]) -> RestoreFile {
        let entry = |(number, (seed, size)): (usize, &(u8, Option<u64>))| json!({"file": format!("f{number}"), "sha256": digest(*seed), "size": size});
        let files: Vec<_> = files.iter().enumerate().map(entry).collect();
        let list: RestoreFile = serde_json::from_value(json!({ "files": files })).unwrap();
        assert!(list.files.iter().all(|file| file.file != RelPath::root()));
        list
    }

    #[test]
    fn what_was_claimed_is_no_candidate() {
        let list = list(&[(1, Some(5)), (2, Some(5)), (1, Some(5)), (3, Some(9))]);
        let set = WantedSet::new(&list, &[0, 1, 2, 3]);
        assert_eq!((set.len(), set.largest()), (3, 9));
        assert!(set.candidate(Some(4)).is_none());
        assert_eq!(set.claim(&digest(1)), Some(vec![0, 2]));
        assert_eq!(set.claim(&digest(1)), None);
        assert_eq!(set.candidate(Some(5)), Some(1));
        assert_eq!(set.claim(&digest(2)), Some(vec![1]));
        assert_eq!(set.candidate(Some(5)), None);
        assert_eq!(set.candidate(None), Some(3));
        set.claim(&digest(3));
        assert!(set.is_empty());
        assert_eq!((set.candidate(None), set.largest()), (None, 0));
    }

    #[test]
    fn a_content_whose_size_is_disputed_is_found_by_any() {
        let list = list(&[(1, Some(5)), (1, Some(6)), (1, None), (2, Some(7))]);
        let set = WantedSet::new(&list, &[0, 1, 2, 3]);
        for size in [5, 6, 100] {
            assert_eq!(set.candidate(Some(size)), Some(0), "{size}");
        }
        assert_eq!(set.largest(), u64::MAX);
        set.claim(&digest(1));
        for size in [5, 6, 100] {
            assert_eq!(set.candidate(Some(size)), None, "{size}");
        }
        assert_eq!(set.largest(), 7);
    }

    #[test]
    fn files_that_are_given_up_take_their_content_with_them() {
        let list = list(&[(1, Some(5)), (1, Some(5))]);
        let set = WantedSet::new(&list, &[0, 1]);
        set.give_up(&digest(1), 0);
        assert_eq!(set.candidate(Some(5)), Some(1));
        set.give_up(&digest(1), 1);
        assert!(set.is_empty());
        assert_eq!(set.candidate(Some(5)), None);
    }
}
