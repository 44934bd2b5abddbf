//! Undoes what a server did to a file on its way: `Content-Encoding` (RFC 9110, 8.4).
//!
//! A package's hash is that of the file itself, so clients and servers ask for `identity`, and
//! undo what comes all the same. Some servers say `gzip` of a file that is a `.tar.gz` as it is:
//! of that the bytes count that everybody else gets.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use thiserror::Error;

use hashget_words::hash_package::url_name;

/// How much is looked at to see what a body is.
const HEAD_BYTES: u64 = 64 << 10;
/// Larger windows are not used with HTTP (RFC 9659): 8 MiB.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// `gzip`, or `x-gzip`.
    Gzip,
    /// `deflate`, which is zlib; some servers send it bare.
    Deflate,
    /// `zstd`, with a window of at most 8 MiB (RFC 9659).
    Zstd,
}

/// A coding that is not known, or several.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("it is encoded as {coding:?}, which was not asked for")]
pub struct UnknownCoding {
    /// What the header says, cut.
    pub coding: String,
}

/// What an answer's header says of its body.
#[derive(Clone, Copy, Debug)]
pub struct BodyHeaders<'a> {
    /// The URL asked for.
    pub url: &'a str,
    /// The header `Content-Encoding`, if the answer has one.
    pub encoding: Option<&'a str>,
    /// The header `Content-Type`, if the answer has one.
    pub media_type: Option<&'a str>,
}

impl BodyHeaders<'_> {
    /// How the body is said to be encoded, if it is.
    pub fn coding(&self) -> Result<Option<ContentCoding>, UnknownCoding> {
        let named = self.encoding.unwrap_or_default().split(',').map(str::trim);
        let mut named = named.filter(|coding| !coding.is_empty() && !is(coding, "identity"));
        let unknown = || UnknownCoding {
            coding: self
                .encoding
                .unwrap_or_default()
                .chars()
                .take(100)
                .collect(),
        };
        let Some(coding) = named.next() else {
            return Ok(None);
        };
        let known = match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => ContentCoding::Gzip,
            "deflate" => ContentCoding::Deflate,
            "zstd" => ContentCoding::Zstd,
            _ => return Err(unknown()),
        };
        match named.next() {
            None => Ok(Some(known)),
            Some(_) => Err(unknown()),
        }
    }

    /// The file itself, out of a body that is encoded as `coding`.
    pub fn undo<R: Read>(&self, coding: ContentCoding, mut body: R) -> io::Result<FileBody<R>> {
        let mut head = Vec::new();
        body.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        let is_encoded = self.is_encoded(coding, &head);
        let is_zlib = matches!(head[..], [first, second, ..]
            if first & 0xf == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31));
        let whole = Cursor::new(head).chain(body);
        if !is_encoded {
            return Ok(FileBody::AsSent(whole));
        }
        Ok(match coding {
            ContentCoding::Gzip => FileBody::Gzip(MultiGzDecoder::new(whole)),
            ContentCoding::Deflate if is_zlib => FileBody::Zlib(ZlibDecoder::new(whole)),
            ContentCoding::Deflate => FileBody::Deflate(DeflateDecoder::new(whole)),
            ContentCoding::Zstd => {
                let mut decoder = zstd::Decoder::new(whole)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                FileBody::Zstd(decoder)
            }
        })
    }

    /// Whether a body that begins with `head` was encoded on its way.
    fn is_encoded(&self, coding: ContentCoding, head: &[u8]) -> bool {
        let magic: &[u8] = match coding {
            ContentCoding::Gzip => &[0x1f, 0x8b],
            ContentCoding::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            ContentCoding::Deflate => return true,
        };
        if !head.starts_with(magic) {
            return false;
        }
        let endings: &[&str] = match coding {
            ContentCoding::Gzip => &["gz", "tgz", "svgz", "gzip"],
            _ => &["zst", "tzst", "zstd"],
        };
        let name = url_name(self.url);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let names_coding = endings.iter().any(|known| is(ending, known));
        let is_text = self
            .media_type
            .is_some_and(|media| media.starts_with("text/"));
        if !names_coding || is_text {
            return true;
        }
        // The file should be of this coding: it is encoded once more, or as it should be.
        let mut decoded = vec![0; magic.len()];
        let begun = match coding {
            ContentCoding::Zstd => {
                zstd::Decoder::new(head).and_then(|mut decoder| decoder.read_exact(&mut decoded))
            }
            _ => MultiGzDecoder::new(head).read_exact(&mut decoded),
        };
        begun.is_ok() && decoded == magic
    }
}

