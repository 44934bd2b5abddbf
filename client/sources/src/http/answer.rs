//! An answer whose body arrives within a time that its size allows.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::Response;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use serde::de::DeserializeOwned;

use super::{HttpError, HttpOptions};

/// An answer; its body is read as a stream. A server that sends a byte now and then ends with
/// [`io::ErrorKind::TimedOut`].
#[derive(Debug)]
pub struct Answer {
    response: Response,
    options: HttpOptions,
    bytes: u64,
    waited: Duration,
}

impl Answer {
    pub(super) fn new(response: Response, options: HttpOptions) -> Self {
        Self {
            response,
            options,
            bytes: 0,
            waited: Duration::ZERO,
        }
    }

    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let read = self.response.read(buffer)?;
        // What the reader does between two reads is no fault of the server.
        self.waited = self.waited.saturating_add(begun.elapsed());
        self.bytes = self.bytes.saturating_add(read as u64);
        if read > 0 && !self.options.allows(self.bytes, self.waited) {
            let (bytes, seconds) = (self.bytes, self.waited.as_secs());
            let text = format!("too slow: {bytes} bytes in {seconds} s (see min_speed)");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        Ok(read)
    }
}

/// Reads a body of at most `limit_bytes` into memory.
pub fn read_body(answer: Answer, url: &str, limit_bytes: u64) -> Result<Vec<u8>, HttpError> {
    let too_large = || HttpError::TooLarge {
        url: url.to_owned(),
        limit_bytes,
    };
    if number_header(answer.headers(), &CONTENT_LENGTH).is_some_and(|size| size > limit_bytes) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    answer
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut body)
        .map_err(|cause| HttpError::Body {
            url: url.to_owned(),
            cause,
        })?;
    if body.len() as u64 > limit_bytes {
        return Err(too_large());
    }
    Ok(body)
}

/// Parses the body that came from `url`.
pub fn parse_json<T: DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, HttpError> {
    serde_json::from_slice(body).map_err(|source| HttpError::Json {
        url: url.to_owned(),
        source,
    })
}

/// A header as text.
pub fn text_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

/// A header that is a list and may come in several lines (RFC 9110, 5.3), as one text.
pub fn list_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", ").trim().to_owned())
}

/// A header that is a number.
pub fn number_header(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text_header(headers, name)?.parse().ok()
}
