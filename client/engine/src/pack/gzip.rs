//! gzip on all cores.
//!
//! The result is one gzip member, so that readers that know of no second member read all of it.
//! Its blocks of 1 MiB are compressed independently and end on byte borders (`Z_SYNC_FLUSH`),
//! as pigz does; the same input gives the same bytes on any number of cores.

use std::collections::VecDeque;
use std::io::{self, Write};

use crc32fast::Hasher as Crc;
use crossbeam_channel::{Receiver, bounded};
use flate2::{Compress, FlushCompress, Status};

const BLOCK_BYTES: usize = 1024 * 1024;
// Magic, deflate, no flags, no time (the same input gives the same bytes), Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// Compresses what is written, on the threads of rayon; must be finished.
pub(super) struct ParallelGzip<W: Write> {
    inner: W,
    level: flate2::Compression,
    block: Vec<u8>,
    /// Blocks being compressed, in order; never more than `queue_blocks`.
    queue: VecDeque<Receiver<io::Result<Block>>>,
    queue_blocks: usize,
    crc: Crc,
    /// How many bytes were written, modulo 2^32.
    bytes: u32,
    header_written: bool,
}

struct Block {
    deflated: Vec<u8>,
    crc: Crc,
}

impl<W: Write> ParallelGzip<W> {
    pub(super) fn new(inner: W, level: u32) -> Self {
        Self {
            inner,
            level: flate2::Compression::new(level.min(9)),
            block: Vec::with_capacity(BLOCK_BYTES),
            queue: VecDeque::new(),
            queue_blocks: 2 * rayon::current_num_threads(),
            crc: Crc::new(),
            bytes: 0,
            header_written: false,
        }
    }

    /// Writes the end and returns the inner writer.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.send_block(FlushCompress::Finish)?;
        while !self.queue.is_empty() {
            self.write_first()?;
        }
        self.inner.write_all(&self.crc.finalize().to_le_bytes())?;
        self.inner.write_all(&self.bytes.to_le_bytes())?;
        Ok(self.inner)
    }

    fn send_block(&mut self, flush: FlushCompress) -> io::Result<()> {
        if self.queue.len() >= self.queue_blocks {
            self.write_first()?;
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES));
        let level = self.level;
        let (sender, receiver) = bounded(1);
        let work = move || {
            // The receiver is gone only after an error that ended everything.
            drop(sender.send(deflate(&block, level, flush)));
        };
        if rayon::current_thread_index().is_some() {
            // Waiting for the pool inside the pool could wait for ever.
            work();
        } else {
            rayon::spawn(work);
        }
        self.queue.push_back(receiver);
        Ok(())
    }

    fn write_first(&mut self) -> io::Result<()> {
        let Some(receiver) = self.queue.pop_front() else {
            return Ok(());
        };
        let block = receiver
            .recv()
            .map_err(|_| io::Error::other("a compressing thread ended early"))??;
        if !self.header_written {
            self.inner.write_all(&HEADER)?;
            self.header_written = true;
        }
        self.crc.combine(&block.crc);
        self.inner.write_all(&block.deflated)
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&data[..taken]);
        self.bytes = self.bytes.wrapping_add(u32::try_from(taken).unwrap_or(0));
        if self.block.len() == BLOCK_BYTES {
            self.send_block(FlushCompress::Sync)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn deflate(data: &[u8], level: flate2::Compression, flush: FlushCompress) -> io::Result<Block> {
    let mut crc = Crc::new();
    crc.update(data);
    let mut compress = Compress::new(level, false);
    let mut deflated = Vec::with_capacity(data.len() / 2 + 64);
    loop {
        let done = usize::try_from(compress.total_in()).map_err(io::Error::other)?;
        let status = compress
            .compress_vec(&data[done..], &mut deflated, flush)
            .map_err(io::Error::other)?;
        let all_read = compress.total_in() == data.len() as u64;
        let room_left = deflated.len() < deflated.capacity();
        match (status, flush) {
            (Status::StreamEnd, _) => break,
            // A sync flush is complete once it leaves room in the output.
            (_, FlushCompress::Sync) if all_read && room_left => break,
            _ => deflated.reserve(data.len() / 4 + 64),
        }
    }
    Ok(Block { deflated, crc })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(data: &[u8], level: u32) -> Vec<u8> {
        let mut writer = ParallelGzip::new(Vec::new(), level);
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn gunzip_first_member(data: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(data);
        let mut content = Vec::new();
        decoder.read_to_end(&mut content).unwrap();
        assert!(
            decoder.into_inner().is_empty(),
            "one member, nothing after it"
        );
        content
    }

    #[test]
    fn any_length_comes_back_from_one_member() {
        let data: Vec<u8> = (0..4 * u32::try_from(BLOCK_BYTES).unwrap())
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for length in [
            0,
            1,
            BLOCK_BYTES - 1,
            BLOCK_BYTES,
            BLOCK_BYTES + 1,
            3 * BLOCK_BYTES + 7,
        ] {
            for level in [0, 1, 6, 9] {
                let packed = gzip(&data[..length], level);
                assert!(gunzip_first_member(&packed) == data[..length]);
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_inside_and_outside_of_the_pool() {
        let data = vec![7_u8; 2 * BLOCK_BYTES + 11];
        let outside = gzip(&data, 6);
        let inside = rayon::join(|| gzip(&data, 6), || ()).0;
        assert!(outside == inside);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn random_bytes_come_back(data: Vec<u8>, level in 0_u32..10) {
            prop_assert_eq!(gunzip_first_member(&gzip(&data, level)), data);
        }
    }
}
