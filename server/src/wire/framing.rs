//! Where requests begin and end in what a connection brings (RFC 9112), and what of it is refused.
//!
//! The library that reads the requests takes a bare line feed for the end of a line, and any number of bytes
//! between the size of a chunk and its data. A proxy in front may see other requests in the same bytes, so both
//! are made into bytes that the library refuses, with 400.

/// How long the line with the size of a chunk may be: sizes have 16 digits, and nobody sends extensions.
const MAX_CHUNK_LINE_BYTES: usize = 256;
/// How long the trailers behind the last chunk may be.
const MAX_TRAILER_BYTES: usize = 4096;
/// What is kept of a line of a head; the headers that tell the length of a body are shorter.
const KEPT_LINE_BYTES: usize = 256;
/// No parser takes it in a head, a chunk's size, an extension or behind a carriage return.
const REFUSED: u8 = 0;

/// Follows the bytes of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    place: Place,
    head: Head,
    /// The last eight bytes of the head.
    recent: u64,
    /// Bytes of the line or part that is bounded.
    counted_bytes: usize,
}

/// What the next byte is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// So many bytes of a body are to come.
    Body(u64),
    /// All that is to come belongs to the request, or to none.
    Rest,
    /// The size of a chunk; whether a digit has come.
    Size(u64, bool),
    /// Spaces behind a size, or an extension.
    Extension(u64),
    SizeEnd(u64),
    Chunk(u64),
    ChunkCr,
    ChunkLf,
    /// The beginning of a line behind the last chunk.
    Trailers,
    Trailer,
    TrailerLf,
    LastLf,
    /// Something was refused.
    Refused,
}

/// What a head has told so far.
#[derive(Debug, Default)]
struct Head {
    line: Vec<u8>,
    line_is_cut: bool,
    /// Once its first line has come.
    request: Option<RequestLine>,
    is_chunked: bool,
    is_upgrade: bool,
    body_bytes: Option<u64>,
}

/// What the first line of a head has told.
#[derive(Clone, Copy, Debug)]
struct RequestLine {
    is_connect: bool,
    is_version_1_1: bool,
}

