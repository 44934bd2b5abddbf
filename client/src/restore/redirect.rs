//! Hard links that are wanted while the file that they link to is not.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use hashget_common::archive::{ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive};
use hashget_common::rel_path::RelPath;

use super::error::RestoreError;
use super::options::Selection;

/// Where the content of an unwanted file goes, because a wanted hard link stands for it: by the
/// path of the file, the path of the first such link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Redirects(HashMap<RelPath, RelPath>);

impl Redirects {
    /// Reads through `archive` for such links.
    pub(super) fn find(archive: &Path, selection: &Selection) -> Result<Self, RestoreError> {
        let file = File::open(archive).map_err(RestoreError::open(archive))?;
        let mut redirects = HashMap::new();
        let mut visit = |entry: &Entry, _: &mut dyn Read| {
            if let EntryKind::HardLink { target } = &entry.kind
                && let (Ok(path), Ok(first)) = (RelPath::new(&entry.path), RelPath::new(target))
                && selection.contains(&path)
                && !selection.contains(&first)
            {
                redirects.entry(first).or_insert(path);
            }
            Ok::<(), std::convert::Infallible>(())
        };
        match read_archive(Input::File(file), &ArchiveOptions::own(), &mut visit) {
            Ok(_) => Ok(Self(redirects)),
            Err(ReadError::Archive(source)) => Err(RestoreError::Archive {
                path: archive.to_owned(),
                source,
            }),
            Err(ReadError::Visit(never)) => match never {},
        }
    }

    /// Where the content of `file` goes instead.
    pub(super) fn of(&self, file: &RelPath) -> Option<&RelPath> {
        self.0.get(file)
    }
}
