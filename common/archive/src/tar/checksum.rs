//! The checksum that follows the end of our tar archives.
//!
//! Tar has checksums for its headers only. So that a plain archive, too, shows when a byte of it has
//! changed, a block follows the two that end it: `hashget-crc32 `, eight hexadecimal digits, a
//! newline, and zeros. The number is the CRC-32 (that of gzip) of all bytes before this block.
//! Every tar program stops before it.

use std::io::{self, BufRead, BufReader, Read};

use crc32fast::Hasher as Crc;

/// How the block begins.
const MAGIC: &[u8] = b"hashget-crc32 ";

/// The block for an archive whose bytes have the checksum `sum`.
pub(crate) fn block(sum: u32) -> [u8; 512] {
    let mut block = [0; 512];
    let digits = format!("{sum:08x}\n");
    let text = MAGIC.iter().chain(digits.as_bytes());
    for (to, from) in block.iter_mut().zip(text) {
        *to = *from;
    }
    block
}

/// Whether `rest`, what follows the end of an archive, contradicts `sum`.
///
/// Archives of other programs and of our older versions have no such block.
pub(super) fn contradicts(rest: &[u8; 512], sum: u32) -> bool {
    rest.starts_with(MAGIC) && *rest != block(sum)
}

/// A buffered reader that sums up what is read through it, if told to.
pub(super) struct Summed<R> {
    input: BufReader<R>,
    crc: Option<Crc>,
}

impl<R: Read> Summed<R> {
    pub(super) fn new(input: R, capacity: usize, sums: bool) -> Self {
        Self {
            input: BufReader::with_capacity(capacity, input),
            crc: sums.then(Crc::new),
        }
    }

    /// The checksum of all bytes so far, if there is one.
    pub(super) fn sum(&self) -> Option<u32> {
        self.crc.clone().map(Crc::finalize)
    }

    /// Passes up to `count` bytes; gives how many there were.
    pub(super) fn pass(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let there = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            if there == 0 {
                break;
            }
            if let Some(crc) = &mut self.crc {
                crc.update(&buffer[..there]);
            }
            self.input.consume(there);
            left -= there as u64;
        }
        Ok(count - left)
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        if let Some(crc) = &mut self.crc {
            crc.update(&buffer[..count]);
        }
        Ok(count)
    }
}
