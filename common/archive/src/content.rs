//! The content of one member, which is complete or an error.

use std::io::{self, Read};

use super::error::{ArchiveError, MemberName};
use super::sniff::{HEAD_BYTES, read_head};

/// The bytes of a member, some of which may be holes that need not be read.
pub(super) trait Stored: Read {
    /// Passes the hole that is next, if one is; gives its size.
    fn pass_hole(&mut self) -> u64 {
        0
    }
}

/// Bytes without holes.
pub(super) struct Plain<'r>(pub(super) &'r mut dyn Read);

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Stored for Plain<'_> {}

/// Gives exactly the promised bytes of a member.
///
/// An early end and every failure below are kept, so that the reading ends with them even if
/// the visitor ignores what its reader says.
pub(crate) struct Content<'r> {
    inner: &'r mut dyn Stored,
    format: &'static str,
    member: MemberName,
    size: Option<u64>,
    head: Vec<u8>,
    head_given: usize,
    given: u64,
    failed: Option<ArchiveError>,
}

impl<'r> Content<'r> {
    /// Reads `inner`, which should have `size` bytes, or any number if that is `None`.
    pub(super) fn new(
        inner: &'r mut dyn Stored,
        format: &'static str,
        member: MemberName,
        size: Option<u64>,
    ) -> Self {
        let head = Vec::new();
        Self {
            inner,
            format,
            member,
            size,
            head,
            head_given: 0,
            given: 0,
            failed: None,
        }
    }

    /// Looks at the first bytes, up to [`HEAD_BYTES`], before anything else is read.
    pub(super) fn peek(&mut self) -> Result<&[u8], ArchiveError> {
        let wanted = self.size.unwrap_or(u64::MAX).min(HEAD_BYTES as u64);
        match read_head(&mut (&mut *self.inner).take(wanted)) {
            Ok(head) => self.head = head,
            Err(error) => {
                self.fail(error);
                self.finish()?;
            }
        }
        Ok(&self.head)
    }

    /// Reads what the visitor left, and tells of any failure since the start.
    pub(super) fn finish(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; 8192];
        // A failure is kept by `read`.
        while self.failed.is_none() {
            self.given += self.inner.pass_hole();
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// The failure so far, without reading on.
    pub(super) fn take_failure(&mut self) -> Option<ArchiveError> {
        self.failed.take()
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        let offset = self.given;
        let error = ArchiveError::take(error, |source| ArchiveError::Io {
            action: "read a member",
            offset,
            source,
        });
        let told = io::Error::new(kind, error.to_string());
        self.failed = Some(error);
        told
    }

    fn read_inner(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head_given < self.head.len() {
            let head = &self.head[self.head_given..];
            let count = head.len().min(buffer.len());
            buffer[..count].copy_from_slice(&head[..count]);
            self.head_given += count;
            return Ok(count);
        }
        self.inner.read(buffer)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = &self.failed {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                error.to_string(),
            ));
        }
        let left = self.size.map_or(u64::MAX, |size| size - self.given);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        match self.read_inner(&mut buffer[..wanted]) {
            Ok(0) if self.size.is_some() => Err(self.fail(
                ArchiveError::Truncated {
                    format: self.format,
                    member: self.member.clone(),
                    offset: self.given,
                }
                .into_io(),
            )),
            Ok(count) => {
                self.given += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(error)),
        }
    }
}
