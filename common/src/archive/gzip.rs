//! Gzip files of any number of members (RFC 1952, 2.2), read to their last byte.

use std::io::{self, BufRead, Read};

use flate2::GzHeader;
use flate2::bufread::GzDecoder;

/// Decodes every member in turn.
///
/// Zero bytes after the last member are padding (tapes) and ignored as `gzip` does. Anything
/// else there is an error: `gzip` warns and drops it, which would lose data in silence.
pub(super) struct Gzip<R> {
    /// `None` once the input has ended.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    /// Starts at the header of the first member.
    pub(super) fn new(input: R) -> Self {
        Self {
            member: Some(GzDecoder::new(input)),
        }
    }

    /// The header of the member being read.
    pub(super) fn header(&self) -> Option<&GzHeader> {
        self.member.as_ref().and_then(GzDecoder::header)
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let count = member.read(buffer)?;
            if count > 0 {
                self.member = Some(member);
                return Ok(count);
            }
            let mut input = member.into_inner();
            match input.fill_buf()?.first() {
                None => {}
                Some(0) => skip_padding(&mut input)?,
                Some(_) => self.member = Some(GzDecoder::new(input)),
            }
        }
        Ok(0)
    }
}

fn skip_padding(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let padding = input.fill_buf()?;
        if padding.is_empty() {
            return Ok(());
        }
        if padding.iter().any(|&byte| byte != 0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "garbage after the gzip data",
            ));
        }
        let count = padding.len();
        input.consume(count);
    }
}
