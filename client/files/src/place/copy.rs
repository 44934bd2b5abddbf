//! Copies content from a file that was checked.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use rustix::fs::{copy_file_range, ioctl_ficlone};
use rustix::io::Errno;

use super::content::{ContentError, Holes, write_content};

/// Copies all `size` bytes of `from` to the empty `to`, with data where `extents` says. `alike`
/// tells that `from` has its holes in the same places.
pub(super) fn copy_content(
    from: &File,
    to: &mut File,
    size: u64,
    extents: Holes<'_>,
    alike: bool,
) -> Result<(), ContentError> {
    if alike && ioctl_ficlone(&*to, from).is_ok() {
        let cloned = to.metadata().map_err(ContentError::Write)?.len();
        if cloned == size {
            return Ok(());
        }
    }
    if extents.is_none() && copy_in_kernel(from, to, size).map_err(ContentError::Write)? {
        return Ok(());
    }
    let mut from = from.try_clone().map_err(ContentError::Read)?;
    from.seek(SeekFrom::Start(0)).map_err(ContentError::Read)?;
    to.set_len(0).map_err(ContentError::Write)?;
    to.seek(SeekFrom::Start(0)).map_err(ContentError::Write)?;
    let (_, copied) = write_content(&mut from, to, extents, size, None)?;
    if copied == size {
        Ok(())
    } else {
        Err(ContentError::Read(io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Has the kernel copy; `false` if it cannot, or found less than there should be.
fn copy_in_kernel(from: &File, to: &File, size: u64) -> io::Result<bool> {
    const PIECE: u64 = 1 << 30;
    let (mut read, mut written) = (0, 0);
    while read < size {
        let piece = usize::try_from((size - read).min(PIECE)).unwrap_or(usize::MAX);
        match copy_file_range(from, Some(&mut read), to, Some(&mut written), piece) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn copies_are_equal_with_and_without_holes() {
        let mut content = vec![0; 1 << 20];
        content[..5].copy_from_slice(b"12345");
        let mut from = tempfile::tempfile().unwrap();
        from.write_all(&content).unwrap();
        for extents in [None, Some(&[(0, 4096)][..])] {
            let mut to = tempfile::tempfile().unwrap();
            copy_content(&from, &mut to, 1 << 20, extents, false).unwrap();
            let mut back = Vec::new();
            to.rewind().unwrap();
            to.read_to_end(&mut back).unwrap();
            assert_eq!(back, content);
            let holey = to.metadata().unwrap().blocks() * 512 < 1 << 19;
            assert_eq!(holey, extents.is_some());
        }
    }

    #[test]
    fn a_source_that_shrank_is_noticed() {
        let from = tempfile::tempfile().unwrap();
        let mut to = tempfile::tempfile().unwrap();
        copy_content(&from, &mut to, 10, None, true).unwrap_err();
    }
}
