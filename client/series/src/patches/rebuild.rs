//! Makes files of their patches again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::HashReader;

use super::super::contents::find_contents;
use super::super::error::SeriesError;
use super::super::manifest::{Manifest, read_members};
use super::super::stored_patch::StoredPatch;
use hashget_delta::patch::patch;
use hashget_engine::restore::SourceFailure;
use hashget_files::monitor::error_chain;
use hashget_sources::sources::{LocalPackage, Origin};

/// Gives an archive, whole and checked, by its digest.
pub(crate) type OpenArchive<'o> = dyn Fn(&Digest) -> Result<LocalPackage, SourceFailure> + 'o;

/// Makes files of their patches again: in one pass over each archive all those that are expected.
///
/// What it makes lies in temporary files until it is taken.
#[derive(Default)]
pub(crate) struct Rebuilder {
    places: HashMap<Digest, Place>,
    /// By the content that patches are for: the archives that hold it, with their names.
    holders: HashMap<Digest, Vec<(Digest, String)>>,
    state: Mutex<State>,
}

/// So many contents are made in one pass: what is made lies in open files until it is taken. A restore
/// asks in the order of the digests.
const BATCH: usize = 128;

/// Where a patch is.
struct Place {
    archive: Digest,
    name: String,
    stored: StoredPatch,
}

#[derive(Default)]
struct State {
    expected: BTreeSet<Digest>,
    done: HashMap<Digest, Result<File, String>>,
}

impl Rebuilder {
    /// Learns what patches an archive has.
    pub(crate) fn add(&mut self, name: &str, manifest: &Manifest) {
        for stored in &manifest.patches {
            self.holders.entry(stored.old_sha256).or_default();
            self.places.entry(stored.sha256).or_insert_with(|| Place {
                archive: manifest.sha256,
                name: name.to_owned(),
                stored: stored.clone(),
            });
        }
    }

    /// Learns what else an archive holds, after all patches are known.
    pub(crate) fn add_holder(&mut self, name: &str, manifest: &Manifest) {
        for (content, holders) in &mut self.holders {
            let is_known = holders.iter().any(|(digest, _)| *digest == manifest.sha256);
            if !is_known && manifest.holds.binary_search(content).is_ok() {
                holders.push((manifest.sha256, name.to_owned()));
            }
        }
    }

    /// Whether there is no patch at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether there is a patch for this content.
    pub(crate) fn knows(&self, sha256: &Digest) -> bool {
        self.places.contains_key(sha256)
    }

    /// Says what will be asked for, so that it is made at once.
    pub(crate) fn expect(&self, contents: impl IntoIterator<Item = Digest>) {
        let known = contents.into_iter().filter(|content| self.knows(content));
        self.state().expected.extend(known);
    }

