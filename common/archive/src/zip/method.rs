//! The compression methods of zip members (APPNOTE.TXT 4.4.5).

use std::io::{self, BufReader, Chain, Cursor, Read, Take};

use bzip2::bufread::BzDecoder;
use flate2::bufread::DeflateDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use super::super::budget::{Budget, ReadSeek};
use super::super::error::{ArchiveError, MemberName};
use super::super::spool::reading;
use super::directory::Record;
use super::{FORMAT, damaged};

const BUFFER_BYTES: usize = 32 << 10;

type Bytes<'r> = BufReader<Take<&'r mut dyn ReadSeek>>;
/// The header of an `.lzma` file, and the data that a zip has without it.
type Lzma<'r> = BufReader<Chain<Cursor<Vec<u8>>, Bytes<'r>>>;

/// The decompressed data of a member, not checked.
pub(super) enum Data<'r> {
    Stored(Bytes<'r>),
    Deflated(DeflateDecoder<Bytes<'r>>),
    Bzip2(BzDecoder<Bytes<'r>>),
    Lzma(XzDecoder<Lzma<'r>>),
    Zstd(zstd::Decoder<'static, Bytes<'r>>),
    Xz(XzDecoder<Bytes<'r>>),
}

impl<'r> Data<'r> {
    /// Begins to read the data that is next in `file`.
    pub(super) fn begin(
        record: &Record,
        file: &'r mut dyn ReadSeek,
        budget: &Budget,
    ) -> Result<Self, ArchiveError> {
        let memory = budget.limits().max_decoder_memory;
        let data = BufReader::with_capacity(BUFFER_BYTES, file.take(record.compressed));
        let begun = match record.method {
            0 if record.size == record.compressed => Ok(Self::Stored(data)),
            0 => return Err(damaged(record, "a stored member has two sizes")),
            8 => Ok(Self::Deflated(DeflateDecoder::new(data))),
            12 => Ok(Self::Bzip2(BzDecoder::new(data))),
            14 => return lzma(record, data, memory),
            93 => zstd_decoder(data, memory).map(Self::Zstd),
            95 => Stream::new_stream_decoder(memory, 0)
                .map(|stream| Self::Xz(XzDecoder::new_stream(data, stream)))
                .map_err(io::Error::from),
            method => {
                return Err(ArchiveError::Unsupported {
                    format: FORMAT,
                    member: MemberName::of(&record.path),
                    reason: format!("compression method {method}"),
                });
            }
        };
        begun.map_err(reading)
    }

    /// The usual name of the compression.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Stored(_) => "stored",
            Self::Deflated(_) => "deflate",
            Self::Bzip2(_) => "bzip2",
            Self::Lzma(_) => "lzma",
            Self::Zstd(_) => "zstd",
            Self::Xz(_) => "xz",
        }
    }
}

impl Read for Data<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(data) => data.read(buffer),
            Self::Deflated(data) => data.read(buffer),
            Self::Bzip2(data) => data.read(buffer),
            Self::Lzma(data) => data.read(buffer),
            Self::Zstd(data) => data.read(buffer),
            Self::Xz(data) => data.read(buffer),
        }
    }
}

/// The data begins with a version, the length of the properties, and these (APPNOTE.TXT 5.8.8).
/// With the size behind them they are the header of an `.lzma` file.
fn lzma<'r>(record: &Record, mut data: Bytes<'r>, memory: u64) -> Result<Data<'r>, ArchiveError> {
    let mut header = Vec::new();
    (&mut data)
        .take(9)
        .read_to_end(&mut header)
        .map_err(reading)?;
    let [_, _, 5, 0, properties @ ..] = &header[..] else {
        return Err(damaged(record, "its lzma data has no properties"));
    };
    let size = if record.has_end_mark {
        u64::MAX
    } else {
        record.size
    };
    let header = [properties, &size.to_le_bytes()].concat();
    let stream = Stream::new_lzma_decoder(memory).map_err(io::Error::from);
    let input = BufReader::new(Cursor::new(header).chain(data));
    let stream = stream.map_err(reading)?;
    Ok(Data::Lzma(XzDecoder::new_stream(input, stream)))
}

fn zstd_decoder(data: Bytes<'_>, memory: u64) -> io::Result<zstd::Decoder<'static, Bytes<'_>>> {
    let mut decoder = zstd::Decoder::with_buffer(data)?;
    // 10 and 31 are the bounds that zstd itself sets on the logarithm.
    decoder.window_log_max(memory.max(1).ilog2().clamp(10, 31))?;
    Ok(decoder)
}
