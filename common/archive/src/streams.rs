//! Compressed files of any number of streams one after another: gzip (RFC 1952, 2.2) and bzip2,
//! as `pigz` and `pbzip2` write them.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::GzHeader;
use flate2::bufread::GzDecoder;

/// Decodes every stream in turn.
///
/// Zero bytes after a stream are padding (tapes). What follows the last stream and begins none is
/// not read, as `gzip` and `bzip2` do; [`Streams::has_trailing`] tells of it.
pub(super) struct Streams<S> {
    /// `None` once the input has ended.
    stream: Option<S>,
    is_later: bool,
    has_trailing: bool,
}

/// The decoder of one stream.
pub(super) trait OneStream: Read {
    type Input: BufRead;

    /// How every stream begins.
    const FIRST_BYTE: u8;

    fn begin(input: Self::Input) -> Self;

    /// The input, just behind the stream.
    fn into_input(self) -> Self::Input;

    /// Whether `error` says that no stream begins where this one was said to.
    fn is_none(&self, error: &io::Error) -> bool;
}

impl<S: OneStream> Streams<S> {
    /// Starts at the header of the first stream.
    pub(super) fn new(input: S::Input) -> Self {
        Self {
            stream: Some(S::begin(input)),
            is_later: false,
            has_trailing: false,
        }
    }

    /// Whether other bytes than zeros follow the last stream; known once all is read.
    pub(super) fn has_trailing(&self) -> bool {
        self.has_trailing
    }
}

impl<R: BufRead> Streams<GzDecoder<R>> {
    /// The header of the member being read.
    pub(super) fn header(&self) -> Option<&GzHeader> {
        self.stream.as_ref().and_then(GzDecoder::header)
    }
}

impl<S: OneStream> Read for Streams<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut stream) = self.stream.take() {
            match stream.read(buffer) {
                Ok(0) => {
                    let mut input = stream.into_input();
                    match after_padding(&mut input)? {
                        None => {}
                        Some(byte) if byte == S::FIRST_BYTE => {
                            self.is_later = true;
                            self.stream = Some(S::begin(input));
                        }
                        Some(_) => self.has_trailing = true,
                    }
                }
                Ok(count) => {
                    self.stream = Some(stream);
                    return Ok(count);
                }
                Err(error) if self.is_later && stream.is_none(&error) => self.has_trailing = true,
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }
}

/// Passes zeros; the byte that follows them, which is not passed.
fn after_padding(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let (is_end, next) = (bytes.is_empty(), bytes.get(zeros).copied());
        input.consume(zeros);
        if is_end || next.is_some() {
            return Ok(next);
        }
    }
}

impl<R: BufRead> OneStream for GzDecoder<R> {
    type Input = R;
    const FIRST_BYTE: u8 = 0x1f;

    fn begin(input: R) -> Self {
        Self::new(input)
    }

    fn into_input(self) -> R {
        self.into_inner()
    }

    fn is_none(&self, error: &io::Error) -> bool {
        // A header cut short is an early end instead.
        self.header().is_none() && error.kind() == io::ErrorKind::InvalidInput
    }
}

impl<R: BufRead> OneStream for BzDecoder<R> {
    type Input = R;
    const FIRST_BYTE: u8 = b'B';

    fn begin(input: R) -> Self {
        Self::new(input)
    }

    fn into_input(self) -> R {
        self.into_inner()
    }

    fn is_none(&self, error: &io::Error) -> bool {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        inner == Some(&bzip2::Error::DataMagic)
    }
}
