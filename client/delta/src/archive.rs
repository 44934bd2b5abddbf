//! Writes a delta: one ordinary archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use hashget_archive::{EntryKind, EntryMetadata, TarHeader, TarWriter};
use hashget_words::rel_path::RelPath;

use super::change::{Change, Content};
use super::content::ExtentReader;
use super::diff::DiffIndex;
use super::entry::IndexEntry;
use super::error::DeltaError;
use super::manifest::{MANIFEST_NAME, member_of};
use super::output::{create, failed};
use super::patch::{DiffOptions, DiffStats, Signature, diff, diff_with_old};
use hashget_files::monitor::{Monitor, Progress, Unit};
use hashget_files::tree::{DataReader, DigestKind, TreeRoot, digest_of};

/// The content of a delta: what changed, and where it can be read.
#[derive(Debug)]
pub struct DiffData<'a> {
    diff: DiffIndex,
    old: OldFiles<'a>,
    directory: PathBuf,
}

/// What is at hand of the old state's files.
#[derive(Clone, Copy, Debug)]
pub enum OldFiles<'a> {
    /// The block signatures that were stored with its index.
    Signatures(&'a BTreeMap<RelPath, Signature>),
    /// The files themselves, in this directory.
    Directory(&'a Path),
}

/// How a delta is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataOptions {
    /// The level of gzip, 0 to 9.
    pub gzip_level: u32,
    /// How patches are made.
    pub patch: DiffOptions,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self {
            gzip_level: 6,
            patch: DiffOptions::default(),
        }
    }
}

/// What a delta came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct DeltaStats {
    /// New or changed files that are in it whole.
    pub whole_files: u64,
    pub whole_bytes: u64,
    /// Changed files that are in it as patches.
    pub patched_files: u64,
    /// The size of these files.
    pub patched_bytes: u64,
    /// The size of their patches.
    pub patch_bytes: u64,
    /// Files that were renamed or copied, so that nothing of them is in it.
    pub moved_files: u64,
    pub moved_bytes: u64,
    /// The size of the archive.
    pub delta_bytes: u64,
}

impl<'a> DiffData<'a> {
    /// The content of `diff`, whose new state is in `directory`.
    pub fn new(diff: DiffIndex, old: OldFiles<'a>, directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self {
            diff,
            old,
            directory,
        }
    }

    /// Writes the delta to `path`, where it gets its name when it is whole.
    ///
    /// Every file is checked against the index while it is read.
    pub fn create_archive(
        mut self,
        path: &Path,
        options: &DataOptions,
        monitor: &dyn Monitor,
    ) -> Result<DeltaStats, DeltaError> {
        let root = TreeRoot::open(&self.directory)?;
        let mut stats = DeltaStats::default();
        let mut patches = self.make_patches(&root, options.patch, &mut stats, monitor)?;
        let failed = failed(path);
        let out = BufWriter::new(create(path)?);
        let level = flate2::Compression::new(options.gzip_level.min(9));
        let mut tar = TarWriter::new(BufWriter::new(GzEncoder::new(out, level)));
        self.write_manifest(&mut tar)?;
        let progress = Progress::start(monitor, "writing", Unit::Bytes, None);
        for change in &self.diff.changes {
            let (Some(new), Some(name)) = (&change.new, member_of(change)) else {
                continue;
            };
            if matches!(change.content, Some(Content::Whole)) {
                let kind = self.diff.rules.digest_kind();
                write_whole(&mut tar, &root, name, new, kind)?;
                let size = new.file().map_or(0, |file| file.size);
                stats.whole_files += 1;
                stats.whole_bytes += size;
                progress.advance(size);
            } else {
                let size = patches.copy(&new.path, &mut tar, name)?;
                progress.advance(size);
            }
        }
        let out = tar.finish()?;
        let gzip = out.into_inner().map_err(|e| failed(e.into_error()))?;
        let out = gzip.finish().map_err(&failed)?;
        let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        stats.delta_bytes = file.commit().map_err(&failed)?;
        Ok(stats)
    }

    fn write_manifest<W: Write>(&self, tar: &mut TarWriter<W>) -> Result<(), DeltaError> {
        let mut manifest = Vec::new();
        self.diff
            .write_manifest(&mut manifest)
            .map_err(failed(Path::new(MANIFEST_NAME)))?;
        let header = made_file(MANIFEST_NAME.as_bytes().to_vec(), manifest.len() as u64);
        Ok(tar.append(&header, &mut &manifest[..])?)
    }

    /// Tries the patches that were proposed; those that are no smaller than the file are dropped.
    fn make_patches(
        &mut self,
        root: &TreeRoot,
        options: DiffOptions,
        stats: &mut DeltaStats,
        monitor: &dyn Monitor,
    ) -> Result<Patches, DeltaError> {
        let mut patches = Patches::new()?;
        let proposed = |change: &Change| matches!(change.content, Some(Content::Patch(_)));
        let size = |change: &Change| {
            let new = change.new.as_ref().and_then(IndexEntry::file);
            new.map_or(0, |file| file.size)
        };
        let total = self.diff.changes.iter().filter(|c| proposed(c)).map(size);
        let progress = Progress::start(monitor, "patching", Unit::Bytes, Some(total.sum()));
        let old_root = match self.old {
            OldFiles::Directory(path) => Some(TreeRoot::open(path)?),
            OldFiles::Signatures(_) => None,
        };
        for change in &mut self.diff.changes {
            match (&change.content, &change.new) {
                (Some(Content::Old(_)), _) => {
                    stats.moved_files += 1;
                    stats.moved_bytes += size(change);
                }
                (Some(Content::Patch(base)), Some(new)) => {
                    let made = match (self.old, &old_root) {
                        (OldFiles::Signatures(signatures), _) => match signatures.get(base) {
                            Some(signature) => {
                                patches.add(root, new, Base::Signature(signature), options)?
                            }
                            None => None,
                        },
                        (_, Some(old_root)) => {
                            let old = old_root.open_file(base).map_err(reading(base))?;
                            patches.add(root, new, Base::File(&old), options)?
                        }
                        (OldFiles::Directory(_), None) => None,
                    };
                    progress.advance(size(change));
                    if let Some(made) = made {
                        stats.patched_files += 1;
                        stats.patched_bytes += made.new_bytes;
                        stats.patch_bytes += made.patch_bytes;
                    } else {
                        change.content = Some(Content::Whole);
                    }
                }
                _ => {}
            }
        }
        Ok(patches)
    }
}

