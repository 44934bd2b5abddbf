//! Files that get their name when they are whole.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::FileType;

use super::error::DeltaError;
use hashget_files::atomic_file::{AtomicFile, Place};
use hashget_files::tree::{OmittedNames, id_of};

/// Begins the file at `path`.
pub(super) fn create(path: &Path) -> Result<AtomicFile, DeltaError> {
    let create = || -> io::Result<AtomicFile> {
        let place = Place::find(path)?;
        check(&place)?;
        place.clean()?;
        AtomicFile::create(place)
    };
    create().map_err(failed(path))
}

/// The names that an index must not see if it, or a delta, is written to `path`: that may lie in the
/// directory itself. Fails if the file cannot be written there.
pub fn output_names(path: &Path) -> Result<OmittedNames, DeltaError> {
    let names = || -> io::Result<OmittedNames> {
        let place = Place::find(path)?;
        check(&place)?;
        Ok(OmittedNames {
            directory: id_of(&place.directory_status()?),
            name: place.name().as_bytes().to_vec(),
        })
    };
    names().map_err(failed(path))
}

/// Makes the error of a file that could not be written.
pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> DeltaError {
    let path = path.to_owned();
    move |source| DeltaError::io("write", path.clone())(source)
}

fn check(place: &Place) -> io::Result<()> {
    match place.existing() {
        None | Some(FileType::RegularFile) => Ok(()),
        Some(_) => Err(io::Error::other("something else than a file has its name")),
    }
}