impl Framing {
    /// Looks at the next bytes, and spoils what is refused.
    pub(super) fn check(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match self.place {
                Place::Rest => return,
                Place::Body(left) | Place::Chunk(left) => {
                    let here = left.min((bytes.len() - at) as u64);
                    at += usize::try_from(here).unwrap_or(bytes.len());
                    self.place = match (self.place, left - here) {
                        (Place::Body(_), 0) => Place::Head,
                        (Place::Body(_), left) => Place::Body(left),
                        (_, 0) => Place::ChunkCr,
                        (_, left) => Place::Chunk(left),
                    };
                }
                Place::Refused => {
                    bytes[at..].fill(REFUSED);
                    return;
                }
                Place::Head => {
                    if !self.head_byte(bytes[at]) {
                        bytes[at] = REFUSED;
                        self.place = Place::Refused;
                    }
                    at += 1;
                }
                _ => {
                    bytes[at] = self.chunk_byte(bytes[at]);
                    at += 1;
                }
            }
        }
    }

    /// Takes a byte of a head; `false` if it is refused.
    fn head_byte(&mut self, byte: u8) -> bool {
        self.recent = self.recent << 8 | u64::from(byte);
        if byte != b'\n' {
            self.head.keep(byte);
            return true;
        }
        let recent = self.recent.to_be_bytes();
        if recent[6] != b'\r' {
            return false;
        }
        let mut line = std::mem::take(&mut self.head.line);
        let is_cut = std::mem::take(&mut self.head.line_is_cut);
        if !is_cut {
            line.pop();
        }
        if line.is_empty() {
            // Empty lines before a request are passed over.
            if self.head.request.is_some() {
                self.place = self.head.body();
                self.head = Head::default();
                self.counted_bytes = 0;
            }
            return true;
        }
        if self.head.request.is_some() {
            return self.head.header(&line, is_cut);
        }
        self.head.request = Some(RequestLine {
            is_connect: line.starts_with(b"CONNECT "),
            is_version_1_1: recent[1..6] == *b"P/1.1",
        });
        true
    }

    /// Takes a byte between chunks; gives what becomes of it.
    fn chunk_byte(&mut self, byte: u8) -> u8 {
        self.counted_bytes += 1;
        let is_trailer = matches!(
            self.place,
            Place::Trailers | Place::Trailer | Place::TrailerLf | Place::LastLf
        );
        let next = match (self.place, byte) {
            _ if is_trailer && self.counted_bytes > MAX_TRAILER_BYTES => {
                self.place = Place::Refused;
                // What follows a carriage return must be a line feed, and is not.
                return b'\r';
            }
            _ if !is_trailer && self.counted_bytes > MAX_CHUNK_LINE_BYTES => Place::Refused,
            (Place::Size(size, has_digit), _) => size_byte(size, has_digit, byte),
            (Place::Extension(size), b'\r') => Place::SizeEnd(size),
            (Place::Extension(size), _) => Place::Extension(size),
            (Place::SizeEnd(0) | Place::TrailerLf, b'\n') => Place::Trailers,
            (Place::SizeEnd(size), b'\n') => Place::Chunk(size),
            (Place::ChunkCr, b'\r') => Place::ChunkLf,
            (Place::ChunkLf, b'\n') => Place::Size(0, false),
            (Place::Trailers, b'\r') => Place::LastLf,
            (Place::Trailer, b'\r') => Place::TrailerLf,
            (Place::Trailers | Place::Trailer, _) => Place::Trailer,
            (Place::LastLf, b'\n') => Place::Head,
            _ => Place::Refused,
        };
        let begins_trailers = next == Place::Trailers && !is_trailer;
        if begins_trailers || matches!(next, Place::Size(_, false) | Place::Head) {
            self.counted_bytes = 0;
        }
        self.place = next;
        if next == Place::Refused {
            REFUSED
        } else {
            byte
        }
    }
}

fn size_byte(size: u64, has_digit: bool, byte: u8) -> Place {
    let digit = char::from(byte).to_digit(16).map(u64::from);
    match (digit, byte) {
        (Some(digit), _) => match size.checked_mul(16) {
            Some(size) => Place::Size(size | digit, true),
            None => Place::Refused,
        },
        (None, b';' | b' ' | b'\t') if has_digit => Place::Extension(size),
        (None, b'\r') if has_digit => Place::SizeEnd(size),
        _ => Place::Refused,
    }
}

impl Head {
    fn keep(&mut self, byte: u8) {
        if self.line.len() < KEPT_LINE_BYTES {
            self.line.push(byte);
        } else {
            self.line_is_cut = true;
        }
    }

    /// Takes a header; `false` if what it says of the body's length is not known.
    fn header(&mut self, line: &[u8], is_cut: bool) -> bool {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return true;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("content-length") {
            let text = std::str::from_utf8(value).ok();
            self.body_bytes = text.and_then(|text| text.parse().ok());
        } else if is("transfer-encoding") {
            let is_version_1_1 = self.request.is_some_and(|request| request.is_version_1_1);
            self.is_chunked = is_version_1_1 && value.eq_ignore_ascii_case(b"chunked");
        } else if is("upgrade") {
            self.is_upgrade |= value.eq_ignore_ascii_case(b"websocket");
        } else {
            return true;
        }
        !is_cut
    }

