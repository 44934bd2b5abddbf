//! The bytes of a patch.

use std::io::{self, Read, Write};

use hashget_words::digest::Digest;
use hashget_words::varint;

use super::error::PatchError;

const MAGIC: &[u8; 7] = b"hgpatch";
const VERSION: u8 = 1;
pub(super) const END: u8 = 0;
pub(super) const COPY: u8 = 1;
pub(super) const LITERAL: u8 = 2;
/// How large a window a decoder is given, as a power of two.
pub(super) const MOST_WINDOW_LOG: u32 = 27;

/// How a patch tells the new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Copied ranges and literal data, compressed by zstd.
    Blocks = 1,
    /// The new file, compressed by zstd with the old one as its prefix.
    Prefix = 2,
}

/// What every patch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) method: Method,
    pub(super) old_size: u64,
}

/// What every patch ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) new_size: u64,
    pub(super) sha256: Digest,
}

impl Header {
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&[VERSION, self.method as u8])?;
        out.write_all(&self.old_size.to_le_bytes())
    }

    pub(super) fn read(patch: &mut dyn Read) -> Result<Self, PatchError> {
        let mut head = [0; 17];
        read_exact(patch, &mut head)?;
        if head[..7] != *MAGIC {
            return Err(PatchError::Damaged("it does not begin as patches do"));
        }
        if head[7] != VERSION {
            return Err(PatchError::Version(head[7]));
        }
        let method = match head[8] {
            1 => Method::Blocks,
            2 => Method::Prefix,
            _ => return Err(PatchError::Damaged("its method is unknown")),
        };
        let mut old_size = [0; 8];
        old_size.copy_from_slice(&head[9..]);
        Ok(Self {
            method,
            old_size: u64::from_le_bytes(old_size),
        })
    }
}

impl Trailer {
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.new_size.to_le_bytes())?;
        out.write_all(self.sha256.as_bytes())
    }

    /// Reads the trailer, after which the patch must end.
    pub(super) fn read(patch: &mut dyn Read) -> Result<Self, PatchError> {
        let (mut new_size, mut sha256) = ([0; 8], [0; Digest::BYTES]);
        read_exact(patch, &mut new_size)?;
        read_exact(patch, &mut sha256)?;
        if patch.read(&mut [0]).map_err(PatchError::Read)? != 0 {
            return Err(PatchError::Damaged("something follows its end"));
        }
        Ok(Self {
            new_size: u64::from_le_bytes(new_size),
            sha256: Digest::from_bytes(sha256),
        })
    }
}

/// Writes a number as a varint.
pub(super) fn write_number(out: &mut dyn Write, number: u64) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(varint::MAX_BYTES);
    varint::put(&mut bytes, number);
    out.write_all(&bytes)
}

/// Reads a number.
pub(super) fn read_number(patch: &mut dyn Read) -> Result<u64, PatchError> {
    let number = varint::read(patch).map_err(read_error)?;
    number.ok_or(PatchError::Damaged("a number is too large"))
}

pub(super) fn read_byte(patch: &mut dyn Read) -> Result<u8, PatchError> {
    let mut byte = [0];
    read_exact(patch, &mut byte)?;
    Ok(byte[0])
}

fn read_exact(patch: &mut dyn Read, bytes: &mut [u8]) -> Result<(), PatchError> {
    patch.read_exact(bytes).map_err(read_error)
}

fn read_error(error: io::Error) -> PatchError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        PatchError::Damaged("it is cut short")
    } else {
        PatchError::Read(error)
    }
}

/// Counts what is written.
pub(super) struct Counting<'a> {
    inner: &'a mut dyn Write,
    pub(super) bytes: u64,
}

impl<'a> Counting<'a> {
    pub(super) fn new(inner: &'a mut dyn Write) -> Self {
        Self { inner, bytes: 0 }
    }
}

impl Write for Counting<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(data)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 127, 128, 300, 1 << 32, u64::MAX] {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number).unwrap();
            assert_eq!(read_number(&mut &bytes[..]).unwrap(), number);
            assert!(read_number(&mut &bytes[..bytes.len() - 1]).is_err());
        }
        assert!(read_number(&mut &[0xFF; 10][..]).is_err());
        assert!(read_number(&mut &[0x80; 11][..]).is_err());
    }
}