    /// A content of which there is a patch.
    pub(crate) fn take(
        &self,
        sha256: &Digest,
        open: &OpenArchive<'_>,
    ) -> Result<LocalPackage, SeriesError> {
        let Some(place) = self.places.get(sha256) else {
            return Err(SeriesError::Patch {
                file: format!("sha256:{sha256}"),
                archive: "any archive".to_owned(),
                base: "any archive".to_owned(),
                why: "there is none".to_owned(),
            });
        };
        let mut state = self.state();
        if !state.done.contains_key(sha256) {
            state.expected.insert(*sha256);
            let wanted: HashSet<Digest> = state
                .expected
                .range(*sha256..)
                .take(BATCH)
                .copied()
                .collect();
            state.expected.retain(|content| !wanted.contains(content));
            self.make(&wanted, &mut state.done, open);
        }
        match state.done.remove(sha256) {
            Some(Ok(file)) => Ok(LocalPackage {
                file,
                path: PathBuf::from(&place.name),
                sha256: *sha256,
                size: place.stored.size,
                origin: Origin::Archive(place.name.clone()),
            }),
            Some(Err(why)) => {
                // The next one to ask is told the same.
                state.done.insert(*sha256, Err(why.clone()));
                Err(self.failure(place, why))
            }
            None => Err(self.failure(place, "no archive holds that version".to_owned())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, place: &Place, why: String) -> SeriesError {
        let holders = self.holders.get(&place.stored.old_sha256);
        let names: Vec<&str> = holders
            .into_iter()
            .flatten()
            .map(|(_, name)| name.as_str())
            .collect();
        SeriesError::Patch {
            file: place.stored.path.to_string(),
            archive: place.name.clone(),
            base: if names.is_empty() {
                "an archive that is gone or cannot be read".to_owned()
            } else {
                names.join(" or ")
            },
            why,
        }
    }

    /// Makes all of `wanted`.
    fn make(
        &self,
        wanted: &HashSet<Digest>,
        done: &mut HashMap<Digest, Result<File, String>>,
        open: &OpenArchive<'_>,
    ) {
        let places = wanted.iter().filter_map(|content| self.places.get(content));
        let mut by_archive: HashMap<Digest, Vec<&Place>> = HashMap::new();
        for place in places {
            by_archive.entry(place.archive).or_default().push(place);
        }
        let mut patches: HashMap<Digest, File> = HashMap::new();
        for (archive, places) in by_archive {
            let read = read_patches(&archive, &places, &mut patches, open);
            let why = match read {
                Ok(()) => "the archive does not have it whole".to_owned(),
                Err(why) => why,
            };
            for place in places {
                if !patches.contains_key(&place.stored.sha256) {
                    done.insert(place.stored.sha256, Err(why.clone()));
                }
            }
        }
        self.apply(patches, done, open);
    }

    /// Reads the archives that hold what patches are for, each once, and applies the patches.
    fn apply(
        &self,
        mut patches: HashMap<Digest, File>,
        done: &mut HashMap<Digest, Result<File, String>>,
        open: &OpenArchive<'_>,
    ) {
        // The archives in turn; what one cannot give another one may.
        let mut tried = HashSet::new();
        while let Some(holder) = self.next_holder(patches.keys(), &tried) {
            tried.insert(holder);
            let here: Vec<&StoredPatch> = patches
                .keys()
                .filter_map(|content| self.places.get(content))
                .map(|place| &place.stored)
                .filter(|stored| self.holds(&holder, &stored.old_sha256))
                .collect();
            let olds: HashSet<Digest> = here.iter().map(|stored| stored.old_sha256).collect();
            let sizes: HashSet<u64> = here.iter().map(|stored| stored.old_size).collect();
            let found = open(&holder).map_err(|error| error_chain(&*error));
            let found = found.and_then(|package| {
                let mut apply = |old: Digest, file: &mut File| {
                    for stored in here.iter().filter(|stored| stored.old_sha256 == old) {
                        if let Some(patch) = patches.get(&stored.sha256) {
                            done.insert(stored.sha256, one(stored, file, patch));
                        }
                    }
                    Ok(())
                };
                let found = find_contents(&package, &olds, &sizes, &mut apply);
                found.map_err(|error| error_chain(&error))
            });
            if let Err(why) = found {
                for stored in &here {
                    let result = done.entry(stored.sha256);
                    result.or_insert_with(|| Err(why.clone()));
                }
            }
            patches.retain(|content, _| !matches!(done.get(content), Some(Ok(_))));
        }
    }

    fn holds(&self, archive: &Digest, content: &Digest) -> bool {
        let holders = self.holders.get(content).into_iter().flatten();
        holders.into_iter().any(|(digest, _)| digest == archive)
    }

    fn next_holder<'p>(
        &self,
        open: impl Iterator<Item = &'p Digest>,
        tried: &HashSet<Digest>,
    ) -> Option<Digest> {
        let places = open.filter_map(|content| self.places.get(content));
        let holders = places.filter_map(|place| self.holders.get(&place.stored.old_sha256));
        let left: BTreeSet<Digest> = holders
            .flatten()
            .map(|(digest, _)| *digest)
            .filter(|digest| !tried.contains(digest))
            .collect();
        left.first().copied()
    }
}

/// Copies patches out of an archive.
fn read_patches(
    archive: &Digest,
    places: &[&Place],
    patches: &mut HashMap<Digest, File>,
    open: &OpenArchive<'_>,
) -> Result<(), String> {
    let package = open(archive).map_err(|error| error_chain(&*error))?;
    let by_content: HashMap<Digest, &StoredPatch> = places
        .iter()
        .map(|place| (place.stored.sha256, &place.stored))
        .collect();
    let mut left = by_content.len();
    let read = read_members(&package.path, &mut |entry, content| {
        let Some(content_digest) = StoredPatch::of_member(entry) else {
            return Ok(true);
        };
        let Some(stored) = by_content.get(&content_digest) else {
            return Ok(true);
        };
        let mut file = tempfile::tempfile()?;
        let mut reader = HashReader::new(io::Read::take(content, stored.patch_bytes));
        io::copy(&mut reader, &mut file)?;
        if reader.into_hasher().finish() == stored.patch_sha256 {
            file.rewind()?;
            patches.insert(content_digest, file);
        }
        left -= 1;
        Ok(left > 0)
    });
    read.map_err(|error| error_chain(&error))
}

/// Applies one patch; what it gives is checked against the change list.
fn one(stored: &StoredPatch, old: &File, patch_file: &File) -> Result<File, String> {
    let apply = || -> Result<File, String> {
        let words = |error: io::Error| error.to_string();
        let mut out = tempfile::tempfile().map_err(words)?;
        let mut patch_file = patch_file;
        patch_file.rewind().map_err(words)?;
        let made = patch(old, &mut patch_file, &mut out, stored.size)
            .map_err(|error| error_chain(&error))?;
        if (made.sha256, made.size) != (stored.sha256, stored.size) {
            return Err("it gives another file than the change list says".to_owned());
        }
        out.flush().map_err(words)?;
        out.rewind().map_err(words)?;
        Ok(out)
    };
    apply()
}
