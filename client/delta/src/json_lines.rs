//! Files of JSON lines, plain or compressed by gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::DeltaError;

/// The signature of a file of 10 TB fits.
const LINE_BYTES: u64 = 256 << 20;

/// Writes one line.
pub(super) fn write_line<T: Serialize>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Opens a file that may be compressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    let is_gzip = file.fill_buf()?.starts_with(&[0x1F, 0x8B]);
    Ok(if is_gzip {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    })
}

/// Refuses more than so many bytes, by name.
pub(super) struct Capped<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R: Read> Capped<R> {
    pub(super) fn new(inner: R, most: u64) -> Self {
        let left = most;
        Self { inner, left, most }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more tells the end from the limit.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(most);
        let count = self.inner.read(&mut buffer[..wanted])?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(io::Error::other(format!(
                "it is larger than {} bytes, the most that is read",
                self.most
            ))),
        }
    }
}

/// Reads lines of JSON.
pub(super) struct Lines<'a> {
    inner: &'a mut dyn BufRead,
    path: &'a Path,
    what: &'static str,
    number: u64,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Reads the lines of the file at `path`, which should be a `what`.
    pub(super) fn new(inner: &'a mut dyn BufRead, path: &'a Path, what: &'static str) -> Self {
        Self {
            inner,
            path,
            what,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line, which must be there.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<T, DeltaError> {
        self.number += 1;
        self.line.clear();
        let mut limited = (&mut *self.inner).take(LINE_BYTES);
        let count = limited.read_until(b'\n', &mut self.line);
        count.map_err(DeltaError::io("read", self.path))?;
        if self.line.last() != Some(&b'\n') {
            let reason = if self.line.len() as u64 == LINE_BYTES {
                format!("it is longer than {LINE_BYTES} bytes, the most of a line")
            } else {
                "it is cut short".to_owned()
            };
            return Err(self.error(&reason));
        }
        serde_json::from_slice(&self.line).map_err(|error| self.error(&error.to_string()))
    }

    /// Checks that nothing follows.
    pub(super) fn end(mut self) -> Result<(), DeltaError> {
        let rest = self
            .inner
            .fill_buf()
            .map_err(DeltaError::io("read", self.path))?;
        if rest.is_empty() {
            return Ok(());
        }
        self.number += 1;
        Err(self.error("something follows its end"))
    }

    /// An error in the line that was read last.
    pub(super) fn error(&self, reason: &str) -> DeltaError {
        DeltaError::Format {
            path: self.path.to_owned(),
            what: self.what,
            reason: format!("line {}: {reason}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_refused_by_name_and_reached_in_full() {
        let read = |most| {
            let mut text = String::new();
            let done = Capped::new(&b"twelve bytes"[..], most).read_to_string(&mut text);
            done.map(|_| text).map_err(|error| error.to_string())
        };
        assert_eq!(read(12).unwrap(), "twelve bytes");
        assert!(read(11).unwrap_err().contains("larger than 11 bytes"));
    }
}
