//! The names in a directory.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use hashget_words::rel_path::RelPath;
use rustix::fs::RawDir;

/// The path of `name`, if `names`, which are sorted, hold it.
pub(super) fn named(directory: &RelPath, names: &[Vec<u8>], name: &[u8]) -> Option<RelPath> {
    names
        .binary_search_by(|known| known.as_slice().cmp(name))
        .ok()
        .and_then(|_| directory.join(name).ok())
}

/// The names in a directory, sorted, and whether these are all.
pub(super) fn list_names(directory: &OwnedFd) -> (Vec<Vec<u8>>, io::Result<()>) {
    let mut buffer = vec![const { MaybeUninit::<u8>::uninit() }; 32 * 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    let mut result = Ok(());
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => {
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    names.push(name.to_vec());
                }
            }
            Err(error) => {
                result = Err(error.into());
                break;
            }
        }
    }
    names.sort_unstable();
    (names, result)
}
