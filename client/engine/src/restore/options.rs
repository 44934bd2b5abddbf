//! What a restore is asked to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashget_words::rel_path::RelPath;

pub use hashget_files::place::{Overwrite, Owners};
use hashget_files::tree::{PatternError, PatternSet};

/// What a restore is asked to do.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The restore file, if it is not the one at the target's root. It is never removed.
    pub restore_file: Option<PathBuf>,
    /// The files to restore.
    pub selection: Selection,
    /// What to do with files that exist in the target.
    pub overwrite: Overwrite,
    /// How owners are set.
    pub owners: Owners,
    /// Whether setuid bits, devices, capabilities and the like are restored.
    pub trust: Trust,
    /// Whether archives inside packages are looked into.
    pub recursive: bool,
    /// Whether to keep the restore file after a complete restore.
    pub keep_restore_file: bool,
    /// Whether every file is synced to disk before it gets its name.
    pub fsync: bool,
    /// How many packages are fetched and read at the same time.
    pub jobs: usize,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            restore_file: None,
            selection: Selection::default(),
            overwrite: Overwrite::default(),
            owners: Owners::default(),
            trust: Trust::default(),
            recursive: false,
            keep_restore_file: false,
            fsync: false,
            jobs: 4,
        }
    }
}

/// Whether an archive may restore what grants rights: devices, setuid and setgid bits,
/// capabilities and other `security.*` and `trusted.*` attributes, and the metadata of the root
/// directory. What is left out is counted and named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// It is restored as it is.
    #[default]
    Always,
    /// Trusted if the archive, or the restore file of a directory, belongs to root or to the user
    /// who restores it.
    ByOwner,
    /// Nothing that grants rights is restored.
    Never,
}

/// The files of an archive to restore; an empty selection means all of them.
///
/// Clones share the record of what has matched so far.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    patterns: PatternSet,
    paths: Vec<RelPath>,
    found: Arc<[AtomicBool]>,
}

impl Selection {
    /// Selects the files that match `patterns` (see `docs/patterns.md`), and `paths` with everything
    /// below them.
    pub fn new<P: AsRef<[u8]>>(patterns: &[P], paths: &[RelPath]) -> Result<Self, PatternError> {
        Ok(Self {
            patterns: PatternSet::new(patterns)?,
            paths: paths.to_vec(),
            found: paths.iter().map(|_| AtomicBool::new(false)).collect(),
        })
    }

    /// Whether everything is wanted.
    pub fn is_all(&self) -> bool {
        self.patterns.is_empty() && self.paths.is_empty()
    }

    /// Whether `path`, which is not a directory, is wanted.
    pub fn contains(&self, path: &RelPath) -> bool {
        self.contains_kind(path, false)
    }

    /// Whether `path` is wanted; `is_directory` says what it is.
    pub fn contains_kind(&self, path: &RelPath, is_directory: bool) -> bool {
        if self.is_all() {
            return true;
        }
        let mut is_named = false;
        for (wanted, found) in self.paths.iter().zip(self.found.iter()) {
            if path.starts_with(wanted) {
                found.store(true, Ordering::Relaxed);
                is_named = true;
            }
        }
        self.patterns.selects(path, is_directory) || is_named
    }

    /// The patterns and paths that have matched nothing so far, escaped for display.
    pub fn unmatched(&self) -> Vec<String> {
        let paths = self.paths.iter().zip(self.found.iter());
        let paths = paths.filter(|(_, found)| !found.load(Ordering::Relaxed));
        let mut unmatched = self.patterns.unmatched();
        unmatched.extend(paths.map(|(path, _)| path.to_string()));
        unmatched
    }

    /// True if the selection is not empty but has matched nothing so far.
    pub fn is_unmatched(&self) -> bool {
        let mut found = self.found.iter();
        !self.is_all()
            && self.patterns.is_unmatched()
            && !found.any(|found| found.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &[u8]) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn nothing_named_selects_everything() {
        assert!(Selection::default().contains(&path(b"any/thing")));
    }

    #[test]
    fn globs_stop_at_slashes_and_take_what_is_below() {
        let selection = Selection::new(&["usr/*/vim"], &[]).unwrap();
        for (name, wanted) in [
            (&b"usr/bin/vim"[..], true),
            (b"usr/share/vim/doc/x", true),
            (b"usr/bin/vimdiff", false),
            (b"usr/a/b/vim", false),
            (b"bin/vim", false),
        ] {
            assert_eq!(selection.contains(&path(name)), wanted, "{name:?}");
        }
    }

    #[test]
    fn paths_are_bytes_and_whole_components() {
        let selection = Selection::new(&[] as &[&str], &[path(b"a/\xff")]).unwrap();
        assert!(selection.contains(&path(b"a/\xff")));
        assert!(selection.contains(&path(b"a/\xff/b")));
        assert!(!selection.contains(&path(b"a/\xffb")));
    }
    #[test]
    fn what_was_not_found_is_known() {
        let selection = Selection::new(&["*.o", "none"], &[path(b"a"), path(b"b")]).unwrap();
        assert!(selection.is_unmatched() && !Selection::default().is_unmatched());
        assert!(selection.contains(&path(b"x/y.o")) && selection.contains(&path(b"b/x")));
        assert!(!selection.is_unmatched());
        assert_eq!(selection.unmatched(), ["none", "a"]);
    }
}
