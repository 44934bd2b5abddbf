//! `--fanchor`: patterns of files that are anchors regardless of their size.

use hashget_words::rel_path::RelPath;
use regex::bytes::{RegexSet, RegexSetBuilder};
use thiserror::Error;

use hashget_files::tree::{PatternError, PatternSet};

/// Patterns of paths, relative to the package's root, whose files are anchors whatever their
/// size.
///
/// A pattern is one of the language of `docs/patterns.md`, as its name in the options says. The original
/// in fact takes it for a regular expression matched at the path's start, and its users write
/// `.*Makefile`; so a pattern that is a regular expression counts as one, too. A file that
/// matches either way is an anchor: one more of them does no harm.
#[derive(Clone, Debug, Default)]
pub struct AnchorPatterns {
    globs: Vec<PatternSet>,
    regexes: RegexSet,
}

/// Why a text is no pattern.
#[derive(Debug, Error)]
#[error("{pattern:?} is neither a glob nor a regular expression")]
pub struct AnchorPatternError {
    pub pattern: String,
    /// What is wrong with it as a glob.
    pub source: PatternError,
}

impl AnchorPatterns {
    pub fn new(patterns: &[String]) -> Result<Self, AnchorPatternError> {
        const MAX_REGEX_BYTES: usize = 1 << 20;
        let mut globs = Vec::new();
        let mut regexes = Vec::new();
        for pattern in patterns {
            let regex = format!("^(?:{pattern})");
            let is_regex = regex::bytes::Regex::new(&regex).is_ok();
            match PatternSet::new([pattern]) {
                Ok(glob) => globs.push(glob),
                Err(_) if is_regex => {}
                Err(source) => {
                    let pattern = pattern.clone();
                    return Err(AnchorPatternError { pattern, source });
                }
            }
            if is_regex {
                regexes.push(regex);
            }
        }
        Ok(Self {
            globs,
            regexes: RegexSetBuilder::new(&regexes)
                .size_limit(MAX_REGEX_BYTES)
                .build()
                .unwrap_or_default(),
        })
    }

    /// Whether the file at `path` is an anchor by its path.
    pub fn matches(&self, path: &RelPath) -> bool {
        self.globs.iter().any(|glob| glob.selects(path, false))
            || self.regexes.is_match(path.as_bytes())
    }
}
