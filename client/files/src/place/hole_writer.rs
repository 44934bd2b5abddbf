//! Writes a file with holes.

use std::fs::File;
use std::io::{self, Write};

use super::content::{Holes, write_sparse};

/// A multiple of the blocks of file systems.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes an empty file from its start; what the map calls a hole stays one if it is zero indeed.
pub struct HoleWriter<'a> {
    file: &'a File,
    extents: Holes<'a>,
    buffer: Vec<u8>,
    written: u64,
}

impl<'a> HoleWriter<'a> {
    /// Writes `file`, with data where `extents` says.
    pub fn new(file: &'a File, extents: Holes<'a>) -> Self {
        Self {
            file,
            extents,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written: 0,
        }
    }

    /// Writes the rest, and gives the file its size.
    pub fn finish(mut self) -> io::Result<()> {
        self.write_buffer()?;
        self.file.set_len(self.written)
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        match self.extents {
            None => (&mut &*self.file).write_all(&self.buffer)?,
            Some(extents) => write_sparse(self.file, &self.buffer, self.written, extents)?,
        }
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for HoleWriter<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = BUFFER_BYTES - self.buffer.len();
        let taken = &data[..data.len().min(room)];
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == BUFFER_BYTES {
            self.write_buffer()?;
        }
        Ok(taken.len())
    }

    /// Nothing: whole blocks are written only.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
