//! Where a sparse file has data.

use std::fs::File;
use std::io::{self, Seek, SeekFrom as StdSeekFrom};

use rustix::fs::SeekFrom;
use rustix::io::Errno;

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

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
}
