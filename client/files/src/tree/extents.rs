//! Where a sparse file has data.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom as StdSeekFrom};
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

const BUFFER_BYTES: usize = 256 * 1024;

/// Where a sparse file has data, as (offset, length), ascending.
pub type Extents = Vec<(u64, u64)>;

/// Where `file` has data within its first `size` bytes, as (offset, length), ascending; `None` if it
/// has no hole, or the file system cannot tell. Moves the file's position to its start.
pub fn data_extents(mut file: &File, size: u64) -> io::Result<Option<Extents>> {
    let extents = find_extents(file, size);
    file.seek(StdSeekFrom::Start(0))?;
    match extents {
        Ok(extents) if extents == [(0, size)] || size == 0 => Ok(None),
        Ok(extents) => Ok(Some(extents)),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file of `size` bytes with `data_bytes` of data is so large and has so little in it that
/// hashing all its zeros costs more than storing its data.
pub fn is_mostly_hole(size: u64, data_bytes: u64) -> bool {
    const BIG_BYTES: u64 = 64 * 1024 * 1024;
    size > BIG_BYTES && data_bytes < size / 16
}

fn find_extents(file: &File, size: u64) -> rustix::io::Result<Extents> {
    let mut extents = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // No data up to the end.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error),
        };
        if start >= size {
            break;
        }
        let end = match rustix::fs::seek(file, SeekFrom::Hole(start)) {
            Ok(end) => end.min(size),
            // The file was cut short meanwhile.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error),
        };
        if end <= start {
            return Err(Errno::INVAL);
        }
        extents.push((start, end - start));
        at = end;
    }
    Ok(extents)
}

/// The data of a sparse file, its extents one after the other.
pub struct DataReader<'a> {
    file: &'a File,
    extents: std::vec::IntoIter<(u64, u64)>,
    at: u64,
    end: u64,
}

impl<'a> DataReader<'a> {
    /// Reads these extents.
    pub fn new(file: &'a File, extents: Extents) -> Self {
        Self {
            file,
            extents: extents.into_iter(),
            at: 0,
            end: 0,
        }
    }
}

impl Read for DataReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.end {
            let Some((offset, length)) = self.extents.next() else {
                return Ok(0);
            };
            (self.at, self.end) = (offset, offset.saturating_add(length));
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Whether two files of `size` bytes have the same content. Holes are not read.
pub fn same_content(one: &File, other: &File, size: u64) -> io::Result<bool> {
    Ok(is_within(one, other, size)? && is_within(other, one, size)?)
}

/// Whether the data of `one` is in `other`, too; data of zeros may be a hole there.
fn is_within(one: &File, other: &File, size: u64) -> io::Result<bool> {
    let mut buffers = [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]];
    let [mine, theirs] = &mut buffers;
    let extents = data_extents(one, size)?;
    for (offset, length) in extents.unwrap_or_else(|| vec![(0, size)]) {
        let mut at = offset;
        while at < offset + length {
            let left = usize::try_from(offset + length - at).unwrap_or(BUFFER_BYTES);
            let count = left.min(BUFFER_BYTES);
            one.read_exact_at(&mut mine[..count], at)?;
            other.read_exact_at(&mut theirs[..count], at)?;
            if mine[..count] != theirs[..count] {
                return Ok(false);
            }
            at += count as u64;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_wherever_they_are() {
        const MIB: u64 = 1024 * 1024;
        let file = tempfile::tempfile().unwrap();
        file.set_len(8 * MIB).unwrap();
        assert_eq!(data_extents(&file, 8 * MIB).unwrap(), Some(vec![]));
        file.write_all_at(&[1; 4096], 2 * MIB).unwrap();
        file.write_all_at(&[1; 4096], 8 * MIB - 4096).unwrap();
        let extents = data_extents(&file, 8 * MIB).unwrap();
        assert_eq!(extents, Some(vec![(2 * MIB, 4096), (8 * MIB - 4096, 4096)]));
    }

    #[test]
    fn a_full_or_empty_file_has_none() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(data_extents(&file, 0).unwrap(), None);
        file.write_all_at(b"full", 0).unwrap();
        assert_eq!(data_extents(&file, 4).unwrap(), None);
    }

    #[test]
    fn content_is_compared_without_its_holes() {
        const SIZE: u64 = 1 << 40;
        let files: Vec<File> = (0..3).map(|_| tempfile::tempfile().unwrap()).collect();
        for (number, file) in (0_u8..).zip(&files) {
            file.set_len(SIZE).unwrap();
            file.write_all_at(b"data", SIZE / 2).unwrap();
            file.write_all_at(&[number / 2], 4096).unwrap();
        }
        // Zeros that are data are as good as a hole.
        files[1].write_all_at(&[0; 8192], 1 << 30).unwrap();
        assert!(same_content(&files[0], &files[1], SIZE).unwrap());
        assert!(!same_content(&files[0], &files[2], SIZE).unwrap());
        assert!(!same_content(&files[2], &files[1], SIZE).unwrap());
    }
}
