//! Applies a patch.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use zstd::stream::read::Decoder;

use super::error::{DiffError, PatchError};
use super::format::{
    COPY, END, Header, LITERAL, MOST_WINDOW_LOG, Method, Trailer, read_byte, read_number,
};
use super::prefix::{PREFIX_BYTES, read_old};

const BUFFER_BYTES: usize = 256 * 1024;

/// What a patch gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patched {
    /// The size of the new file, in bytes.
    pub size: u64,
    /// The SHA-256 of the new file.
    pub sha256: Digest,
}

/// Applies `patch` to `old` and writes the new file, at most `most_bytes` of it, to `out`.
///
/// Only when this succeeds is the new file right: what was written before an error is nothing.
pub fn patch(
    old: &File,
    patch: &mut dyn Read,
    out: &mut dyn Write,
    most_bytes: u64,
) -> Result<Patched, PatchError> {
    let mut patch = BufReader::with_capacity(64 * 1024, patch);
    let header = Header::read(&mut patch)?;
    let actual = old.metadata().map_err(PatchError::ReadOld)?.len();
    if header.old_size != actual {
        let expected = header.old_size;
        return Err(PatchError::OldSize { expected, actual });
    }
    let mut new = NewFile {
        out,
        hasher: Hasher::new(),
        most_bytes,
    };
    match header.method {
        Method::Blocks => by_blocks(old, header.old_size, &mut patch, &mut new)?,
        Method::Prefix => by_prefix(old, header.old_size, &mut patch, &mut new)?,
    }
    let trailer = Trailer::read(&mut patch)?;
    let size = new.hasher.bytes();
    let sha256 = new.hasher.finish();
    if (size, sha256) != (trailer.new_size, trailer.sha256) {
        return Err(PatchError::WrongResult);
    }
    Ok(Patched { size, sha256 })
}

struct NewFile<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
    most_bytes: u64,
}

impl NewFile<'_> {
    /// Checks that so much more may be written.
    fn expect(&self, bytes: u64) -> Result<(), PatchError> {
        if bytes > self.most_bytes - self.hasher.bytes() {
            return Err(PatchError::TooLong(self.most_bytes));
        }
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), PatchError> {
        self.expect(data.len() as u64)?;
        self.hasher.update(data);
        self.out.write_all(data).map_err(PatchError::Write)
    }

    /// Writes all that `from` has, up to `length` bytes; gives how many that were.
    fn write_from(&mut self, from: &mut dyn Read, length: u64) -> Result<u64, PatchError> {
        let mut buffer =
            vec![0; usize::try_from(length).map_or(BUFFER_BYTES, |l| l.min(BUFFER_BYTES))];
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            match from.read(&mut buffer[..most]) {
                Ok(0) => break,
                Ok(count) => {
                    self.write(&buffer[..count])?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(PatchError::Read(error)),
            }
        }
        Ok(length - left)
    }

    fn copy(&mut self, old: &File, offset: u64, length: u64) -> Result<(), PatchError> {
        let mut buffer =
            vec![0; usize::try_from(length).map_or(BUFFER_BYTES, |l| l.min(BUFFER_BYTES))];
        let (mut at, end) = (offset, offset + length);
        while at < end {
            let most =
                usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            old.read_exact_at(&mut buffer[..most], at)
                .map_err(PatchError::ReadOld)?;
            self.write(&buffer[..most])?;
            at += most as u64;
        }
        Ok(())
    }
}

fn by_blocks<R: BufRead>(
    old: &File,
    old_size: u64,
    patch: &mut R,
    new: &mut NewFile<'_>,
) -> Result<(), PatchError> {
    let mut decoder = Decoder::with_buffer(patch)
        .map_err(PatchError::Read)?
        .single_frame();
    decoder
        .window_log_max(MOST_WINDOW_LOG)
        .map_err(PatchError::Read)?;
    let mut ops = BufReader::with_capacity(64 * 1024, decoder);
    loop {
        match read_byte(&mut ops)? {
            END => break,
            COPY => {
                let (offset, length) = (read_number(&mut ops)?, read_number(&mut ops)?);
                let end = offset.checked_add(length);
                if length == 0 || end.is_none_or(|end| end > old_size) {
                    return Err(PatchError::Damaged(
                        "it copies what the old file does not have",
                    ));
                }
                new.expect(length)?;
                new.copy(old, offset, length)?;
            }
            LITERAL => {
                let length = read_number(&mut ops)?;
                new.expect(length)?;
                if length == 0 || new.write_from(&mut ops, length)? != length {
                    return Err(PatchError::Damaged("its data is cut short"));
                }
            }
            _ => return Err(PatchError::Damaged("it has a step that is unknown")),
        }
    }
    if ops.read(&mut [0]).map_err(PatchError::Read)? != 0 {
        return Err(PatchError::Damaged("something follows its last step"));
    }
    Ok(())
}

fn by_prefix<R: BufRead>(
    old: &File,
    old_size: u64,
    patch: &mut R,
    new: &mut NewFile<'_>,
) -> Result<(), PatchError> {
    if old_size > PREFIX_BYTES {
        return Err(PatchError::Damaged("it needs too much memory"));
    }
    let old = read_old(old, old_size).map_err(|error| match error {
        DiffError::ReadOld(error) => PatchError::ReadOld(error),
        _ => PatchError::ReadOld(io::ErrorKind::UnexpectedEof.into()),
    })?;
    let mut decoder = Decoder::with_ref_prefix(patch, &old)
        .map_err(PatchError::Read)?
        .single_frame();
    decoder
        .window_log_max(MOST_WINDOW_LOG)
        .map_err(PatchError::Read)?;
    new.write_from(&mut decoder, u64::MAX)?;
    Ok(())
}
