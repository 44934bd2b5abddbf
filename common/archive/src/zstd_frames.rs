//! Zstandard files of several frames, which several threads decode at once.

mod next;

use std::collections::VecDeque;
use std::io::{self, BufRead, Chain, Cursor, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use self::next::{Frame, FrameLimits, Next, next_frame};

/// What frames in work may take for each thread, compressed and decompressed together.
const THREAD_MEMORY: u64 = 40 << 20;

/// Decodes the frames of a file, several at once, as far as they tell their sizes and are small
/// enough to be held in memory: `pzstd` and the writers of seekable files make such. From the first
/// one on that is not, and for damage of any kind, one decoder reads the rest as ever.
pub(super) struct ParallelZstd<R> {
    /// `None` once it has ended, or `rest` has it.
    input: Option<R>,
    rest: Option<SerialZstd<R>>,
    window_log_max: u32,
    limits: FrameLimits,
    /// How much the frames in work may take, and how much they take, in bytes.
    most_bytes: u64,
    used_bytes: u64,
    /// The frames in work, in order.
    queue: VecDeque<FrameInWork>,
    /// What was decoded, and how much of that was given out.
    decoded: Vec<u8>,
    given: usize,
    workers: Workers,
}

type SerialZstd<R> = zstd::Decoder<'static, Chain<Cursor<Vec<u8>>, R>>;

struct FrameInWork {
    cost_bytes: u64,
    decoded: Receiver<io::Result<Vec<u8>>>,
}

impl<R: BufRead> ParallelZstd<R> {
    /// Starts at the first frame. `window_log_max` bounds the window of any frame, `memory` what all
    /// frames in work take, in bytes.
    pub(super) fn new(input: R, threads: u32, window_log_max: u32, memory: u64) -> Self {
        let most_bytes = memory.min(THREAD_MEMORY.saturating_mul(threads.into()));
        Self {
            input: Some(input),
            rest: None,
            window_log_max,
            limits: FrameLimits {
                bytes: most_bytes / u64::from(threads.max(1)) / 2,
                window: 1 << window_log_max,
            },
            most_bytes,
            used_bytes: 0,
            queue: VecDeque::new(),
            decoded: Vec::new(),
            given: 0,
            workers: Workers::new(threads),
        }
    }

    /// Hands out frames until there is enough work, or a single decoder has to go on.
    fn begin_frames(&mut self) -> io::Result<()> {
        while let Some(input) = &mut self.input {
            let room = self.most_bytes - self.used_bytes;
            if !self.queue.is_empty() && room < 2 * self.limits.bytes {
                break;
            }
            match next_frame(input, self.limits)? {
                Next::End => self.input = None,
                Next::Other(begun) => self.go_on_alone(begun)?,
                Next::Frame(frame) => {
                    // A file of one frame comes sooner from a decoder that gives out parts of it.
                    if !self.workers.are_at_work() && input.fill_buf()?.is_empty() {
                        self.go_on_alone(frame.bytes)?;
                        continue;
                    }
                    let cost_bytes = frame.bytes.len() as u64 + frame.size as u64;
                    self.used_bytes += cost_bytes;
                    self.queue.push_back(FrameInWork {
                        cost_bytes,
                        decoded: self.workers.decode(frame)?,
                    });
                }
            }
        }
        Ok(())
    }

    /// Leaves the rest, of which `begun` was read already, to one decoder.
    fn go_on_alone(&mut self, begun: Vec<u8>) -> io::Result<()> {
        if let Some(input) = self.input.take() {
            let mut decoder = zstd::Decoder::with_buffer(Cursor::new(begun).chain(input))?;
            decoder.window_log_max(self.window_log_max)?;
            self.rest = Some(decoder);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ParallelZstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let ready = &self.decoded[self.given..];
            if !ready.is_empty() {
                let count = ready.len().min(buffer.len());
                buffer[..count].copy_from_slice(&ready[..count]);
                self.given += count;
                return Ok(count);
            }
            self.begin_frames()?;
            let Some(frame) = self.queue.pop_front() else {
                return match &mut self.rest {
                    Some(rest) => rest.read(buffer),
                    None => Ok(0),
                };
            };
            let decoded = frame.decoded.recv().map_err(io::Error::other)?;
            self.used_bytes -= frame.cost_bytes;
            self.decoded = decoded?;
            self.given = 0;
        }
    }
}

/// The threads that decode frames; they start with the first one.
struct Workers {
    threads: u32,
    jobs: Option<Sender<Job>>,
    handles: Vec<JoinHandle<()>>,
}

struct Job {
    frame: Frame,
    decoded: SyncSender<io::Result<Vec<u8>>>,
}

impl Workers {
    fn new(threads: u32) -> Self {
        Self {
            threads,
            jobs: None,
            handles: Vec::new(),
        }
    }

    fn are_at_work(&self) -> bool {
        self.jobs.is_some()
    }

    /// Has a frame decoded.
    fn decode(&mut self, frame: Frame) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
        let (decoded, receiver) = sync_channel(1);
        let jobs = match &self.jobs {
            Some(jobs) => jobs,
            None => self.jobs.insert(start(self.threads, &mut self.handles)?),
        };
        let job = Job { frame, decoded };
        jobs.send(job)
            .map_err(|_| io::Error::other("the decoding threads are gone"))?;
        Ok(receiver)
    }
}

