//! The content of files while a delta is made.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use hashget_words::hash_reader::Hasher;

/// Reads the extents of a file, one after the other, and hashes its content, holes included.
pub(super) struct ExtentReader<'a> {
    file: &'a File,
    size: u64,
    extents: std::vec::IntoIter<(u64, u64)>,
    at: u64,
    end: u64,
    hasher: Hasher,
}

impl<'a> ExtentReader<'a> {
    /// Reads these extents, or all of the file's `size` bytes.
    pub(super) fn new(file: &'a File, size: u64, extents: Option<Vec<(u64, u64)>>) -> Self {
        let extents = extents.unwrap_or_else(|| vec![(0, size)]).into_iter();
        Self {
            file,
            size,
            extents,
            at: 0,
            end: 0,
            hasher: Hasher::new(),
        }
    }

    /// The hasher of the whole content.
    pub(super) fn into_hasher(mut self) -> Hasher {
        self.hash_zeros(self.size);
        self.hasher
    }

    fn hash_zeros(&mut self, until: u64) {
        const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        while self.hasher.bytes() < until {
            let left = until - self.hasher.bytes();
            let most = usize::try_from(left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
            self.hasher.update(&ZEROS[..most]);
        }
    }
}

impl Read for ExtentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.end {
            let Some((offset, length)) = self.extents.next() else {
                return Ok(0);
            };
            self.hash_zeros(offset);
            (self.at, self.end) = (offset, offset.saturating_add(length));
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.hasher.update(&buffer[..count]);
        self.at += count as u64;
        Ok(count)
    }
}
