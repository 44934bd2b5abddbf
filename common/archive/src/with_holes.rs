//! The whole content of a sparse file, made of its data.

use std::io::{self, Read};

/// Reads the data of a sparse file, as [`ArchiveOptions::skip_holes`](super::ArchiveOptions::skip_holes)
/// gives it, with zeros where the holes are.
pub struct WithHoles<'a> {
    data: &'a mut dyn Read,
    extents: &'a [(u64, u64)],
    size: u64,
    at: u64,
}

impl<'a> WithHoles<'a> {
    /// The `size` bytes of a file whose `data` lies in `extents`, in rising order.
    pub fn new(data: &'a mut dyn Read, extents: &'a [(u64, u64)], size: u64) -> Self {
        Self {
            data,
            extents,
            size,
            at: 0,
        }
    }
}

impl Read for WithHoles<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((offset, length)) = self.extents.first()
            && self.at >= offset + length
        {
            self.extents = &self.extents[1..];
        }
        let (start, end) = match self.extents.first() {
            Some((offset, length)) => (*offset, offset + length),
            None => (self.size, self.size),
        };
        let until = if self.at < start { start } else { end };
        let most = usize::try_from(until - self.at).map_or(buffer.len(), |n| n.min(buffer.len()));
        let buffer = &mut buffer[..most];
        let count = if self.at < start {
            buffer.fill(0);
            most
        } else {
            self.data.read(buffer)?
        };
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_stand_where_the_holes_are() {
        let read = |mut data: &[u8], extents: &[(u64, u64)], size| {
            let mut whole = Vec::new();
            let mut reader = WithHoles::new(&mut data, extents, size);
            reader.read_to_end(&mut whole).unwrap();
            whole
        };
        assert_eq!(read(b"abc", &[(1, 2), (5, 1)], 8), b"\0ab\0\0c\0\0");
        assert_eq!(read(b"abc", &[(0, 2), (2, 0), (2, 1)], 3), b"abc");
        assert_eq!(read(b"", &[], 3), b"\0\0\0");
    }
}
