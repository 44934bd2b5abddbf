//! A tar archive as a row of 512-byte blocks, with the offset for messages.

use std::io::{self, Read};

use super::super::content::Stored;
use super::super::error::{ArchiveError, LimitKind, MemberName};
use super::super::spool::reading;
use super::checksum::{self, Summed};

pub(super) const FORMAT: &str = "tar";
const BUFFER_BYTES: usize = 64 << 10;

/// Reads blocks and counts bytes.
pub(super) struct Blocks<'r> {
    input: Summed<&'r mut dyn Read>,
    offset: u64,
    /// Bytes that were looked at, and are to be read again.
    ahead: Vec<u8>,
}

impl<'r> Blocks<'r> {
    /// With `sums`, a checksum at the end is compared by [`Self::end`].
    pub(super) fn new(input: &'r mut dyn Read, sums: bool) -> Self {
        Self {
            input: Summed::new(input, BUFFER_BYTES, sums),
            offset: 0,
            ahead: Vec::new(),
        }
    }

    /// The next block, or `None` if the input ends just before it.
    pub(super) fn next(&mut self) -> Result<Option<[u8; 512]>, ArchiveError> {
        let (block, count) = self.up_to_a_block()?;
        match count {
            0 => Ok(None),
            512 => Ok(Some(block)),
            _ => Err(self.truncated(MemberName::part("a block"))),
        }
    }

    /// The next block, or what is left, without passing it.
    pub(super) fn peek(&mut self) -> Result<&[u8], ArchiveError> {
        let (block, count) = self.up_to_a_block()?;
        self.offset -= count as u64;
        self.ahead = block[..count].to_vec();
        Ok(&self.ahead)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.input.read(buffer);
        }
        let count = self.ahead.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok(count)
    }

    fn up_to_a_block(&mut self) -> Result<([u8; 512], usize), ArchiveError> {
        let mut block = [0; 512];
        let mut count = 0;
        while count < block.len() {
            match self.read(&mut block[count..]).map_err(reading)? {
                0 => break,
                more => count += more,
            }
        }
        self.offset += count as u64;
        Ok((block, count))
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
        let ahead = usize::try_from(padded).map_or(self.ahead.len(), |n| n.min(self.ahead.len()));
        self.ahead.drain(..ahead);
        let passed = self.input.pass(padded - ahead as u64).map_err(reading)? + ahead as u64;
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

    /// Compares the checksum that may follow the end of an archive, and reads to the end of the
    /// input, so that decompressors get to check theirs.
    pub(super) fn end(&mut self) -> Result<(), ArchiveError> {
        let sum = self.input.sum();
        let (rest, _) = self.up_to_a_block()?;
        self.input.pass(u64::MAX).map_err(reading)?;
        if sum.is_some_and(|sum| checksum::contradicts(&rest, sum)) {
            let reason = "its checksum is wrong: some byte of it has changed";
            return Err(self.corrupt("the whole archive", reason));
        }
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

impl Stored for Data<'_, '_> {}

impl Read for Data<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |n| n.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.blocks.read(&mut buffer[..wanted])?;
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