fn is(text: &str, other: &str) -> bool {
    text.eq_ignore_ascii_case(other)
}

type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// The file in the body of an answer. It ends with an error if the encoded data ends early.
pub enum FileBody<R: Read> {
    /// The body is the file.
    AsSent(Whole<R>),
    /// What was gzip.
    Gzip(MultiGzDecoder<Whole<R>>),
    /// What was zlib.
    Zlib(ZlibDecoder<Whole<R>>),
    /// What was bare deflate.
    Deflate(DeflateDecoder<Whole<R>>),
    /// What was Zstandard.
    Zstd(zstd::Decoder<'static, BufReader<Whole<R>>>),
}

impl<R: Read> FileBody<R> {
    /// Whether an encoding is undone, so that the body's length is not the file's.
    pub fn is_undone(&self) -> bool {
        !matches!(self, Self::AsSent(_))
    }
}

impl<R: Read> Read for FileBody<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::AsSent(body) => body.read(buffer),
            Self::Gzip(body) => body.read(buffer),
            Self::Zlib(body) => body.read(buffer),
            Self::Deflate(body) => body.read(buffer),
            Self::Zstd(body) => body.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn headers<'a>(url: &'a str, encoding: &'a str) -> BodyHeaders<'a> {
        BodyHeaders {
            url,
            encoding: Some(encoding),
            media_type: None,
        }
    }

    fn file(headers: BodyHeaders<'_>, body: &[u8]) -> io::Result<Vec<u8>> {
        let coding = headers.coding().unwrap().unwrap();
        let mut file = Vec::new();
        headers.undo(coding, body)?.read_to_end(&mut file)?;
        Ok(file)
    }

    #[test]
    fn one_coding_that_is_known_is_taken() {
        let coding = |text| headers("u", text).coding();
        for none in ["", "identity", " Identity ,"] {
            assert_eq!(coding(none), Ok(None));
        }
        assert_eq!(coding("X-GZIP"), Ok(Some(ContentCoding::Gzip)));
        assert_eq!(coding("identity, zstd"), Ok(Some(ContentCoding::Zstd)));
        for unknown in ["br", "gzip, gzip", "gzip, br"] {
            assert!(coding(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn what_a_server_encoded_is_undone() {
        let data = b"the file ".repeat(20_000);
        let zstd = zstd::encode_all(&data[..], 1).unwrap();
        let raw = &zlib(&data)[2..];
        for (encoding, body) in [
            ("gzip", &gzip(&data)[..]),
            ("deflate", &zlib(&data)),
            ("deflate", &raw[..raw.len() - 4]),
            ("zstd", &zstd),
        ] {
            let headers = headers("http://example.org/a.tar", encoding);
            assert_eq!(file(headers, body).unwrap(), data, "{encoding}");
            if raw.as_ptr() != body.as_ptr() {
                assert!(
                    file(headers, &body[..body.len() - 1]).is_err(),
                    "{encoding}"
                );
            }
        }
    }

    /// Servers that are told `AddEncoding x-gzip .gz .tgz` say so of the files themselves.
    #[test]
    fn a_file_that_is_compressed_itself_is_taken_as_it_is() {
        let data = gzip(b"a tar");
        for url in [
            "http://example.org/a.tar.gz?x=1",
            "http://example.org/a.TGZ",
        ] {
            let headers = headers(url, "x-gzip");
            assert_eq!(file(headers, &data).unwrap(), data, "{url}");
            assert_eq!(file(headers, &gzip(&data)).unwrap(), data, "{url}");
        }
        let page = BodyHeaders {
            media_type: Some("text/html; charset=utf-8"),
            ..headers("http://example.org/a.tar.gz", "gzip")
        };
        assert_eq!(file(page, &gzip(b"<html>")).unwrap(), b"<html>");
        // A server that only says so.
        let plain = headers("http://example.org/a.tar", "gzip");
        assert_eq!(file(plain, b"plain").unwrap(), b"plain");
    }
}
