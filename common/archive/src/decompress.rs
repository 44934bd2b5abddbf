//! One reader for every compression, bounded in memory and in what it makes.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Error as LzmaError, Stream};

use super::budget::Budget;
use super::error::{ArchiveError, LimitKind, MemberName};
use super::kind::Compression;
use super::streams::Streams;
use super::xz::ParallelXz;
use super::zstd_frames::ParallelZstd;

const BUFFER_BYTES: usize = 64 << 10;

type Input<'r> = BufReader<&'r mut dyn Read>;

/// Decompressed data, to its very end: all members, streams and frames, checksums included.
///
/// Data cut short is an error, and so is anything after the end but the padding that the format
/// allows; after gzip and bzip2 data it is [told](Decoder::trailing) instead, since their own
/// programs pass it over.
pub(super) struct Decoder<'r> {
    codec: Codec<'r>,
    budget: &'r Budget,
    offset: u64,
}

enum Codec<'r> {
    Gzip(Streams<GzDecoder<Input<'r>>>),
    Xz(XzDecoder<Input<'r>>),
    ParallelXz(ParallelXz<Input<'r>>),
    Lzma(XzDecoder<Input<'r>>),
    Bzip2(Streams<BzDecoder<Input<'r>>>),
    Zstd(zstd::Decoder<'static, Input<'r>>),
    ParallelZstd(ParallelZstd<Input<'r>>),
}

impl<'r> Decoder<'r> {
    /// Begins to decompress `input`, by several `threads` if that is more than one and the format
    /// allows it; what comes out counts against `budget`.
    pub(super) fn new(
        compression: Compression,
        input: &'r mut dyn Read,
        threads: u32,
        budget: &'r Budget,
    ) -> Result<Self, ArchiveError> {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        let codec = codec(
            compression,
            input,
            threads,
            budget.limits().max_decoder_memory,
        );
        let codec = codec.map_err(|source| ArchiveError::Decode {
            compression: compression.name(),
            offset: 0,
            source,
        })?;
        Ok(Self {
            codec,
            budget,
            offset: 0,
        })
    }

    /// The name and the time (seconds since 1970) that a gzip header gives.
    pub(super) fn gzip_header(&self) -> (Vec<u8>, Option<u32>) {
        let header = match &self.codec {
            Codec::Gzip(gzip) => gzip.header(),
            _ => None,
        };
        let name = header
            .and_then(|header| header.filename())
            .unwrap_or_default();
        (
            name.to_vec(),
            header
                .map(flate2::GzHeader::mtime)
                .filter(|&seconds| seconds != 0),
        )
    }

    /// What follows the data, if that is garbage; known once all is read.
    pub(super) fn trailing(&self) -> Option<ArchiveError> {
        let has_trailing = match &self.codec {
            Codec::Gzip(codec) => codec.has_trailing(),
            Codec::Bzip2(codec) => codec.has_trailing(),
            _ => false,
        };
        has_trailing.then(|| ArchiveError::Trailing {
            compression: self.compression().name(),
            offset: self.offset,
        })
    }

    /// How the data is compressed.
    pub(super) fn compression(&self) -> Compression {
        match &self.codec {
            Codec::Gzip(_) => Compression::Gzip,
            Codec::Xz(_) | Codec::ParallelXz(_) => Compression::Xz,
            Codec::Lzma(_) => Compression::Lzma,
            Codec::Bzip2(_) => Compression::Bzip2,
            Codec::Zstd(_) | Codec::ParallelZstd(_) => Compression::Zstd,
        }
    }

    fn failed(&self, error: io::Error) -> ArchiveError {
        let compression = self.compression().name();
        ArchiveError::take(error, |source| {
            if wants_too_much_memory(&source) {
                ArchiveError::Limit {
                    limit: LimitKind::DecoderMemory,
                    allowed: self.budget.limits().max_decoder_memory,
                    member: MemberName::part(&format!("the {compression} window")),
                }
            } else {
                ArchiveError::Decode {
                    compression,
                    offset: self.offset,
                    source,
                }
            }
        })
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.codec {
            Codec::Gzip(codec) => codec.read(buffer),
            Codec::Xz(codec) => codec.read(buffer),
            Codec::ParallelXz(codec) => codec.read(buffer),
            Codec::Lzma(codec) => read_lzma(codec, buffer),
            Codec::Bzip2(codec) => codec.read(buffer),
            Codec::Zstd(codec) => codec.read(buffer),
            Codec::ParallelZstd(codec) => codec.read(buffer),
        };
        let count = result.map_err(|error| self.failed(error).into_io())?;
        self.offset += count as u64;
        self.budget
            .add_decoded(count as u64)
            .map_err(ArchiveError::into_io)?;
        Ok(count)
    }
}

fn codec(
    compression: Compression,
    input: Input<'_>,
    threads: u32,
    memory: u64,
) -> io::Result<Codec<'_>> {
    Ok(match compression {
        Compression::Gzip => Codec::Gzip(Streams::new(input)),
        Compression::Bzip2 => Codec::Bzip2(Streams::new(input)),
        Compression::Xz if threads > 1 => {
            Codec::ParallelXz(ParallelXz::new(input, threads, memory)?)
        }
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(memory, CONCATENATED)?;
            Codec::Xz(XzDecoder::new_stream(input, stream))
        }
        Compression::Lzma => {
            let stream = Stream::new_lzma_decoder(memory)?;
            Codec::Lzma(XzDecoder::new_stream(input, stream))
        }
        Compression::Zstd => {
            // 10 and 31 are the bounds that zstd itself sets on the logarithm.
            let window_log_max = memory.max(1).ilog2().clamp(10, 31);
            if threads > 1 {
                let decoder = ParallelZstd::new(input, threads, window_log_max, memory);
                return Ok(Codec::ParallelZstd(decoder));
            }
            let mut decoder = zstd::Decoder::with_buffer(input)?;
            decoder.window_log_max(window_log_max)?;
            Codec::Zstd(decoder)
        }
    })
}

/// `.lzma` has one stream and no padding; liblzma would not look at what follows.
fn read_lzma(decoder: &mut XzDecoder<Input<'_>>, buffer: &mut [u8]) -> io::Result<usize> {
    let count = decoder.read(buffer)?;
    if count == 0 && !buffer.is_empty() && !decoder.get_mut().fill_buf()?.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "garbage after the lzma data",
        ));
    }
    Ok(count)
}

pub(super) fn wants_too_much_memory(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<LzmaError>());
    // zstd-safe gives only the text of ZSTD_error_frameParameter_windowTooLarge.
    matches!(inner, Some(LzmaError::MemLimit)) || error.to_string().contains("too much memory")
}
