//! Package files that the user names.

use std::io;
use std::path::Path;

use super::cache::hash_file;
use super::{LocalPackage, Origin};
use hashget_files::private::open_regular;

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
