//! The content of files, while they may change.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use hashget_files::monitor::Progress;

/// Gives exactly the promised bytes of a file, extent by extent: what can no longer be read is
/// given as zeros and remembered, because the archive has already promised it.
pub(super) struct PromisedContent<'a> {
    file: &'a File,
    extents: std::vec::IntoIter<(u64, u64)>,
    offset: u64,
    left: u64,
    lost_bytes: u64,
    error: Option<io::Error>,
}

impl<'a> PromisedContent<'a> {
    /// Promises these extents, as (offset, length).
    pub(super) fn new(file: &'a File, extents: Vec<(u64, u64)>) -> Self {
        Self {
            file,
            extents: extents.into_iter(),
            offset: 0,
            left: 0,
            lost_bytes: 0,
            error: None,
        }
    }

    /// What went wrong: how many bytes are zeros instead, and why.
    pub(super) fn loss(&self) -> Option<String> {
        (self.lost_bytes > 0).then(|| {
            let why = match &self.error {
                Some(error) => error.to_string(),
                None => "it shrank".to_owned(),
            };
            format!("{} bytes are zeros in the archive: {why}", self.lost_bytes)
        })
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> usize {
        if self.error.is_none() {
            loop {
                match self.file.read_at(buffer, self.offset) {
                    Ok(0) => break,
                    Ok(count) => return count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.error = Some(error);
                        break;
                    }
                }
            }
        }
        buffer.fill(0);
        self.lost_bytes += buffer.len() as u64;
        buffer.len()
    }
}

impl Read for PromisedContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            match self.extents.next() {
                Some((offset, length)) => (self.offset, self.left) = (offset, length),
                None => return Ok(0),
            }
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.read_some(&mut buffer[..most]);
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Content that shows the progress of reading it.
pub(super) struct Shown<'a> {
    inner: &'a mut dyn Read,
    progress: &'a Progress<'a>,
    bytes: u64,
}

impl<'a> Shown<'a> {
    pub(super) fn new(inner: &'a mut dyn Read, progress: &'a Progress<'a>) -> Self {
        Self {
            inner,
            progress,
            bytes: 0,
        }
    }

    /// Counts what was not read, because it is holes, of a file of `size` bytes.
    pub(super) fn finish(self, size: u64) {
        self.progress.advance(size.saturating_sub(self.bytes));
    }
}

impl Read for Shown<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        self.progress.advance(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &File, extents: Vec<(u64, u64)>) -> (Vec<u8>, Option<String>) {
        let mut content = PromisedContent::new(file, extents);
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        (bytes, content.loss())
    }

    #[test]
    fn extents_are_read_in_order() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"0123456789", 0).unwrap();
        let (bytes, loss) = read(&file, vec![(1, 2), (4, 0), (7, 3)]);
        assert_eq!((&bytes[..], loss), (&b"12789"[..], None));
        assert!(read(&file, vec![]).0.is_empty());
    }

    #[test]
    fn a_file_that_shrank_keeps_its_promised_size() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"01", 0).unwrap();
        let (bytes, loss) = read(&file, vec![(0, 4)]);
        assert_eq!(bytes, b"01\0\0");
        assert!(loss.unwrap().starts_with("2 bytes"));
    }
}