#[derive(Clone, Copy)]
enum Base<'a> {
    Signature(&'a Signature),
    File(&'a File),
}

/// Patches, put aside in a file without a name: the manifest, which comes first, must say which
/// of them paid.
struct Patches {
    spool: File,
    end: u64,
    places: BTreeMap<RelPath, (u64, u64)>,
}

impl Patches {
    fn new() -> Result<Self, DeltaError> {
        let spool = tempfile::tempfile().map_err(spooling)?;
        Ok(Self {
            spool,
            end: 0,
            places: BTreeMap::new(),
        })
    }

    /// Makes a patch; `None` if it is no smaller than the file.
    fn add(
        &mut self,
        root: &TreeRoot,
        new: &IndexEntry,
        base: Base<'_>,
        options: DiffOptions,
    ) -> Result<Option<DiffStats>, DeltaError> {
        let Some(wanted) = new.file() else {
            return Ok(None);
        };
        let mut file = root.open_file(&new.path).map_err(reading(&new.path))?;
        self.spool
            .seek(SeekFrom::Start(self.end))
            .map_err(spooling)?;
        let mut out = BufWriter::new(&self.spool);
        let made = match base {
            Base::Signature(signature) => diff(signature, &mut file, &mut out, options),
            Base::File(old) => diff_with_old(old, &mut file, wanted.size, &mut out, options),
        };
        let made = made.map_err(|source| DeltaError::Diff {
            path: new.path.clone(),
            source,
        })?;
        out.flush().map_err(spooling)?;
        if (made.new_bytes, made.sha256) != (wanted.size, wanted.sha256) {
            return Err(DeltaError::Changed(new.path.clone()));
        }
        if made.patch_bytes >= made.new_bytes {
            return Ok(None);
        }
        let place = (self.end, made.patch_bytes);
        self.places.insert(new.path.clone(), place);
        self.end += made.patch_bytes;
        Ok(Some(made))
    }

    /// Copies the patch of `path` into the archive; gives its size.
    fn copy<W: Write>(
        &mut self,
        path: &RelPath,
        tar: &mut TarWriter<W>,
        name: Vec<u8>,
    ) -> Result<u64, DeltaError> {
        let Some((offset, size)) = self.places.get(path).copied() else {
            return Err(DeltaError::Changed(path.clone()));
        };
        let mut spooled = Spooled {
            file: &self.spool,
            offset,
        }
        .take(size);
        tar.append(&made_file(name, size), &mut spooled)?;
        Ok(size)
    }
}

struct Spooled<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for Spooled<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

fn write_whole<W: Write>(
    tar: &mut TarWriter<W>,
    root: &TreeRoot,
    name: Vec<u8>,
    new: &IndexEntry,
    kind: DigestKind,
) -> Result<(), DeltaError> {
    let Some(wanted) = new.file() else {
        return Ok(());
    };
    let file = root.open_file(&new.path).map_err(reading(&new.path))?;
    let extents = wanted.extents.clone();
    let xattrs = new.xattrs.iter();
    let header = TarHeader {
        path: name,
        kind: EntryKind::File,
        size: wanted.size,
        metadata: EntryMetadata {
            mode: Some(new.mode),
            uid: Some(new.uid.into()),
            gid: Some(new.gid.into()),
            mtime: Some(new.mtime),
            xattrs: xattrs.map(|x| (x.name.clone(), x.value.clone())).collect(),
            sparse: extents.clone(),
            ..EntryMetadata::default()
        },
    };
    let changed = || DeltaError::Changed(new.path.clone());
    let same = |digest| (digest == wanted.sha256).then_some(()).ok_or_else(changed);
    let by_data = || digest_of(&file, wanted.size, kind).map_err(reading(&new.path));
    match extents {
        Some(extents) if kind == DigestKind::Data && wanted.is_mostly_hole() => {
            tar.append(&header, &mut DataReader::new(&file, extents))?;
            same(by_data()?)
        }
        extents => {
            let mut content = ExtentReader::new(&file, wanted.size, extents);
            tar.append(&header, &mut content)?;
            let digest = content.into_hasher().finish();
            same(digest).or_else(|_| same(by_data()?))
        }
    }
}

/// The header of a member that is no file of the directory.
fn made_file(path: Vec<u8>, size: u64) -> TarHeader {
    TarHeader {
        path,
        kind: EntryKind::File,
        size,
        metadata: EntryMetadata {
            mode: Some(0o600),
            ..EntryMetadata::default()
        },
    }
}

fn spooling(source: io::Error) -> DeltaError {
    DeltaError::io("write", std::env::temp_dir())(source)
}

fn reading(path: &RelPath) -> impl FnOnce(io::Error) -> DeltaError {
    let path = path.clone();
    move |source| DeltaError::Content { path, source }
}
