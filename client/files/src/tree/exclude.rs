//! Patterns that say what of a tree is meant, in the one language that all options speak:
//! `docs/patterns.md` describes it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{self, Path};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashget_words::rel_path::{RelPath, display_bytes};
use thiserror::Error;

use super::glob::{Glob, Literal, Unslashed, has_inner_slash};

/// Patterns; the last one that matches decides, and one that begins with `!` undoes those before it.
///
/// They are matched on bytes against paths relative to the tree's root. Clones share the knowledge
/// of which patterns have matched something.
#[derive(Clone, Debug, Default)]
pub struct PatternSet {
    patterns: Vec<Pattern>,
    /// The numbers of patterns without special characters, in order: found at once, however many
    /// there are.
    paths: HashMap<Vec<u8>, Vec<usize>>,
    names: HashMap<Vec<u8>, Vec<usize>>,
    globs: Vec<usize>,
    matched: Arc<[AtomicBool]>,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: Vec<u8>,
    glob: Glob,
    /// Whether it began with `!`.
    undoes: bool,
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
    /// Reads patterns for any tree.
    pub fn new<P: AsRef<[u8]>>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        Self::parse(patterns, Unslashed::AnyDepth, &[])
    }

    /// Reads patterns for the tree at `root`: absolute paths below it are made relative to it.
    pub fn below<P: AsRef<[u8]>>(
        root: &Path,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        Self::parse(patterns, Unslashed::AnyDepth, &spellings(root))
    }

    /// Reads patterns as [`stored`] writes them, and as they were written before it did: without a
    /// slash, they are meant for the root only.
    pub fn of_stored<P: AsRef<[u8]>>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        Self::parse(patterns, Unslashed::InRoot, &[])
    }

    fn parse<P: AsRef<[u8]>>(
        patterns: impl IntoIterator<Item = P>,
        unslashed: Unslashed,
        roots: &[Vec<Vec<u8>>],
    ) -> Result<Self, PatternError> {
        let mut set = Self::default();
        for pattern in patterns {
            let text = pattern.as_ref();
            let (undoes, rest) = match text.strip_prefix(b"!") {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let rest = from_root(rest, roots);
            let glob = Glob::parse(&rest, unslashed, roots).map_err(|reason| PatternError {
                pattern: display_bytes(text).into_owned(),
                reason,
            })?;
            let number = set.patterns.len();
            match glob.literal() {
                Some(Literal::Path(path)) => set.paths.entry(path).or_default().push(number),
                Some(Literal::Name(name)) => set.names.entry(name).or_default().push(number),
                None => set.globs.push(number),
            }
            set.patterns.push(Pattern {
                text: text.to_vec(),
                glob,
                undoes,
            });
        }
        set.matched = set
            .patterns
            .iter()
            .map(|_| AtomicBool::new(false))
            .collect();
        Ok(set)
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether the last pattern that matches `path` itself, and not only a directory above it, selects
    /// it. The root never matches.
    pub fn matches(&self, path: &RelPath, is_directory: bool) -> bool {
        let last = self.last_match(path.as_bytes(), is_directory, true);
        last.is_some_and(|number| !self.patterns[number].undoes)
    }

    /// Whether the last pattern that matches `path` or a directory above it selects it.
    ///
    /// If the first of all patterns begins with `!`, what none matches is selected.
    pub fn selects(&self, path: &RelPath, is_directory: bool) -> bool {
        let bytes = path.as_bytes();
        let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let above = slashes.filter_map(|(end, _)| self.last_match(&bytes[..end], true, true));
        let last = self.last_match(bytes, is_directory, true).max(above.max());
        match last {
            Some(number) => !self.patterns[number].undoes,
            None => self.patterns.first().is_some_and(|first| first.undoes),
        }
    }

    /// The patterns that have matched nothing so far, escaped for showing. Those are passed over that
    /// could match only below a directory which another one selects as a whole.
    pub fn unmatched(&self) -> Vec<String> {
        let numbers = 0..self.patterns.len();
        let unmatched = numbers.filter(|number| {
            !self.matched[*number].load(Ordering::Relaxed) && !self.is_covered(*number)
        });
        let texts = unmatched.map(|number| display_bytes(&self.patterns[number].text).into_owned());
        texts.collect()
    }

    /// Whether no pattern has matched anything so far.
    pub fn is_unmatched(&self) -> bool {
        !self.matched.iter().any(|it| it.load(Ordering::Relaxed))
    }

    fn is_covered(&self, number: usize) -> bool {
        let Pattern { glob, undoes, .. } = &self.patterns[number];
        let mut prefix = glob.literal_prefix();
        if matches!(glob.literal(), Some(Literal::Path(_))) {
            prefix.pop();
        }
        let mut above = (1..=prefix.len()).map(|length| prefix[..length].join(&b'/'));
        !undoes
            && above.any(|directory| {
                let last = self.last_match(&directory, true, false);
                last.is_some_and(|number| !self.patterns[number].undoes)
            })
    }

    /// The number of the last pattern that matches; all that match are remembered if `remember`.
    fn last_match(&self, path: &[u8], is_directory: bool, remember: bool) -> Option<usize> {
        if path.is_empty() || self.patterns.is_empty() {
            return None;
        }
        let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let name = components.last().and_then(|name| self.names.get(*name));
        let literals = [self.paths.get(path), name];
        let literals = literals.into_iter().flatten().flatten().copied();
        let literals = literals
            .filter(|number| is_directory || !self.patterns[*number].glob.only_directories());
        let globs = self.globs.iter().copied().filter(|number| {
            let glob = &self.patterns[*number].glob;
            glob.matches(&components, is_directory)
        });
        let matching = literals.chain(globs).inspect(|number| {
            // Most have matched before, and threads would fight for the memory.
            if remember && !self.matched[*number].load(Ordering::Relaxed) {
                self.matched[*number].store(true, Ordering::Relaxed);
            }
        });
        matching.max()
    }
}

/// A pattern for the tree at `root` as it is stored, so that it means the same in any place, and for
/// programs that look for patterns without a slash in the root only.
pub fn stored(root: &Path, pattern: &[u8]) -> Vec<u8> {
    let (undo, rest) = match pattern.strip_prefix(b"!") {
        Some(rest) => (&b"!"[..], rest),
        None => (&b""[..], pattern),
    };
    let rest = from_root(rest, &spellings(root));
    if has_inner_slash(&rest) || rest.starts_with(b"/") || rest.is_empty() {
        return [undo, &rest].concat();
    }
    [undo, b"**/", &rest].concat()
}

/// The pattern without the path of one of `roots`, if it begins with that as it is, special characters
/// not escaped.
fn from_root<'p>(pattern: &'p [u8], roots: &[Vec<Vec<u8>>]) -> Cow<'p, [u8]> {
    let below = roots
        .iter()
        .filter(|root| !root.is_empty())
        .filter_map(|root| {
            let rest = pattern.strip_prefix(b"/")?;
            let rest = rest.strip_prefix(&root.join(&b'/')[..])?;
            rest.starts_with(b"/").then_some(rest)
        });
    // What is left begins with a slash, and must not be taken for a whole path once more.
    let shortest = below.min_by_key(|rest| rest.len());
    shortest.map_or(Cow::Borrowed(pattern), |rest| [b".", rest].concat().into())
}