    /// What follows the head, as the library reads it.
    fn body(&self) -> Place {
        match self.body_bytes {
            _ if self.is_chunked => Place::Size(0, false),
            _ if self.is_upgrade => Place::Rest,
            Some(0) => Place::Head,
            Some(bytes) => Place::Body(bytes),
            None if self.request.is_some_and(|request| request.is_connect) => Place::Rest,
            None => Place::Head,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What becomes of bytes that come in pieces of this size.
    fn checked(text: &[u8], piece: usize) -> Vec<u8> {
        let mut framing = Framing::default();
        let mut bytes = text.to_vec();
        for piece in bytes.chunks_mut(piece) {
            framing.check(piece);
        }
        bytes
    }

    fn passes(text: &str) {
        for piece in [1, 2, 7, 10_000] {
            assert!(checked(text.as_bytes(), piece) == text.as_bytes(), "{text}");
        }
    }

    /// Whether all is spoilt from the byte `at` on.
    fn refused(text: &str, at: usize) {
        for piece in [1, 3, 10_000] {
            let bytes = checked(text.as_bytes(), piece);
            assert!(bytes[..at] == text.as_bytes()[..at], "{text}");
            assert!(bytes[at..].iter().all(|byte| *byte == REFUSED), "{text}");
        }
    }

    #[test]
    fn requests_as_they_should_be_pass() {
        passes("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
        passes("POST / HTTP/1.1\r\ncontent-LENGTH: 7\r\n\r\na\nb\n\n\r\nGET / HTTP/1.1\r\n\r\n");
        passes(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\na\nb\nc\r\n0A\r\n\
             0123456789\r\n0\r\nTrailer: x\r\n\r\nPUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\n",
        );
        // Of 1.0 the length counts.
        passes("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\na\nb");
        passes("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\na\nb\n");
        passes(&format!(
            "GET /{} HTTP/1.1\r\nX: {}\r\n\r\n",
            "a".repeat(9000),
            "b".repeat(9000)
        ));
    }

    #[test]
    fn a_bare_line_feed_ends_no_line() {
        for text in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\nGET",
            "\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n\nGET / HTTP/1.1\n\r\n",
        ] {
            let bare = |(at, _): &(usize, &str)| !text[..*at].ends_with('\r');
            let at = text.rmatch_indices('\n').find(bare).unwrap().0;
            refused(text, at);
        }
    }

    #[test]
    fn lengths_that_are_too_long_to_be_read_are_refused() {
        let zeros = "0".repeat(300);
        let text = format!("POST / HTTP/1.1\r\nContent-Length: {zeros}5\r\n\r\nhello");
        refused(&text, text.find("\r\n\r\n").unwrap() + 1);
    }

    #[test]
    fn long_lines_of_chunks_are_refused() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for line in [
            format!("5;{}", "a".repeat(300)),
            format!("5{}", " ".repeat(300)),
            format!("{}5", "0".repeat(300)),
        ] {
            refused(
                &format!("{head}{line}\r\nhello\r\n0\r\n\r\n"),
                head.len() + MAX_CHUNK_LINE_BYTES,
            );
        }
        refused(&format!("{head}ffffffffffffffffff\r\n"), head.len() + 16);
        // Each line may be as long.
        let chunk = format!("1;{}\r\nx\r\n", "a".repeat(200));
        passes(&format!("{head}{}0\r\n\r\n", chunk.repeat(10)));
        let trailers = format!("{head}0\r\n{}\r\n", "X: y\r\n".repeat(1000));
        let bytes = checked(trailers.as_bytes(), 100);
        let at = head.len() + 3 + MAX_TRAILER_BYTES;
        assert!(bytes[..at] == trailers.as_bytes()[..at]);
        assert_eq!(bytes[at], b'\r');
        assert!(bytes[at + 1..].iter().all(|byte| *byte == REFUSED));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_bytes_come(
            parts in proptest::collection::vec(0_usize..8, 0..12), piece in 1_usize..20
        ) {
            let known = [
                "GET / HTTP/1.1\r\n", "Host: x\r\n", "\r\n", "Content-Length: 5\r\n",
                "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", "0\r\n\r\n", "\n",
            ];
            let text: String = parts.into_iter().map(|part| known[part]).collect();
            prop_assert_eq!(checked(text.as_bytes(), piece), checked(text.as_bytes(), usize::MAX));
        }
    }
}
