//! How a run goes about.

#[cfg(test)]
use std::collections::BTreeSet;
use std::path::PathBuf;

use hashget_engine::hint_scope::HintScopes;
use hashget_files::hash_cache::HashCache;
#[cfg(test)]
use hashget_words::rel_path::RelPath;
use jiff::Zoned;

/// How a run goes about.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Makes a backup even if nothing changed.
    pub force: bool,
    /// Begins a new series.
    pub full: bool,
    /// Where digests are remembered.
    pub hash_cache: Option<HashCache>,
    /// What the user says about the backup.
    pub comment: Option<String>,
    /// The time of the run.
    pub now: Zoned,
    /// An empty source is meant, and counts for the rules like any other.
    pub allow_empty: bool,
    /// Makes the destination anew, even if an earlier run knew it.
    pub new_destination: bool,
    /// The directory that remembers which destinations runs of this machine knew; `None` remembers
    /// none.
    pub state: Option<PathBuf>,
    /// What hint files in the source may say something of.
    pub hints: HintScopes,
    /// Files that nobody can read.
    #[cfg(test)]
    pub(crate) broken: BTreeSet<RelPath>,
}
