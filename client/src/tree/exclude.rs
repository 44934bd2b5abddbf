//! Patterns that say what of a tree is meant.
//!
//! Patterns are matched on bytes against the path relative to the packed folder:
//!
//! | pattern | matches |
//! |---|---|
//! | `tmp`, `/tmp`, `./tmp` | `tmp` in the packed folder itself, nowhere else |
//! | `**/tmp` | `tmp` at any depth |
//! | `tmp/` | the same place as `tmp`, but only if it is a folder |
//! | `tmp/*`, `tmp/**` | what is in the folder, but not the folder |
//! | `?`, `*` | one byte, any bytes, but no `/` |
//! | `[a-z]`, `[!a-z]` | one byte that is in, or not in, the range |
//! | `\*` | the character itself |
//!
//! A folder that matches takes all that is below with it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use hashget_common::rel_path::{RelPath, display_bytes};
use thiserror::Error;

use super::glob::Glob;

/// Patterns; something matches the set if it matches one of them.
#[derive(Clone, Debug, Default)]
pub struct PatternSet {
    /// Paths without special characters, with whether they must be folders: found at once,
    /// however many there are.
    literals: HashMap<RelPath, bool>,
    globs: Vec<Glob>,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("pattern {pattern:?} cannot be used: {reason}")]
pub struct PatternError {
    /// The pattern, escaped for showing.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PatternSet {
    /// Reads patterns, as the module describes them.
    pub fn new<P: AsRef<[u8]>>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        let mut set = Self::default();
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let glob = Glob::parse(pattern).map_err(|reason| PatternError {
                pattern: display_bytes(pattern).into_owned(),
                reason,
            })?;
            match glob.literal() {
                Some((path, only_folder)) => {
                    let known = set.literals.entry(path).or_insert(only_folder);
                    *known &= only_folder;
                }
                None => set.globs.push(glob),
            }
        }
        Ok(set)
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.globs.is_empty()
    }

    /// Whether a pattern matches `path` itself. The root never matches.
    pub fn matches(&self, path: &RelPath, is_folder: bool) -> bool {
        if let Some(only_folder) = self.literals.get(path)
            && (is_folder || !only_folder)
        {
            return true;
        }
        if self.globs.is_empty() || path.is_root() {
            return false;
        }
        let components: Vec<&[u8]> = path.components().collect();
        self.globs
            .iter()
            .any(|glob| glob.matches(&components, is_folder))
    }
}

/// Why a file of patterns cannot be used.
#[derive(Debug, Error)]
#[error("cannot read patterns from {path}")]
pub struct PatternFileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Reads the patterns in a file, one a line. Lines are bytes; empty ones are passed over, and
/// nothing else is special.
pub fn read_pattern_file(path: &Path) -> Result<Vec<Vec<u8>>, PatternFileError> {
    let text = std::fs::read(path).map_err(|source| PatternFileError {
        path: path.to_owned(),
        source,
    })?;
    Ok(text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn literal_and_glob_patterns_work_alike() {
        let set = PatternSet::new(["a/b", "only/", "**/*.o"]).unwrap();
        assert!(set.matches(&path("a/b"), false));
        assert!(!set.matches(&path("x/a/b"), false), "anchored");
        assert!(set.matches(&path("only"), true) && !set.matches(&path("only"), false));
        assert!(set.matches(&path("deep/er/x.o"), false));
        assert!(!set.matches(&RelPath::root(), true));
    }

    #[test]
    fn the_looser_of_two_spellings_counts() {
        for patterns in [["x/", "x"], ["x", "x/"]] {
            let set = PatternSet::new(patterns).unwrap();
            assert!(set.matches(&path("x"), false));
        }
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        let error = PatternSet::new(["fine", "[oops"]).unwrap_err();
        assert!(error.to_string().contains("[oops"), "{error}");
    }

    #[test]
    fn pattern_files_hold_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("patterns");
        std::fs::write(&file, b"#no comment\n\n \xff \r\nlast").unwrap();
        let lines = read_pattern_file(&file).unwrap();
        assert_eq!(lines, [&b"#no comment"[..], b" \xff \r", b"last"]);
        let missing = read_pattern_file(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("none"));
    }
}
