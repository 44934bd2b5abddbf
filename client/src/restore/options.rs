//! What a restore is asked to do.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use hashget_common::rel_path::RelPath;

pub use crate::place::{Overwrite, Owners};

/// What a restore is asked to do.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The restore file, if it is not the one at the target's root. It is never removed.
    pub restore_file: Option<PathBuf>,
    /// Which files are wanted.
    pub selection: Selection,
    /// What becomes of files that are already there.
    pub overwrite: Overwrite,
    /// How owners are set.
    pub owners: Owners,
    /// Whether the archive is trusted with what lends rights.
    pub trust: Trust,
    /// Whether archives inside packages are looked into.
    pub recursive: bool,
    /// Whether the restore file stays when everything has been restored.
    pub keep_restore_file: bool,
    /// Whether every file is forced to disk before it gets its name.
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

/// Whether an archive is trusted with what lends rights: devices, setuid and setgid bits,
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
    /// Nothing that lends rights is restored.
    Never,
}

/// Which files of an archive are wanted; all of them if nothing was added.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    globs: Option<GlobSet>,
    paths: Vec<RelPath>,
}

impl Selection {
    /// Selects what matches any of `globs`, or is one of `paths`, and everything below.
    ///
    /// A glob is matched against the whole path from the root; `*` and `?` do not match `/`, `**`
    /// does.
    pub fn new(globs: &[String], paths: &[RelPath]) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.trim_start_matches("./");
            set.add(
                GlobBuilder::new(glob)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()?,
            );
        }
        Ok(Self {
            globs: (!globs.is_empty()).then(|| set.build()).transpose()?,
            paths: paths.to_vec(),
        })
    }

    /// Whether everything is wanted.
    pub fn is_all(&self) -> bool {
        self.globs.is_none() && self.paths.is_empty()
    }

    /// Whether `path` is wanted.
    pub fn contains(&self, path: &RelPath) -> bool {
        self.is_all()
            || self.paths.iter().any(|folder| path.starts_with(folder))
            || self.globs.as_ref().is_some_and(|globs| {
                let mut at: Option<&Path> = Some(path.as_path());
                while let Some(folder) = at.filter(|folder| !folder.as_os_str().is_empty()) {
                    if globs.is_match(folder) {
                        return true;
                    }
                    at = folder.parent();
                }
                false
            })
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
        let selection = Selection::new(&["usr/*/vim".to_owned()], &[]).unwrap();
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
        let selection = Selection::new(&[], &[path(b"a/\xff")]).unwrap();
        assert!(selection.contains(&path(b"a/\xff")));
        assert!(selection.contains(&path(b"a/\xff/b")));
        assert!(!selection.contains(&path(b"a/\xffb")));
    }
}
