//! Makes a patch from the old file's signature alone.

use std::io::{self, BufWriter, Read, Write};

use hashget_words::hash_reader::HashReader;
use zstd::stream::write::Encoder;

use super::block_table::BlockTable;
use super::error::DiffError;
use super::format::{COPY, Counting, END, Header, LITERAL, Method, Trailer, write_number};
use super::rolling::Rolling;
use super::signature::{Signature, fill};
use super::{DiffOptions, DiffStats};

/// How much literal data is gathered before it is written.
const LITERAL_BYTES: usize = 1 << 20;

/// Makes a patch that turns the file of `signature` into `new`, which is read as a stream.
pub fn diff(
    signature: &Signature,
    new: &mut dyn Read,
    out: &mut dyn Write,
    options: DiffOptions,
) -> Result<DiffStats, DiffError> {
    let mut out = Counting::new(out);
    let header = Header {
        method: Method::Blocks,
        old_size: signature.size,
    };
    header.write(&mut out).map_err(DiffError::Write)?;
    let encoder = Encoder::new(&mut out, options.level).map_err(DiffError::Write)?;
    let mut new = HashReader::new(new);
    let mut scan = Scan {
        table: BlockTable::new(signature),
        block_bytes: signature.block_bytes as usize,
        input: Window::new(signature.block_bytes as usize),
        ops: Ops::new(encoder),
        old_size: signature.size,
    };
    scan.run(&mut new)?;
    let (encoder, copied_bytes) = scan.ops.finish().map_err(DiffError::Write)?;
    let out = encoder.finish().map_err(DiffError::Write)?;
    let hasher = new.into_hasher();
    let trailer = Trailer {
        new_size: hasher.bytes(),
        sha256: hasher.finish(),
    };
    trailer.write(out).map_err(DiffError::Write)?;
    Ok(DiffStats {
        new_bytes: trailer.new_size,
        sha256: trailer.sha256,
        patch_bytes: out.bytes,
        copied_bytes,
    })
}

/// The part of the new file that is being looked at.
struct Window {
    buffer: Vec<u8>,
    /// Where the data begins that is not yet told.
    told: usize,
    /// Where the block that is looked at begins.
    at: usize,
    end: usize,
    is_last: bool,
}

impl Window {
    fn new(block_bytes: usize) -> Self {
        let room = 2 * LITERAL_BYTES + 32 * block_bytes;
        Self {
            buffer: vec![0; room],
            told: 0,
            at: 0,
            end: 0,
            is_last: false,
        }
    }

    /// Drops what was told and reads on.
    fn refill(&mut self, new: &mut dyn Read) -> io::Result<()> {
        self.buffer.copy_within(self.told..self.end, 0);
        self.end -= self.told;
        self.at -= self.told;
        self.told = 0;
        let count = fill(new, &mut self.buffer[self.end..])?;
        self.end += count;
        self.is_last = self.end < self.buffer.len();
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..self.end]
    }

    fn untold(&self) -> &[u8] {
        &self.buffer[self.told..self.at]
    }
}

struct Scan<'a, W: Write> {
    table: BlockTable<'a>,
    block_bytes: usize,
    input: Window,
    ops: Ops<W>,
    old_size: u64,
}

impl<W: Write> Scan<'_, W> {
    fn run(&mut self, new: &mut dyn Read) -> Result<(), DiffError> {
        loop {
            self.input.refill(new).map_err(DiffError::ReadNew)?;
            self.search().map_err(DiffError::Write)?;
            if self.input.is_last {
                return self.finish().map_err(DiffError::Write);
            }
            if self.input.untold().len() >= LITERAL_BYTES {
                self.tell_literal().map_err(DiffError::Write)?;
            }
        }
    }

    /// Looks for blocks until less than a block is left to look at.
    fn search(&mut self) -> io::Result<()> {
        let length = self.block_bytes;
        if self.input.rest().len() < length {
            return Ok(());
        }
        let mut rolling = Rolling::new(&self.input.rest()[..length]);
        loop {
            let rest = self.input.rest();
            let found = if self.table.may_hold(rolling.sum()) {
                self.table.find(rolling.sum(), &rest[..length])
            } else {
                None
            };
            if let Some(block) = found {
                self.follow(block)?;
                if self.input.rest().len() < length {
                    return Ok(());
                }
                rolling.restart(&self.input.rest()[..length]);
                continue;
            }
            let Some(next) = rest.get(length) else {
                // The last block of all is looked at only once.
                if self.input.is_last {
                    self.input.at += 1;
                }
                return Ok(());
            };
            rolling.roll(rest[0], *next);
            self.input.at += 1;
        }
    }

    /// Tells that `block` is here, and those that follow it.
    fn follow(&mut self, block: usize) -> io::Result<()> {
        self.tell_literal()?;
        let mut block = block;
        let mut count = 1;
        while count > 0 {
            let bytes = count * self.block_bytes;
            self.ops
                .copy(block as u64 * self.block_bytes as u64, bytes as u64)?;
            self.input.at += bytes;
            self.input.told = self.input.at;
            block += count;
            count = self.table.run(block, self.input.rest());
        }
        Ok(())
    }

    fn tell_literal(&mut self) -> io::Result<()> {
        self.ops.literal(self.input.untold())?;
        self.input.told = self.input.at;
        Ok(())
    }

    /// Tells the rest, which may end with the old file's shorter last block.
    fn finish(&mut self) -> io::Result<()> {
        let rest = &self.input.buffer[self.input.told..self.input.end];
        if let Some((start, block)) = self.table.last_in(rest) {
            self.ops.literal(&rest[..start])?;
            let offset = block as u64 * self.block_bytes as u64;
            self.ops.copy(offset, self.old_size - offset)
        } else {
            self.ops.literal(rest)
        }
    }
}

/// Writes what a new file is made of; copies that follow each other become one.
struct Ops<W: Write> {
    out: BufWriter<W>,
    pending: Option<(u64, u64)>,
    copied_bytes: u64,
}

impl<W: Write> Ops<W> {
    fn new(out: W) -> Self {
        Self {
            out: BufWriter::new(out),
            pending: None,
            copied_bytes: 0,
        }
    }

    fn copy(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.copied_bytes += length;
        match &mut self.pending {
            Some((start, bytes)) if *start + *bytes == offset => *bytes += length,
            _ => {
                self.tell_pending()?;
                self.pending = Some((offset, length));
            }
        }
        Ok(())
    }

    fn literal(&mut self, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.tell_pending()?;
        self.out.write_all(&[LITERAL])?;
        write_number(&mut self.out, data.len() as u64)?;
        self.out.write_all(data)
    }

    fn tell_pending(&mut self) -> io::Result<()> {
        if let Some((offset, length)) = self.pending.take() {
            self.out.write_all(&[COPY])?;
            write_number(&mut self.out, offset)?;
            write_number(&mut self.out, length)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<(W, u64)> {
        self.tell_pending()?;
        self.out.write_all(&[END])?;
        let out = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        Ok((out, self.copied_bytes))
    }
}
