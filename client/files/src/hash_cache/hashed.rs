//! The digests of many files, in little memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hashget_words::digest::Digest;

use crate::monitor::Progress;
use crate::tree::{Extents, FileIndex, FileList, HashError, HashedFile, TreeRoot, hash_each};

/// Gets digests as soon as they are known, from any thread.
pub type TellDigests<'a> = dyn Fn(&[Digest]) + Sync + 'a;

/// The digests of files, by their numbers.
#[derive(Debug)]
pub struct HashedFiles {
    digests: Vec<Digest>,
    origins: Vec<Origin>,
    /// Of sparse files, where they have data.
    extents: HashMap<FileIndex, Extents>,
    errors: Vec<(FileIndex, HashError)>,
    /// How many of them were not read.
    pub cached_files: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Unknown,
    Read,
    Cached,
    Failed,
}

impl HashedFiles {
    pub(super) fn new(count: usize) -> Self {
        Self {
            digests: vec![Digest::from_bytes([0; 32]); count],
            origins: vec![Origin::Unknown; count],
            extents: HashMap::new(),
            errors: Vec::new(),
            cached_files: 0,
        }
    }

    /// Hashes all of `files`.
    pub fn of<F: FileList + ?Sized>(
        root: &TreeRoot,
        files: &F,
        progress: &Progress<'_>,
        tell: &TellDigests<'_>,
    ) -> Self {
        let mut hashed = Self::new(files.count());
        hashed.read(root, files, hashed.unknown(), progress, tell);
        hashed
    }

    /// Passes on what is known without reading.
    pub(super) fn tell_cached(&self, tell: &TellDigests<'_>) {
        const SOME: usize = 4096;
        let digests = self.digests.chunks(SOME);
        for (digests, origins) in digests.zip(self.origins.chunks(SOME)) {
            let digests = digests.iter().zip(origins);
            let cached = digests.filter(|(_, origin)| **origin == Origin::Cached);
            tell(&cached.map(|(digest, _)| *digest).collect::<Vec<_>>());
        }
    }

    /// The files that nothing is known of yet.
    pub(super) fn unknown(&self) -> Vec<FileIndex> {
        let origins = self.origins.iter().enumerate();
        let unknown = origins.filter(|(_, origin)| **origin == Origin::Unknown);
        unknown.map(|(number, _)| FileIndex::from(number)).collect()
    }

    /// Hashes the files with these numbers.
    pub(super) fn read<F: FileList + ?Sized>(
        &mut self,
        root: &TreeRoot,
        files: &F,
        numbers: Vec<FileIndex>,
        progress: &Progress<'_>,
        tell: &TellDigests<'_>,
    ) {
        let hashed = Mutex::new(self);
        hash_each(root, files, numbers, progress, |outcomes| {
            let contents = outcomes.iter().filter_map(|(_, it)| it.as_ref().ok());
            tell(&contents.map(|it| it.sha256).collect::<Vec<_>>());
            // A thread that panics ends the program with its panic; nobody sees half a result.
            let mut hashed = hashed.lock().unwrap_or_else(PoisonError::into_inner);
            for (number, outcome) in outcomes {
                match outcome {
                    Ok(HashedFile { sha256, extents }) => {
                        hashed.set(number, Origin::Read, sha256, extents);
                    }
                    Err(error) => hashed.fail(number, error),
                }
            }
        });
    }

    pub(super) fn set_cached(
        &mut self,
        number: FileIndex,
        sha256: Digest,
        extents: Result<Option<Extents>, HashError>,
    ) {
        match extents {
            Ok(extents) => self.set(number, Origin::Cached, sha256, extents),
            Err(error) => self.fail(number, error),
        }
    }

    fn set(&mut self, number: FileIndex, origin: Origin, sha256: Digest, extents: Option<Extents>) {
        self.digests[number.get()] = sha256;
        self.origins[number.get()] = origin;
        if let Some(extents) = extents {
            self.extents.insert(number, extents);
        }
    }

    fn fail(&mut self, number: FileIndex, error: HashError) {
        self.origins[number.get()] = Origin::Failed;
        self.errors.push((number, error));
    }

    pub(super) fn is_cached(&self, number: FileIndex) -> bool {
        self.origins[number.get()] == Origin::Cached
    }

    /// The digest of file `number`, and where it has data if it is sparse; `None` if it could not
    /// be hashed.
    pub fn content(&self, number: FileIndex) -> Option<(Digest, Option<&Extents>)> {
        let is_known = matches!(self.origins[number.get()], Origin::Read | Origin::Cached);
        is_known.then(|| (self.digests[number.get()], self.extents.get(&number)))
    }

    /// Why files could not be hashed, by number.
    pub fn errors(&self) -> &[(FileIndex, HashError)] {
        &self.errors
    }

    /// The digests of the files that could be hashed, with their numbers, and where the sparse
    /// ones of them have data.
    pub fn into_parts(mut self) -> (Vec<Digest>, Vec<FileIndex>, HashMap<FileIndex, Extents>) {
        let mut numbers = Vec::with_capacity(self.digests.len());
        for (number, origin) in self.origins.iter().enumerate() {
            if matches!(origin, Origin::Read | Origin::Cached) {
                self.digests[numbers.len()] = self.digests[number];
                numbers.push(FileIndex::from(number));
            }
        }
        self.digests.truncate(numbers.len());
        (self.digests, numbers, self.extents)
    }
}
