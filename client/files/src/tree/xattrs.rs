//! Extended attributes, POSIX ACLs and file capabilities among them.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use hashget_words::restore_file::Xattr;
use rustix::io::Errno;

// Linux allows no more, neither for a value nor for the list of names.
const MOST_BYTES: usize = 64 * 1024;

/// The attributes of `name` in `directory`, sorted by name; of a symbolic link its own.
pub(super) fn xattrs_at(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<Xattr>> {
    // There is no lgetxattr relative to a directory; its entry in /proc stands in, so that what
    // cannot be opened is read too.
    let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    let path = CString::new(path)?;
    collect(
        |list| rustix::fs::llistxattr(&path, list),
        |name, value| rustix::fs::lgetxattr(&path, name, value),
    )
}

/// The attributes of an open file, sorted by name.
pub(super) fn xattrs_of(file: &File) -> io::Result<Vec<Xattr>> {
    collect(
        |list| rustix::fs::flistxattr(file, list),
        |name, value| rustix::fs::fgetxattr(file, name, value),
    )
}

fn collect(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&[u8], &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<Vec<Xattr>> {
    // Most files have none, or few with short names.
    let mut names = vec![0; 256];
    let count = match list(&mut names) {
        Err(Errno::RANGE) => {
            names.resize(MOST_BYTES, 0);
            list(&mut names)
        }
        result => result,
    };
    let count = match count {
        Ok(count) => count,
        Err(Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut xattrs = Vec::new();
    let mut value = Vec::new();
    for name in names[..count]
        .split(|byte| *byte == 0)
        .filter(|n| !n.is_empty())
    {
        value.resize(MOST_BYTES, 0);
        match get(name, &mut value) {
            Ok(length) => xattrs.push(Xattr {
                name: name.to_vec(),
                value: value[..length].to_vec(),
            }),
            // Taken away since the list was read.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    xattrs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(xattrs)
}
