//! A tar archive as a row of 512-byte blocks, with the offset for messages.

use std::io::{self, BufReader, Read};

use super::super::error::{ArchiveError, LimitKind, MemberName};
use super::super::walk::reading;

pub(super) const FORMAT: &str = "tar";
const BUFFER_BYTES: usize = 64 << 10;

/// Reads blocks and counts bytes.
pub(super) struct Blocks<'r> {
    input: BufReader<&'r mut dyn Read>,
    offset: u64,
}

impl<'r> Blocks<'r> {
    pub(super) fn new(input: &'r mut dyn Read) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            offset: 0,
        }
    }

    /// The next block, or `None` if the input ends just before it.
    pub(super) fn next(&mut self) -> Result<Option<[u8; 512]>, ArchiveError> {
        let mut block = [0; 512];
        let mut count = 0;
        while count < block.len() {
            match self.input.read(&mut block[count..]).map_err(reading)? {
                0 => break,
                more => count += more,
            }
        }
        self.offset += count as u64;
        match count {
            0 => Ok(None),
            512 => Ok(Some(block)),
            _ => Err(self.truncated(MemberName::part("a block"))),
        }
    }

    /// The next block, which must be there to hold `what`.
    pub(super) fn require(&mut self, what: &str) -> Result<[u8; 512], ArchiveError> {
        self.next()?
            .ok_or_else(|| self.truncated(MemberName::part(what)))
    }

    /// The content of an extension header and its padding: at most `limit` bytes.
    pub(super) fn extension(&mut self, size: u64, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > limit {
            return Err(ArchiveError::Limit {
                limit: LimitKind::ExtensionBytes,
                allowed: limit,
                member: MemberName::part("an extension header"),
            });
        }
        let mut data = Vec::new();
        while (data.len() as u64) < size {
            data.extend_from_slice(&self.require("an extension header")?);
        }
        data.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(data)
    }

    /// A reader of the next `size` bytes, which knows how many are left.
    pub(super) fn data(&mut self, size: u64) -> Data<'_, 'r> {
        Data {
            blocks: self,
            left: size,
        }
    }

    /// Passes `left` bytes of a member of `size` bytes, and the padding to the next block.
    pub(super) fn pass(&mut self, left: u64, size: u64, path: &[u8]) -> Result<(), ArchiveError> {
        let padded = left.saturating_add(size.next_multiple_of(512) - size);
        let passed = io::copy(&mut (&mut self.input).take(padded), &mut io::sink());
        let passed = passed.map_err(reading)?;
        self.offset += passed;
        // The padding of the last member may be missing: no byte of it counts.
        if passed < left {
            return Err(self.truncated(MemberName::of(path)));
        }
        Ok(())
    }

    /// How many bytes were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads to the end of the input, so that decompressors get to check their sums.
    pub(super) fn drain(&mut self) -> Result<(), ArchiveError> {
        io::copy(&mut self.input, &mut io::sink()).map_err(reading)?;
        Ok(())
    }

    pub(super) fn truncated(&self, member: MemberName) -> ArchiveError {
        ArchiveError::Truncated {
            format: FORMAT,
            member,
            offset: self.offset,
        }
    }

    pub(super) fn corrupt(&self, member: &str, reason: &str) -> ArchiveError {
        ArchiveError::Corrupt {
            format: FORMAT,
            member: MemberName::part(member),
            offset: self.offset,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn corrupt_member(&self, path: &[u8], reason: &str) -> ArchiveError {
        ArchiveError::Corrupt {
            format: FORMAT,
            member: MemberName::of(path),
            offset: self.offset,
            reason: reason.to_owned(),
        }
    }
}

/// The stored bytes of one member.
pub(super) struct Data<'b, 'r> {
    blocks: &'b mut Blocks<'r>,
    pub(super) left: u64,
}

impl Read for Data<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |n| n.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.blocks.input.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(self
                .blocks
                .truncated(MemberName::part("a member"))
                .into_io());
        }
        self.left -= count as u64;
        self.blocks.offset += count as u64;
        Ok(count)
    }
}
