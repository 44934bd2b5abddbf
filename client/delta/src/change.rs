//! One path that changed, and where its new content comes from.

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use serde::{Deserialize, Serialize};

use super::entry::IndexEntry;

/// One path that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<IndexEntry>,
    /// What is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<IndexEntry>,
    /// Where a new file's content comes from. Hard links and what only changed its metadata
    /// need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// Where a new file's content comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// A file of the old state has it.
    Old(RelPath),
    /// It is in the delta, whole.
    Whole,
    /// The delta has a patch for this file of the old state.
    Patch(RelPath),
}

/// What kind of change it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Nothing was there.
    New,
    /// It has other content, or is something else.
    Updated,
    /// It is gone.
    Deleted,
    /// The same content was elsewhere, where it is gone.
    Renamed(RelPath),
    /// Only owner, mode, times or attributes are others.
    Metadata,
}

/// What did not change in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDirectory {
    #[serde(rename = "folder")]
    pub directory: RelPath,
    /// The digest over the entries in it (not below) that did not change.
    pub sha256: Digest,
}

impl Change {
    pub fn path(&self) -> RelPath {
        let entry = self.new.as_ref().or(self.old.as_ref());
        entry.map_or_else(RelPath::root, |entry| entry.path.clone())
    }

    /// Whether only metadata is set.
    pub(super) fn is_metadata(&self) -> bool {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => old.is_same_thing(new),
            _ => false,
        }
    }
}