fn start(threads: u32, handles: &mut Vec<JoinHandle<()>>) -> io::Result<Sender<Job>> {
    let (jobs, queue) = channel();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..threads {
        let queue = Arc::clone(&queue);
        let work = move || {
            while let Some(job) = next_job(&queue) {
                let decoded = zstd::bulk::decompress(&job.frame.bytes, job.frame.size);
                if job.decoded.send(decoded).is_err() {
                    // Nobody reads on.
                    return;
                }
            }
        };
        handles.push(thread::Builder::new().spawn(work)?);
    }
    Ok(jobs)
}

fn next_job(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.jobs = None;
        for handle in self.handles.drain(..) {
            // A panic has shown as a frame that did not come.
            handle.join().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: &[u8], is_sized: bool) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let size = is_sized.then_some(data.len() as u64);
        encoder.set_pledged_src_size(size).unwrap();
        io::Write::write_all(&mut encoder, data).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads to the end; tells also whether other threads decoded, and whether one decoder did.
    fn read(bytes: &[u8], memory: u64) -> (Vec<u8>, bool, bool) {
        let mut reader = ParallelZstd::new(bytes, 2, 27, memory);
        let mut data = Vec::new();
        reader.read_to_end(&mut data).unwrap();
        assert_eq!((reader.used_bytes, reader.queue.len()), (0, 0));
        (data, reader.workers.are_at_work(), reader.rest.is_some())
    }

    #[test]
    fn only_several_frames_that_tell_their_sizes_are_decoded_by_threads() {
        let (one, two) = (vec![1; 70_000], vec![2; 300]);
        let both = [&one[..], &two].concat();
        let sized = |data| frame(data, true);
        let memory = 10 << 20;
        let alone = read(&sized(&one), memory);
        assert_eq!(alone, (one.clone(), false, true));
        let frames = [sized(&one), sized(&two)].concat();
        assert_eq!(read(&frames, memory), (both.clone(), true, false));
        let last_unsized = [sized(&one), frame(&two, false)].concat();
        assert_eq!(read(&last_unsized, memory), (both.clone(), true, true));
        assert_eq!(read(&frames, 100_000), (both, false, true), "too large");
        assert_eq!(read(b"", memory), (Vec::new(), false, false));
    }

    #[test]
    fn frames_in_work_take_no_more_than_they_may() {
        let frames = vec![frame(&vec![3; 50_000], true); 100].concat();
        let mut reader = ParallelZstd::new(&frames[..], 2, 27, 500_000);
        let mut buffer = [0; 1000];
        let mut most = 0;
        while reader.read(&mut buffer).unwrap() > 0 {
            most = most.max(reader.used_bytes);
        }
        assert!((100_000..=500_000).contains(&most), "{most}");
    }

    #[test]
    fn reading_can_stop_at_any_time() {
        let frames = vec![frame(&vec![3; 50_000], true); 100].concat();
        let mut reader = ParallelZstd::new(&frames[..], 2, 27, 500_000);
        reader.read_exact(&mut vec![0; 60_000]).unwrap();
        drop(reader);
    }
}
