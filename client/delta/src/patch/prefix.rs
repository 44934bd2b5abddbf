//! Makes a patch by zstd, which finds what the new file has in common with the old one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use hashget_words::hash_reader::HashReader;
use zstd::stream::write::Encoder;

use super::blocks::diff;
use super::error::DiffError;
use super::format::{Counting, Header, MOST_WINDOW_LOG, Method, Trailer};
use super::signature::{SignatureError, signature};
use super::{DiffOptions, DiffStats};

/// The largest file, in bytes, that is patched with the whole old file in memory. Larger ones
/// are patched block by block.
pub const PREFIX_BYTES: u64 = 1 << MOST_WINDOW_LOG;

/// Makes a patch that turns `old` into `new`, a stream of `new_size` bytes.
pub fn diff_with_old(
    old: &File,
    new: &mut dyn Read,
    new_size: u64,
    out: &mut dyn Write,
    options: DiffOptions,
) -> Result<DiffStats, DiffError> {
    let old_size = old.metadata().map_err(DiffError::ReadOld)?.len();
    if old_size.max(new_size) <= PREFIX_BYTES {
        return by_prefix(&read_old(old, old_size)?, new, new_size, out, options);
    }
    let mut reader = At {
        file: old,
        offset: 0,
    };
    let signature = signature(&mut reader, old_size).map_err(|error| match error {
        SignatureError::Read(error) => DiffError::ReadOld(error),
        SignatureError::Changed | SignatureError::Damaged(_) => DiffError::OldChanged,
    })?;
    diff(&signature, new, out, options)
}

/// Reads a file that holds no more than [`PREFIX_BYTES`].
pub(super) fn read_old(old: &File, size: u64) -> Result<Vec<u8>, DiffError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    At {
        file: old,
        offset: 0,
    }
    .take(size)
    .read_to_end(&mut bytes)
    .map_err(DiffError::ReadOld)?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(DiffError::OldChanged)
    }
}

fn by_prefix(
    old: &[u8],
    new: &mut dyn Read,
    new_size: u64,
    out: &mut dyn Write,
    options: DiffOptions,
) -> Result<DiffStats, DiffError> {
    let mut out = Counting::new(out);
    let header = Header {
        method: Method::Prefix,
        old_size: old.len() as u64,
    };
    header.write(&mut out).map_err(DiffError::Write)?;
    let mut encoder =
        Encoder::with_ref_prefix(&mut out, options.level, old).map_err(DiffError::Write)?;
    let mut set = || -> io::Result<()> {
        // The old file can be referred to for as long as the window is not full.
        encoder.window_log(window_log(new_size.max(old.len() as u64)))?;
        encoder.long_distance_matching(true)?;
        encoder.set_pledged_src_size(Some(new_size))
    };
    set().map_err(DiffError::Write)?;
    let mut new = HashReader::new(new.take(new_size));
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match new.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => encoder
                .write_all(&buffer[..count])
                .map_err(DiffError::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DiffError::ReadNew(error)),
        }
    }
    let hasher = new.into_hasher();
    let trailer = Trailer {
        new_size: hasher.bytes(),
        sha256: hasher.finish(),
    };
    if trailer.new_size != new_size {
        return Err(DiffError::ReadNew(io::ErrorKind::UnexpectedEof.into()));
    }
    encoder.finish().map_err(DiffError::Write)?;
    trailer.write(&mut out).map_err(DiffError::Write)?;
    Ok(DiffStats {
        new_bytes: new_size,
        sha256: trailer.sha256,
        patch_bytes: out.bytes,
        copied_bytes: 0,
    })
}

/// The smallest window that holds `size` bytes.
fn window_log(size: u64) -> u32 {
    const LEAST: u32 = 10;
    size.max(1)
        .next_power_of_two()
        .trailing_zeros()
        .clamp(LEAST, MOST_WINDOW_LOG)
}

/// Reads a file from its start, wherever its own position is.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
