//! Finds the frames of a Zstandard file (RFC 8878, 3.1) without decoding them.

use std::io::{self, BufRead, Read};

/// More is no note but something to be passed by a stream.
const MAX_SKIPPED_BYTES: u32 = 1 << 20;

/// One frame, whole.
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    /// How many bytes it says it becomes.
    pub(super) size: usize,
}

/// What is decoded in one piece.
#[derive(Clone, Copy)]
pub(super) struct FrameLimits {
    /// Of its bytes, compressed, and decompressed.
    pub(super) bytes: u64,
    /// Of its window, in bytes.
    pub(super) window: u64,
}

pub(super) enum Next {
    Frame(Frame),
    End,
    /// Something else, of which these bytes were read.
    Other(Vec<u8>),
}

/// Reads the next frame (RFC 8878, 3.1.1), passing skippable ones.
pub(super) fn next_frame(input: &mut impl BufRead, limits: FrameLimits) -> io::Result<Next> {
    loop {
        if input.fill_buf()?.is_empty() {
            return Ok(Next::End);
        }
        let mut taken = Taken {
            input,
            bytes: Vec::new(),
        };
        match taken.frame(limits)? {
            Some(Begun::Skippable) => {}
            Some(Begun::Frame(size)) => {
                let bytes = taken.bytes;
                return Ok(Next::Frame(Frame { bytes, size }));
            }
            None => return Ok(Next::Other(taken.bytes)),
        }
    }
}

enum Begun {
    Skippable,
    /// With the size that it tells.
    Frame(usize),
}

/// The beginning of an input.
struct Taken<'i, R> {
    input: &'i mut R,
    bytes: Vec<u8>,
}

impl<R: BufRead> Taken<'_, R> {
    /// Takes all of a frame; `None` if it is none, is cut short, or is not to be held in memory.
    fn frame(&mut self, limits: FrameLimits) -> io::Result<Option<Begun>> {
        const MAGIC: u64 = 0xFD2F_B528;
        const SKIPPABLE: u64 = 0x184D_2A50;
        let Some(magic) = self.number(4)? else {
            return Ok(None);
        };
        if magic & !0xF == SKIPPABLE {
            let size = self
                .number(4)?
                .filter(|size| *size <= MAX_SKIPPED_BYTES.into());
            let whole = match size {
                Some(size) => self.take(size)?,
                None => false,
            };
            return Ok(whole.then_some(Begun::Skippable));
        }
        if magic != MAGIC {
            return Ok(None);
        }
        let Some((size, has_checksum)) = self.header(limits)? else {
            return Ok(None);
        };
        if !self.blocks(limits)? || (has_checksum && !self.take(4)?) {
            return Ok(None);
        }
        Ok(Some(Begun::Frame(size)))
    }

    /// The size that the frame becomes, and whether it ends with a checksum.
    fn header(&mut self, limits: FrameLimits) -> io::Result<Option<(usize, bool)>> {
        let Some(descriptor) = self.number(1)? else {
            return Ok(None);
        };
        let (is_single_segment, is_reserved) = (descriptor & 0x20 != 0, descriptor & 8 != 0);
        let needs_dictionary = descriptor & 3 != 0;
        let mut window = 0;
        if !is_single_segment {
            let Some(byte) = self.number(1)? else {
                return Ok(None);
            };
            let base = 1_u64 << (10 + (byte >> 3));
            window = base + base / 8 * (byte & 7);
        }
        let size_bytes = match descriptor >> 6 {
            0 => u64::from(is_single_segment),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        if size_bytes == 0 || is_reserved || needs_dictionary {
            return Ok(None);
        }
        let Some(mut size) = self.number(size_bytes)? else {
            return Ok(None);
        };
        if size_bytes == 2 {
            size += 256;
        }
        if is_single_segment {
            window = size;
        }
        let fits = size <= limits.bytes && window <= limits.window;
        let size = usize::try_from(size).ok().filter(|_| fits);
        Ok(size.map(|size| (size, descriptor & 4 != 0)))
    }

    /// Takes the blocks; whether they are there and small enough together.
    fn blocks(&mut self, limits: FrameLimits) -> io::Result<bool> {
        loop {
            let Some(header) = self.number(3)? else {
                return Ok(false);
            };
            let size = match header >> 1 & 3 {
                0 | 2 => header >> 3,
                // One byte, repeated.
                1 => 1,
                _ => return Ok(false),
            };
            if self.bytes.len() as u64 + size > limits.bytes || !self.take(size)? {
                return Ok(false);
            }
            if header & 1 != 0 {
                return Ok(true);
            }
        }
    }

    /// Takes a number of up to eight bytes, the lowest first.
    fn number(&mut self, count: u64) -> io::Result<Option<u64>> {
        let start = self.bytes.len();
        if !self.take(count)? {
            return Ok(None);
        }
        let digits = self.bytes[start..].iter().rev();
        Ok(Some(
            digits.fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        ))
    }

    /// Takes `count` bytes; whether there were so many.
    fn take(&mut self, count: u64) -> io::Result<bool> {
        let read = self
            .input
            .by_ref()
            .take(count)
            .read_to_end(&mut self.bytes)?;
        Ok(read as u64 == count)
    }
}
