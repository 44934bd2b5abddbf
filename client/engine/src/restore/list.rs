//! Finds the restore file of a directory or an archive.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hashget_archive::{
    ArchiveKind, ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive,
};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreFile, RestorePackage};

use super::error::RestoreError;
use super::memory::read_json;
use super::options::Selection;
use hashget_files::place::Target;
use hashget_sources::sources::PackageRef;

/// Reads the restore file of `target`, a directory or an archive, or the one that was `given`.
pub fn load(target: &Path, given: Option<&Path>) -> Result<RestoreFile, RestoreError> {
    if let Some(given) = given {
        return parse(given, &read_given(given)?);
    }
    let open = RestoreError::open(target);
    if std::fs::metadata(target).map_err(open)?.is_dir() {
        let target = Target::open(target).map_err(RestoreError::open(target))?;
        return load_in(&target);
    }
    parse_found(target, find_in_archive(target)?)
}

/// Like [`load`], and an archive is read to its end, so that damage anywhere in it shows.
pub(crate) fn load_sound(target: &Path) -> Result<RestoreFile, RestoreError> {
    let metadata = std::fs::metadata(target).map_err(RestoreError::open(target))?;
    if metadata.is_dir() {
        return load(target, None);
    }
    parse_found(target, find_in_sound_archive(target)?)
}

/// Like [`load`] for an archive, of which every member is shown to the `selection`.
pub(super) fn load_selected(
    archive: &Path,
    selection: &Selection,
) -> Result<RestoreFile, RestoreError> {
    let mut found = None;
    let mut note = |entry: &Entry| {
        if let Ok(path) = RelPath::new(&entry.path) {
            selection.contains_kind(&path, entry.kind == EntryKind::Directory);
        }
    };
    let options = ArchiveOptions::own();
    read_sound_archive(archive, options, &mut note, &mut |json| found = Some(json))?;
    parse_found(archive, found)
}

fn parse_found(archive: &Path, found: Option<Vec<u8>>) -> Result<RestoreFile, RestoreError> {
    let json = found.ok_or_else(|| RestoreError::NoRestoreFile {
        path: archive.to_owned(),
    })?;
    parse(&name_in(archive), &json)
}

/// Reads the restore file at the root of `target`.
pub(super) fn load_in(target: &Target) -> Result<RestoreFile, RestoreError> {
    let at = name_in(target.path());
    let json = read_in(target)?.ok_or_else(|| RestoreError::NoRestoreFile {
        path: target.path().to_owned(),
    })?;
    parse(&at, &json)
}

/// The bytes of the restore file at the root of `target`, if there is one.
pub(super) fn read_in(target: &Target) -> Result<Option<Vec<u8>>, RestoreError> {
    let at = name_in(target.path());
    let name = RelPath::root()
        .join(RestoreFile::NAME.as_bytes())
        .map_err(|error| RestoreError::read(&at)(io::Error::other(error)))?;
    match target.file(&name) {
        Ok(file) => Ok(Some(read_all(file, &at)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RestoreError::read(&at)(error)),
    }
}

/// The bytes of the restore file at the root of an archive, if it has one.
fn find_in_archive(archive: &Path) -> Result<Option<Vec<u8>>, RestoreError> {
    let mut found = None;
    let options = ArchiveOptions::own();
    search_archive(
        archive,
        Reach::ToTheRestoreFile,
        options,
        &mut |_| {},
        &mut |json| {
            found = Some(json);
        },
    )?;
    Ok(found)
}

/// Like [`find_in_archive`], and the archive is read to its end, so that damage anywhere in it
/// is an error.
fn find_in_sound_archive(archive: &Path) -> Result<Option<Vec<u8>>, RestoreError> {
    let mut found = None;
    let options = ArchiveOptions::own();
    read_sound_archive(archive, options, &mut |_| {}, &mut |json| {
        found = Some(json);
    })?;
    Ok(found)
}

/// Reads an archive to its end as `options` say, so that damage anywhere in it is an error. `each` gets every member, `found` its restore
/// file, as soon as that is read; of several, which only a forger writes, each.
pub(super) fn read_sound_archive(
    archive: &Path,
    options: ArchiveOptions,
    each: &mut dyn FnMut(&Entry),
    found: &mut dyn FnMut(Vec<u8>),
) -> Result<(), RestoreError> {
    search_archive(archive, Reach::ToTheEnd, options, each, found)
}

/// How much of an archive is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    ToTheRestoreFile,
    ToTheEnd,
}

fn search_archive(
    archive: &Path,
    reach: Reach,
    options: ArchiveOptions,
    each: &mut dyn FnMut(&Entry),
    found: &mut dyn FnMut(Vec<u8>),
) -> Result<(), RestoreError> {
    let file = File::open(archive).map_err(RestoreError::open(archive))?;
    let mut visit = |entry: &Entry, content: &mut dyn Read| {
        each(entry);
        if entry.kind != EntryKind::File || !is_restore_file(&entry.path) {
            return Ok(());
        }
        let json = read_member(entry, content).map_err(Some)?;
        found(json);
        match reach {
            Reach::ToTheRestoreFile => Err(None),
            Reach::ToTheEnd => Ok(()),
        }
    };
    let options = ArchiveOptions {
        require_end: reach == Reach::ToTheEnd,
        ..options
    };
    let read = read_archive(Input::File(file), &options, &mut visit);
    match read {
        Err(ReadError::Visit(None)) | Ok(ArchiveKind::Tar) => Ok(()),
        Ok(_) => Err(RestoreError::NotArchive {
            path: archive.to_owned(),
        }),
        Err(ReadError::Visit(Some(error))) => Err(RestoreError::read(archive)(error)),
        Err(ReadError::Archive(source)) => Err(RestoreError::Archive {
            path: archive.to_owned(),
            source,
        }),
    }
}

/// All of an archive's member that is its restore file. Fails with
/// [`OutOfMemory`](io::ErrorKind::OutOfMemory) if it takes more memory than it may.
pub(super) fn read_member(entry: &Entry, content: &mut dyn Read) -> io::Result<Vec<u8>> {
    read_json(content, entry.size)
}

/// Whether an archive's member of this name is its restore file.
pub(super) fn is_restore_file(path: &[u8]) -> bool {
    RelPath::new(path).is_ok_and(|path| path.as_bytes() == RestoreFile::NAME.as_bytes())
}

/// A package of a restore file, as it is asked for.
pub fn reference(package: &RestorePackage) -> PackageRef {
    PackageRef {
        sha256: package.hash.sha256(),
        size: package.size,
        urls: std::iter::once(&package.url)
            .chain(&package.urls)
            .cloned()
            .collect(),
    }
}

fn read_given(given: &Path) -> Result<Vec<u8>, RestoreError> {
    let file = File::open(given).map_err(RestoreError::open(given))?;
    read_all(file, given)
}

fn read_all(mut file: File, at: &Path) -> Result<Vec<u8>, RestoreError> {
    let size = file.metadata().map_err(RestoreError::read(at))?.len();
    read_json(&mut file, Some(size)).map_err(RestoreError::read(at))
}

fn parse(at: &Path, json: &[u8]) -> Result<RestoreFile, RestoreError> {
    RestoreFile::parse(json).map_err(|source| RestoreError::RestoreFile {
        path: at.to_owned(),
        source,
    })
}

fn name_in(directory: &Path) -> PathBuf {
    directory.join(RestoreFile::NAME)
}
