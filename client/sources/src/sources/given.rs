//! Package files that the user names.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::cache::hash_file;
use super::{LocalPackage, Origin};

/// The package in a file that the user named. Devices and pipes, which may have no end and are not
/// read twice, are refused.
pub fn given_package(path: &Path) -> io::Result<LocalPackage> {
    let mut file = open_regular(path)?;
    let (sha256, size) = hash_file(&mut file)?;
    Ok(LocalPackage {
        file,
        path: path.to_owned(),
        sha256,
        size,
        origin: Origin::Given,
    })
}

/// Opens a file that must be a regular one. It is looked at first: opening a pipe waits.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let is_regular = |metadata: &fs::Metadata| metadata.is_file();
    if is_regular(&fs::metadata(path)?) {
        let file = File::open(path)?;
        if is_regular(&file.metadata()?) {
            return Ok(file);
        }
    }
    Err(io::Error::other("it is no regular file"))
}
