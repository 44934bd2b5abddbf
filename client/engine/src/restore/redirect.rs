//! Hard links that are wanted while the file that they link to is not.

use std::collections::HashMap;

use hashget_archive::{Entry, EntryKind};
use hashget_words::rel_path::RelPath;

use super::options::Selection;

/// Where the content of an unwanted file goes, because a wanted hard link stands for it: by the
/// path of the file, the path of the first such link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Redirects(HashMap<RelPath, RelPath>);

impl Redirects {
    /// Notes `entry`, if it is such a link.
    pub(super) fn note(&mut self, entry: &Entry, selection: &Selection) {
        if let EntryKind::HardLink { target } = &entry.kind
            && let (Ok(path), Ok(first)) = (RelPath::new(&entry.path), RelPath::new(target))
            && selection.contains(&path)
            && !selection.contains(&first)
        {
            self.0.entry(first).or_insert(path);
        }
    }

    /// Where the content of `file` goes instead.
    pub(super) fn of(&self, file: &RelPath) -> Option<&RelPath> {
        self.0.get(file)
    }
}
