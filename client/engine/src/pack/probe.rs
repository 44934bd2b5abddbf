//! Finds what of a scanned tree cannot be read, and keeps it out.

use std::collections::HashMap;

use hashget_words::rel_path::RelPath;

use super::scan::PackScan;
use super::unread::Unread;
use hashget_files::tree::{EntryIndex, FileId, TreeKind};

impl PackScan {
    /// The entries that cannot be read, with all names of a hard-linked file. What was
    /// not hashed, and each directory, is opened for that.
    pub fn unread(&self) -> Vec<(EntryIndex, Unread)> {
        let mut linked: HashMap<FileId, Unread> = HashMap::new();
        let mut found = Vec::new();
        for index in self.entries.indexes() {
            let file = self.entries.file(index);
            let id = file.filter(|file| file.links > 1).map(|file| file.stamp.id);
            let known = id.and_then(|id| linked.get(&id).cloned());
            let why = known.or_else(|| self.failures.get(&index).cloned());
            if let Some(why) = why.or_else(|| self.probe(index)) {
                if let Some(id) = id {
                    linked.insert(id, why.clone());
                }
                found.push((index, why));
            }
        }
        found
    }

    /// Tries to open what nobody opened to the end.
    fn probe(&self, index: EntryIndex) -> Option<Unread> {
        if self.entries.is_directory(index) {
            let opened = self.root.open_directory(&self.entries.path(index));
            return opened.err().map(|error| Unread::new(&error));
        }
        self.entries.file(index)?;
        if self.contents.digest(index).is_some() {
            return None;
        }
        let opened = self.root.open_file(&self.entries.path(index));
        opened.err().map(|error| Unread::new(&error))
    }

    /// Where a path is in the tree.
    pub fn index_of(&self, path: &RelPath) -> Option<EntryIndex> {
        self.entries.find(path)
    }

    /// Looks again why something is not in an archive.
    pub fn why_unread(&self, index: EntryIndex) -> Unread {
        match self.root.status(&self.entries.path(index)) {
            Ok(_) => Unread::Failed("it could not be packed".to_owned()),
            Err(error) => Unread::new(&error),
        }
    }

    /// Keeps entries out of every archive that is written of this scan; directories stay.
    pub fn omit(&mut self, indexes: &[EntryIndex]) {
        let is_directory =
            |index: &EntryIndex| matches!(self.entries.entry(*index).kind, TreeKind::Directory);
        let files: Vec<EntryIndex> = indexes
            .iter()
            .filter(|it| !is_directory(it))
            .copied()
            .collect();
        self.contents.forget(&self.entries, &files);
        self.omitted.extend(files);
    }
}
