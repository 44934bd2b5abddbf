//! Puts directories right at the end.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;

use hashget_words::rel_path::RelPath;
use rustix::fs::{fstat, fsync};
use rustix::io::Errno;

use super::{Directories, State, of_stat};
use crate::place::journal::Journal;
use crate::place::metadata::{Applied, apply};

impl Directories<'_> {
    /// Puts every directory right, the deepest first. Just before the root, `last` may still change
    /// things in it. Tells what could not be done.
    pub(in crate::place) fn finish(
        &self,
        sync: bool,
        last: impl FnOnce() -> io::Result<()>,
    ) -> Vec<(RelPath, Applied)> {
        let mut state = self.state();
        let mut outcome = Vec::new();
        let paths: BTreeSet<_> = state
            .before
            .keys()
            .chain(state.wanted.keys())
            .cloned()
            .collect();
        for path in paths.iter().rev().filter(|path| !path.is_root()) {
            outcome.extend(
                self.put_right(&state, path, sync)
                    .map(|a| (path.clone(), a)),
            );
        }
        let root = RelPath::root();
        // Removing the journal changes the root, too.
        if let Ok(stat) = fstat(self.target.root()) {
            state
                .before
                .entry(root.clone())
                .or_insert_with(|| of_stat(&stat));
        }
        state.journal = None;
        for done in [Journal::remove(self.target), last()] {
            if let Err(error) = done {
                let failed = Applied {
                    owner_unset: false,
                    failures: vec![format!("cannot remove hashget's own files: {error}")],
                };
                outcome.push((root.clone(), failed));
            }
        }
        outcome.extend(
            self.put_right(&state, &root, sync)
                .map(|a| (root.clone(), a)),
        );
        state.ready.clear();
        state.last = None;
        state.before.clear();
        state.opened_up.clear();
        outcome
    }

    fn put_right(&self, state: &State, path: &RelPath, sync: bool) -> Option<Applied> {
        let before = state.before.get(path);
        let mut wanted = state.wanted.get(path).cloned().unwrap_or_default();
        if let Some(before) = before {
            wanted.atime = wanted.atime.or(before.atime);
            wanted.mtime = wanted.mtime.or(before.mtime);
            if state.opened_up.contains(path) {
                wanted.mode = wanted.mode.or(before.mode);
            }
        }
        let directory = match self.open_along(path) {
            Ok(directory) => directory,
            // Nothing was to be placed there, or that failure was told already.
            Err(_) if before.is_none() => return None,
            Err(error) => {
                let failures = vec![format!("cannot put the directory's times right: {error}")];
                return Some(Applied {
                    owner_unset: false,
                    failures,
                });
            }
        };
        let mut applied = apply(directory.as_fd(), &wanted);
        if sync && state.ready.contains(path) {
            match fsync(&directory) {
                Ok(()) | Err(Errno::BADF | Errno::INVAL) => {}
                Err(error) => applied
                    .failures
                    .push(format!("cannot force the directory to disk: {error}")),
            }
        }
        (applied != Applied::default()).then_some(applied)
    }
}
