//! Contents of packages and archives, one by one.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use hashget_archive::{ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive};
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;

use super::error::SeriesError;
use hashget_sources::sources::LocalPackage;

/// Finds contents in a package: each of `wanted` that is there goes to `found` once, as a file at
/// its start, its digest checked. Gives which were there.
pub(super) fn find_contents(
    package: &LocalPackage,
    wanted: &HashSet<Digest>,
    sizes: &HashSet<u64>,
    found: &mut dyn FnMut(Digest, &mut File) -> io::Result<()>,
) -> Result<HashSet<Digest>, SeriesError> {
    let failed = || SeriesError::io("read", &package.path);
    let mut seen = HashSet::new();
    if wanted.contains(&package.sha256) {
        let mut file = package.file.try_clone().map_err(failed())?;
        file.rewind().map_err(failed())?;
        found(package.sha256, &mut file).map_err(failed())?;
        seen.insert(package.sha256);
    }
    let mut visit = |entry: &Entry, content: &mut dyn Read| -> io::Result<()> {
        let may_be = entry.size.is_none_or(|size| sizes.contains(&size));
        if entry.kind != EntryKind::File || !may_be {
            return Ok(());
        }
        let (digest, mut file) = put_aside(content)?;
        if wanted.contains(&digest) && seen.insert(digest) {
            found(digest, &mut file)?;
        }
        Ok(())
    };
    let file = package.file.try_clone().map_err(failed())?;
    let options = ArchiveOptions {
        limits: package.limits(),
        ..ArchiveOptions::default()
    };
    match read_archive(Input::File(file), &options, &mut visit) {
        Ok(_) => Ok(seen),
        Err(ReadError::Visit(error)) => Err(failed()(error)),
        Err(ReadError::Archive(source)) => Err(SeriesError::Archive {
            path: package.path.clone(),
            source,
        }),
    }
}

/// Copies content into an unnamed file, at whose start it is given back.
fn put_aside(content: &mut dyn Read) -> io::Result<(Digest, File)> {
    let mut file = tempfile::tempfile()?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count])?;
    }
    file.rewind()?;
    Ok((hasher.finish(), file))
}
