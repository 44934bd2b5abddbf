//! What came of indexing a directory.

use std::fmt;
use std::time::Duration;

use crate::hint_scope::HintScopes;

/// What came of indexing a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// Packages that the local `HashDB` knew.
    pub local_packages: u64,
    /// Packages whose records came from a hashserver.
    pub pulled_packages: u64,
    /// Packages downloaded and indexed.
    pub new_packages: u64,
    /// Packages that have no URL.
    pub skipped_packages: u64,
    /// Packages that could not be looked up, downloaded or indexed; each was reported.
    pub failed_packages: u64,
    /// Records pulled from hashservers because a file of the directory is an anchor of theirs.
    pub anchor_packages: u64,
    /// Hint files that were not obeyed.
    pub refused_hints: u64,
    /// What those that were obeyed may say something of.
    pub hints: HintScopes,
    /// Files that the walk met.
    pub seen_files: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl IndexStats {
    /// How many packages the heuristics named.
    pub fn total_packages(&self) -> u64 {
        self.local_packages
            + self.pulled_packages
            + self.new_packages
            + self.skipped_packages
            + self.failed_packages
    }
}

/// The line that the original ends indexing with.
impl fmt::Display for IndexStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Indexing done in {:.2}s. {} local + {} pulled + {} new + {} skipped + {} failed \
             = {} total packages",
            self.elapsed.as_secs_f64(),
            self.local_packages,
            self.pulled_packages,
            self.new_packages,
            self.skipped_packages,
            self.failed_packages,
            self.total_packages(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_originals() {
        let stats = IndexStats {
            local_packages: 222,
            anchor_packages: 7,
            elapsed: Duration::from_millis(20),
            ..IndexStats::default()
        };
        assert_eq!(
            stats.to_string(),
            "Indexing done in 0.02s. 222 local + 0 pulled + 0 new + 0 skipped + 0 failed \
             = 222 total packages"
        );
    }
}
