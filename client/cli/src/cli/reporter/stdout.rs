//! Standard output that may be closed or full.

use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

/// Standard output. A reader that goes away (`| head`) silences it and ends nothing; any other
/// error is told by [`Stdout::finish`].
#[derive(Default)]
pub(super) struct Stdout(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Open,
    Closed,
    Failed(io::Error),
}

impl Stdout {
    /// Writes one line.
    pub(super) fn line(&self, line: &str) {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.bytes(&bytes);
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Open) {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            *state = match error.kind() {
                ErrorKind::BrokenPipe => State::Closed,
                _ => State::Failed(error),
            };
        }
    }

    /// The error that something written met.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Closed) {
            State::Failed(error) => Err(error),
            other => {
                *state = other;
                Ok(())
            }
        }
    }
}