/// The absolute paths that lead to `root`, as their components: as it was given, and without links.
fn spellings(root: &Path) -> Vec<Vec<Vec<u8>>> {
    let given = path::absolute(root).ok();
    let real = root.canonicalize().ok();
    let paths = [given, real].into_iter().flatten();
    let components = paths.filter_map(|path| {
        let names = path
            .components()
            .filter(|it| *it != path::Component::RootDir);
        let names = names.map(|name| match name {
            path::Component::Normal(name) => Some(name.as_encoded_bytes().to_vec()),
            _ => None,
        });
        names.collect()
    });
    components.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn literal_and_glob_patterns_work_alike() {
        let set = PatternSet::new(["a/b", "only/", "*.o"]).unwrap();
        assert!(set.matches(&path("a/b"), false));
        assert!(!set.matches(&path("x/a/b"), false), "anchored");
        assert!(set.matches(&path("x/only"), true) && !set.matches(&path("only"), false));
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
    fn the_last_that_matches_decides() {
        let set = PatternSet::new(["*.log", "!keep.log", "/keep.log"]).unwrap();
        assert!(set.matches(&path("a/x.log"), false));
        assert!(!set.matches(&path("a/keep.log"), false));
        assert!(set.matches(&path("keep.log"), false));
        let literal = PatternSet::new(["\\!a"]).unwrap();
        assert!(literal.matches(&path("!a"), false));
    }

    #[test]
    fn directories_above_count_for_selecting() {
        let set = PatternSet::new(["usr", "!usr/share", "vim"]).unwrap();
        for (name, wanted) in [
            ("usr/bin/x", true),
            ("usr/share/doc/x", false),
            ("usr/share/vim/x", true),
            ("bin/x", false),
        ] {
            assert_eq!(set.selects(&path(name), false), wanted, "{name}");
        }
        let all_but = PatternSet::new(["!*.log"]).unwrap();
        assert!(all_but.selects(&path("a"), false) && !all_but.selects(&path("a/b.log"), false));
    }

    #[test]
    fn what_matched_nothing_is_known() {
        let set = PatternSet::new(["a", "a/b", "none", "*.o", "!a/x"]).unwrap();
        let shared = set.clone();
        assert!(set.is_unmatched());
        assert!(shared.matches(&path("a"), true) && shared.matches(&path("c/d.o"), false));
        assert!(!set.is_unmatched());
        // Nobody asks for what lies below the directory; but what was to be kept there is not.
        assert_eq!(set.unmatched(), ["none", "!a/x"]);
    }

    #[test]
    fn absolute_paths_are_meant_below_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        let real = directory.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        for spelling in [&link, &real] {
            let pattern = spelling.join("a/b").into_os_string().into_encoded_bytes();
            let set = PatternSet::below(&link, [pattern]).unwrap();
            assert!(set.matches(&path("a/b"), false), "{}", spelling.display());
        }
        let outside = PatternSet::below(&link, ["/elsewhere/a"]).unwrap();
        assert!(!outside.matches(&path("a"), false));
        let whole = PatternSet::below(Path::new("/"), ["/a/b"]).unwrap();
        assert!(whole.matches(&path("a/b"), false));
    }

    #[test]
    fn stored_patterns_keep_their_meaning() {
        for (pattern, kept) in [
            ("tmp", "**/tmp"),
            ("tmp/", "**/tmp/"),
            ("!a", "!**/a"),
            ("/tmp", "/tmp"),
            ("a/b", "a/b"),
        ] {
            let root = Path::new("/srv/www");
            assert_eq!(stored(root, pattern.as_bytes()), kept.as_bytes());
            let (now, later) = (
                PatternSet::new([pattern]).unwrap(),
                PatternSet::of_stored([kept]).unwrap(),
            );
            for name in ["tmp", "x/tmp", "a/b", "x/a/b"] {
                assert_eq!(
                    now.matches(&path(name), true),
                    later.matches(&path(name), true)
                );
            }
        }
        let odd = Path::new("/nowhere/a[1]");
        assert_eq!(stored(odd, b"!/nowhere/a[1]/tmp"), b"!./tmp");
        let old = PatternSet::of_stored(["tmp"]).unwrap();
        assert!(old.matches(&path("tmp"), true) && !old.matches(&path("a/tmp"), true));
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        let error = PatternSet::new(["fine", "[oops"]).unwrap_err();
        assert!(error.to_string().contains("[oops"), "{error}");
    }
}
