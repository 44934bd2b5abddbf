//! What of a tree cannot be read, for archives that must say so before their first member.

use std::collections::HashMap;
use std::io;

use super::scan::PackScan;
use hashget_files::tree::{FileId, TreeKind};

/// Why something that was listed cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no longer there.
    Gone,
    /// The system does not give it.
    Failed(String),
}

impl Unread {
    pub(super) fn new(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Gone,
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl PackScan {
    /// The places of the entries that cannot be read, with all names of a hard-linked file. What was
    /// not hashed, and each directory, is opened for that.
    pub fn unread(&self) -> Vec<(usize, Unread)> {
        let mut linked: HashMap<FileId, Unread> = HashMap::new();
        let mut found = Vec::new();
        for place in 0..self.entries.len() {
            let file = self.entries.file(place);
            let id = file.filter(|file| file.links > 1).map(|file| file.stamp.id);
            let known = id.and_then(|id| linked.get(&id).cloned());
            let why = known.or_else(|| self.failures.get(&place).cloned());
            if let Some(why) = why.or_else(|| self.probe(place)) {
                if let Some(id) = id {
                    linked.insert(id, why.clone());
                }
                found.push((place, why));
            }
        }
        found
    }

    /// Tries to open what nobody opened to the end.
    fn probe(&self, place: usize) -> Option<Unread> {
        if self.entries.is_directory(place) {
            let opened = self.root.open_directory(&self.entries.path(place));
            return opened.err().map(|error| Unread::new(&error));
        }
        self.entries.file(place)?;
        if self.contents.digest(place).is_some() {
            return None;
        }
        let opened = self.root.open_file(&self.entries.path(place));
        opened.err().map(|error| Unread::new(&error))
    }

    /// The place of a path.
    pub fn place_of(&self, path: &hashget_words::rel_path::RelPath) -> Option<usize> {
        self.entries.find(path)
    }

    /// Looks again why something is not in an archive.
    pub fn why_unread(&self, place: usize) -> Unread {
        match self.root.status(&self.entries.path(place)) {
            Ok(_) => Unread::Failed("it could not be packed".to_owned()),
            Err(error) => Unread::new(&error),
        }
    }

    /// Keeps entries out of every archive that is written of this scan; directories stay.
    pub fn omit(&mut self, places: &[usize]) {
        let is_directory =
            |place: &usize| matches!(self.entries.entry(*place).kind, TreeKind::Directory);
        let files: Vec<usize> = places
            .iter()
            .filter(|it| !is_directory(it))
            .copied()
            .collect();
        self.contents.forget(&self.entries, &files);
        self.omitted.extend(files);
    }
}
