//! Which old file a new one has its content from.

use std::collections::{BTreeMap, HashMap};

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::change::{Change, Content};
use super::entry::{IndexEntry, IndexFile};

/// The files of the old state, by what may be looked for.
pub(super) struct Bases<'a> {
    by_content: HashMap<Digest, Vec<&'a IndexEntry>>,
    /// Files that are gone, by directory: they may live on under another name.
    gone: BTreeMap<Option<RelPath>, Vec<&'a IndexEntry>>,
    gone_paths: std::collections::HashSet<RelPath>,
}

impl<'a> Bases<'a> {
    pub(super) fn new(old: &'a [IndexEntry], changes: &[Change]) -> Self {
        let gone_paths: std::collections::HashSet<RelPath> = changes
            .iter()
            .filter(|change| change.new.is_none())
            .map(Change::path)
            .collect();
        let mut by_content: HashMap<Digest, Vec<&IndexEntry>> = HashMap::new();
        let mut gone: BTreeMap<Option<RelPath>, Vec<&IndexEntry>> = BTreeMap::new();
        for entry in old {
            let Some(file) = entry.file() else { continue };
            by_content.entry(file.sha256).or_default().push(entry);
            if gone_paths.contains(&entry.path) {
                gone.entry(entry.path.parent()).or_default().push(entry);
            }
        }
        Self {
            by_content,
            gone,
            gone_paths,
        }
    }

    /// Where the content of what is new shall come from; [`Content::Patch`] is only a proposal.
    pub(super) fn content(&self, change: &Change) -> Option<Content> {
        let new = change.new.as_ref()?;
        let file = new.file()?;
        if file.hardlink.is_some() || change.is_metadata() {
            return None;
        }
        if file.size == 0 {
            return Some(Content::Whole);
        }
        if let Some(same) = self.same_content(new, file.sha256) {
            return Some(Content::Old(same.path.clone()));
        }
        let was = change.old.as_ref().filter(|old| old.file().is_some());
        let base = was.or_else(|| self.alike(new, file.size));
        // The data of a file that is nearly all hole is less than what a patch would read.
        let is_hole = |entry: &IndexEntry| entry.file().is_some_and(IndexFile::is_mostly_hole);
        let base = base.filter(|base| !is_hole(base) && !is_hole(new));
        Some(base.map_or(Content::Whole, |base| Content::Patch(base.path.clone())))
    }

    /// The old file with this content: best the same path, then one that is gone, then one of
    /// that name, then the first.
    fn same_content(&self, new: &IndexEntry, sha256: Digest) -> Option<&'a IndexEntry> {
        let all = self.by_content.get(&sha256)?;
        all.iter().copied().max_by_key(|old| {
            (
                old.path == new.path,
                self.gone_paths.contains(&old.path),
                old.path.file_name() == new.path.file_name(),
                std::cmp::Reverse(&old.path),
            )
        })
    }

    /// A file that is gone from the same directory, of a like name and size: the next version of
    /// `libx.so.1.2` may be `libx.so.1.3`.
    fn alike(&self, new: &IndexEntry, size: u64) -> Option<&'a IndexEntry> {
        const MOST_LOOKED_AT: usize = 1000;
        let name = new.path.file_name()?;
        let near = self.gone.get(&new.path.parent())?;
        let candidates = near.iter().copied().take(MOST_LOOKED_AT);
        let scored = candidates.filter_map(|old| {
            let old_size = old.file()?.size;
            let close = old_size / 4 <= size && size / 4 <= old_size;
            let shared = shared_ends(name, old.path.file_name()?);
            (close && shared * 2 >= name.len()).then_some((shared, old))
        });
        scored
            .max_by_key(|(shared, old)| (*shared, std::cmp::Reverse(&old.path)))
            .map(|(_, old)| old)
    }
}

/// How many bytes two names share at their beginning and at their end.
fn shared_ends(one: &[u8], other: &[u8]) -> usize {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[start..], &other[start..]);
    let ends = one.iter().rev().zip(other.iter().rev());
    start + ends.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_two_versions_are_alike() {
        assert_eq!(shared_ends(b"libx.so.1.2", b"libx.so.1.3"), 10);
        assert_eq!(shared_ends(b"a-1.2.jar", b"a-1.3.0.jar"), 8);
        assert_eq!(shared_ends(b"same", b"same"), 4);
        assert_eq!(shared_ends(b"abc", b"xyz"), 0);
    }
}
