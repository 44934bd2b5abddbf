//! Xz files, their blocks decoded by several threads at once.

use std::io::{self, BufRead, Read};

use liblzma::stream::{Action, MtStreamBuilder, Status, Stream};

/// What the blocks in work may take for each thread: `xz -T` makes blocks of 24 MiB with windows of
/// 8 MiB by default. With more room blocks that are decoded pile up, and nothing gets faster; with
/// less the threads wait for each other.
const THREAD_MEMORY: u64 = 40 << 20;

/// Decodes every stream in turn.
///
/// Only files whose blocks tell their sizes are decoded in parallel, which are those that `xz -T`
/// wrote; others are decoded as ever. liblzma begins a block elsewhere only if it fits into the
/// memory that is left, so what a block claims to be costs no more than that.
pub(super) struct ParallelXz<R> {
    input: R,
    builder: MtStreamBuilder,
    /// `None` between two streams.
    stream: Option<Stream>,
    finished: bool,
}

impl<R: BufRead> ParallelXz<R> {
    /// Starts at the header of the first stream. No window may take more than `memory` bytes, nor
    /// all blocks in work together.
    pub(super) fn new(input: R, threads: u32, memory: u64) -> io::Result<Self> {
        let mut builder = MtStreamBuilder::new();
        builder
            .threads(threads)
            .memlimit_threading(memory.min(THREAD_MEMORY.saturating_mul(threads.into())))
            .memlimit_stop(memory);
        let stream = Some(builder.decoder()?);
        Ok(Self {
            input,
            builder,
            stream,
            finished: false,
        })
    }

    /// Passes the padding after a stream, which comes in whole words; returns whether another stream
    /// follows.
    fn pass_padding(&mut self) -> io::Result<bool> {
        let mut padding = 0;
        let more = loop {
            let bytes = self.input.fill_buf()?;
            let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
            let (empty, ended) = (bytes.is_empty(), zeros < bytes.len());
            self.input.consume(zeros);
            padding += zeros % 4;
            if empty || ended {
                break ended;
            }
        };
        if padding % 4 == 0 {
            return Ok(more);
        }
        Err(invalid("garbage after the xz data"))
    }
}

impl<R: BufRead> Read for ParallelXz<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.finished {
            return Ok(0);
        }
        loop {
            if self.stream.is_none() {
                if !self.pass_padding()? {
                    self.finished = true;
                    return Ok(0);
                }
                self.stream = Some(self.builder.decoder()?);
            }
            let Some(stream) = &mut self.stream else {
                return Ok(0);
            };
            let input = self.input.fill_buf()?;
            let (action, at_end) = if input.is_empty() {
                (Action::Finish, true)
            } else {
                (Action::Run, false)
            };
            let (read_before, made_before) = (stream.total_in(), stream.total_out());
            let status = stream.process(input, buffer, action)?;
            let consumed = stream.total_in() - read_before;
            let made = stream.total_out() - made_before;
            self.input
                .consume(usize::try_from(consumed).unwrap_or(usize::MAX));
            if status == Status::StreamEnd {
                self.stream = None;
            } else if made == 0 && at_end {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the xz data ends too early",
                ));
            } else if made == 0 && consumed == 0 {
                return Err(invalid("the xz data makes no sense"));
            }
            if made > 0 {
                return Ok(usize::try_from(made).unwrap_or(usize::MAX));
            }
        }
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
