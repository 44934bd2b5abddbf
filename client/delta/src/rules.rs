//! What of a directory an index sees.

use std::path::Path;

use hashget_words::surrogate_escape::{self, EscapedBytes};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::DeltaError;
use hashget_files::tree::{DigestKind, PatternSet, WalkOptions, stored_pattern};

/// What of a directory an index sees. It is kept with the index and the delta, so that every later
/// look at the directory sees the same.
///
/// The rules of `.hashgetignore` files are obeyed always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are members of the format"
)]
pub struct IndexRules {
    /// Patterns of what is left out, as the exclusions of packing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Pattern>,
    /// Whether the rules of `.gitignore` files are obeyed as well.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gitignore: bool,
    /// Whether directories tagged as caches are left empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exclude_caches: bool,
    /// Whether directories of other file systems are left empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub one_file_system: bool,
    /// Whether large files that are nearly all hole are told by their data, as
    /// [`DigestKind::Data`] says. Older indexes and deltas do not say so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub data_digests: bool,
}

/// A pattern, which may be any bytes; always one that means the same whether or not patterns without a
/// slash match at any depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub Vec<u8>);

impl Pattern {
    /// A pattern in the language of `docs/patterns.md`, for the directory `root`.
    pub fn of_user(root: &Path, text: &[u8]) -> Self {
        Self(stored_pattern(root, text))
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        surrogate_escape::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EscapedBytes::deserialize(deserializer).map(|EscapedBytes(bytes)| Self(bytes))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl IndexRules {
    /// What the digests of files are made of.
    pub(super) fn digest_kind(&self) -> DigestKind {
        if self.data_digests {
            DigestKind::Data
        } else {
            DigestKind::Content
        }
    }

    /// The rules for a walk.
    pub(super) fn walk_options(&self) -> Result<WalkOptions, DeltaError> {
        let patterns = self.exclude.iter().map(|Pattern(bytes)| bytes);
        Ok(WalkOptions {
            exclude: PatternSet::of_stored(patterns)?,
            exclude_caches: self.exclude_caches,
            exclude_ignored: self.gitignore,
            exclude_hashgetignored: true,
            one_file_system: self.one_file_system,
            numeric_owner: true,
            ..WalkOptions::default()
        })
    }
}
