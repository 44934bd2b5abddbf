//! What is known of an archive besides its name.

use hashget_files::private::open_regular;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufReader, Read};
use std::path::Path;

use hashget_archive::{
    ArchiveOptions, Entry, EntryKind, Input, ReadError, WithHoles, read_archive,
};
use hashget_words::digest::Digest;
use hashget_words::hash_reader::HashReader;
use hashget_words::rel_path::RelPath;
use serde::{Deserialize, Serialize};

use super::change_list::{ChangeList, Facts, Kind, version_needed};
use super::error::SeriesError;
use super::stored_patch::StoredPatch;
use hashget_engine::restore::list::load;
use hashget_files::tree::is_mostly_hole;

/// What is known of an archive: what it is, how to tell whether it is whole, and what others may
/// rely on it for. Everything is also in the archive itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub version: u32,
    /// What the backup is.
    pub facts: Facts,
    /// The digest of the archive.
    pub sha256: Digest,
    /// The size of the archive, in bytes.
    pub size: u64,
    /// The distinct contents of the files in the archive, sorted.
    pub holds: Vec<Digest>,
    /// The contents that it holds as patches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<StoredPatch>,
}

impl Manifest {
    /// The newest version that is read, and written where something could not be read.
    pub const VERSION: u32 = ChangeList::VERSION;

    /// Reads a manifest from its file; one that cannot be used is as good as none.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut json = Vec::new();
        open_regular(path).ok()?.read_to_end(&mut json).ok()?;
        let manifest: Self = serde_json::from_slice(&json).ok()?;
        (1..=Self::VERSION)
            .contains(&manifest.version)
            .then_some(manifest)
    }

    /// Reads a whole archive, and so checks that it can be read.
    pub fn of_archive(archive: &Path) -> Result<Self, SeriesError> {
        Self::with_members(archive, &mut |_| ())
    }

    /// Like [`Manifest::of_archive`], with the files of `list` that are neither in the archive nor
    /// in its restore file.
    pub(super) fn with_missing(
        archive: &Path,
        list: &ChangeList,
    ) -> Result<(Self, Vec<RelPath>), SeriesError> {
        let mut there = HashSet::new();
        let manifest = Self::with_members(archive, &mut |entry| {
            there.extend(RelPath::new(&entry.path).ok());
        })?;
        let left_out = load(archive, None)?.files;
        there.extend(left_out.into_iter().map(|entry| entry.file));
        let files = list
            .present()
            .filter(|it| it.kind == Kind::File && !it.unreadable);
        let missing = files.filter(|change| !there.contains(&change.path));
        let missing = missing.map(|change| change.path.clone()).collect();
        Ok((manifest, missing))
    }

    fn with_members(archive: &Path, each: &mut dyn FnMut(&Entry)) -> Result<Self, SeriesError> {
        let (sha256, size) = hash_file(archive)?;
        let mut list = None;
        let mut holds = Vec::new();
        let mut patches = HashMap::new();
        read_members(archive, &mut |entry, content| {
            if entry.depth == 0 {
                each(entry);
            }
            if is_change_list(entry) {
                let mut json = Vec::new();
                content.read_to_end(&mut json)?;
                list = Some(json);
            } else if let Some(of) = StoredPatch::of_member(entry) {
                let mut reader = HashReader::new(content);
                io::copy(&mut reader, &mut io::sink())?;
                patches.insert(of, reader.into_hasher().finish());
            } else if entry.kind == EntryKind::File && entry.size != Some(0) {
                holds.extend(digest_of(entry, content)?);
            }
            Ok(true)
        })?;
        holds.sort_unstable();
        holds.dedup();
        let list = parse_list(archive, list)?;
        for patch in &list.patches {
            if patches.get(&patch.sha256) != Some(&patch.patch_sha256) {
                return Err(SeriesError::NoChangeList {
                    path: archive.to_owned(),
                    what: format!("the patch of {} is missing or damaged", patch.path),
                });
            }
        }
        Ok(Self {
            version: version_needed(&list.backup, &list.patches),
            facts: list.backup,
            sha256,
            size,
            holds,
            patches: list.patches,
        })
    }
}

/// The digest of a member; `None` if it is nearly all hole, since packing does not look for such.
fn digest_of(entry: &Entry, content: &mut dyn Read) -> io::Result<Option<Digest>> {
    let size = entry.size.unwrap_or(0);
    let extents = entry.metadata.sparse.as_deref();
    let data_bytes = extents.map_or(size, |it| it.iter().map(|(_, length)| length).sum());
    if is_mostly_hole(size, data_bytes) {
        return Ok(None);
    }
    let whole = [(0, size)];
    let content = WithHoles::new(content, extents.unwrap_or(&whole), size);
    let mut reader = HashReader::new(content);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(Some(reader.into_hasher().finish()))
}

/// Reads the change list of an archive, and nothing of it that comes after.
pub fn read_change_list(archive: &Path) -> Result<ChangeList, SeriesError> {
    let mut list = None;
    read_members(archive, &mut |entry, content| {
        if is_change_list(entry) {
            let mut json = Vec::new();
            content.read_to_end(&mut json)?;
            list = Some(json);
            return Ok(false);
        }
        Ok(true)
    })?;
    parse_list(archive, list)
}

fn parse_list(archive: &Path, json: Option<Vec<u8>>) -> Result<ChangeList, SeriesError> {
    let failed = |what: String| SeriesError::NoChangeList {
        path: archive.to_owned(),
        what,
    };
    let json = json.ok_or_else(|| failed(format!("it has no {}", ChangeList::NAME)))?;
    let list: ChangeList =
        serde_json::from_slice(&json).map_err(|error| failed(error.to_string()))?;
    if list.version > ChangeList::VERSION {
        let version = list.version;
        return Err(failed(format!(
            "version {version} is newer: use a newer hashget"
        )));
    }
    Ok(list)
}

pub(super) fn is_change_list(entry: &Entry) -> bool {
    entry.depth == 0
        && entry.kind == EntryKind::File
        && RelPath::new(&entry.path).is_ok_and(|p| p.as_bytes() == ChangeList::NAME.as_bytes())
}

/// Reads the members of an archive until `visit` says false. Of a sparse file it gets the data only.
pub(super) fn read_members(
    archive: &Path,
    visit: &mut dyn FnMut(&Entry, &mut dyn Read) -> io::Result<bool>,
) -> Result<(), SeriesError> {
    let file = open_regular(archive).map_err(SeriesError::io("open", archive))?;
    let mut each = |entry: &Entry, content: &mut dyn Read| match visit(entry, content) {
        Ok(true) => Ok(()),
        Ok(false) => Err(None),
        Err(error) => Err(Some(error)),
    };
    match read_archive(Input::File(file), &ArchiveOptions::own(), &mut each) {
        Ok(_) | Err(ReadError::Visit(None)) => Ok(()),
        Err(ReadError::Visit(Some(error))) => Err(SeriesError::io("read", archive)(error)),
        Err(ReadError::Archive(source)) => Err(SeriesError::Archive {
            path: archive.to_owned(),
            source,
        }),
    }
}

/// The digest and size of a file.
pub(super) fn hash_file(path: &Path) -> Result<(Digest, u64), SeriesError> {
    let hash = || -> io::Result<(Digest, u64)> {
        let mut reader = HashReader::new(BufReader::with_capacity(1 << 18, open_regular(path)?));
        let size = io::copy(&mut reader, &mut io::sink())?;
        Ok((reader.into_hasher().finish(), size))
    };
    hash().map_err(SeriesError::io("read", path))
}
