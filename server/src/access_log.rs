//! The access log: a JSON object a line for every request, written by a thread of its own.
//!
//! A disk that does not keep up costs lines, which are counted, never requests.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use serde::Serialize;

/// Lines that may wait to be written.
const WAITING_LINES: usize = 8192;

#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    /// When it came, RFC 3339.
    pub(crate) time: String,
    pub(crate) client: String,
    /// The method, at most 16 characters of it.
    pub(crate) method: &'a str,
    /// The path without the query, at most 512 characters of it.
    pub(crate) path: &'a str,
    /// The pattern of its route.
    pub(crate) route: &'a str,
    /// The status of the answer.
    pub(crate) status: u16,
    /// Bytes of the answer's body that were sent.
    pub(crate) sent_bytes: u64,
    /// Microseconds until the end of the answer.
    pub(crate) micros: u128,
    /// The id of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<&'a str>,
    /// What the client calls itself, at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<&'a str>,
}

enum Message {
    Line(Vec<u8>),
    Reopen,
}

/// The access log, if there is one.
#[derive(Default)]
pub(crate) struct AccessLog {
    writer: Mutex<Option<Writer>>,
    lost_lines: AtomicU64,
    is_on: bool,
}

struct Writer {
    lines: SyncSender<Message>,
    thread: JoinHandle<()>,
}

impl AccessLog {
    /// Begins to write to `path`; `-` is the standard output.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let output = open(&path)?;
        let (lines, incoming) = sync_channel(WAITING_LINES);
        let thread = thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_lines(&path, output, &incoming))?;
        Ok(Self {
            writer: Mutex::new(Some(Writer { lines, thread })),
            lost_lines: AtomicU64::new(0),
            is_on: true,
        })
    }

    /// Whether anybody wants the lines.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// How many lines were lost because the disk did not keep up.
    pub(crate) fn lost_lines(&self) -> u64 {
        self.lost_lines.load(Ordering::Relaxed)
    }

    /// Writes a line, some time.
    pub(crate) fn write(&self, entry: &Entry) {
        let Ok(mut line) = serde_json::to_vec(entry) else {
            return;
        };
        line.push(b'\n');
        self.send(Message::Line(line));
    }

    /// Opens the file again: it may have been renamed.
    pub(crate) fn reopen(&self) {
        self.send(Message::Reopen);
    }

    fn send(&self, message: Message) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = writer.as_ref().map(|writer| writer.lines.try_send(message));
        if matches!(sent, Some(Err(_))) {
            self.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is waiting, and ends.
    pub(crate) fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Writer { lines, thread }) = writer {
            drop(lines);
            if thread.join().is_err() {
                tracing::error!("the access log's thread panicked");
            }
        }
    }
}

type Output = BufWriter<Box<dyn Write + Send>>;

fn open(path: &Path) -> io::Result<Output> {
    let output: Box<dyn Write + Send> = if path == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(File::options().create(true).append(true).open(path)?)
    };
    Ok(BufWriter::new(output))
}

fn write_lines(path: &Path, mut output: Output, incoming: &Receiver<Message>) {
    while let Ok(first) = incoming.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            let done = match message {
                Message::Line(line) => output.write_all(&line),
                Message::Reopen => output
                    .flush()
                    .and_then(|()| open(path))
                    .map(|again| output = again),
            };
            complain(path, done);
            next = incoming.try_recv().ok();
        }
        // Whoever watches the file sees every line once nothing more is waiting.
        complain(path, output.flush());
    }
}

fn complain(path: &Path, done: io::Result<()>) {
    if let Err(error) = done {
        tracing::error!("cannot write the access log {}: {error}", path.display());
    }
}
