//! One request of a download: asks for the missing bytes and takes them in.

use std::io::{self, Read};

use hashget_transfer::BodyHeaders;
use hashget_words::digest::Digest;
use hashget_words::hash_package::url_name;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};

use super::cache::Validators;
use super::download_error::DownloadError;
use super::part::{Part, PartInfo};
use crate::http::{Answer, Http, HttpError, list_header, number_header, text_header};
use hashget_files::monitor::{Monitor, Progress, Unit};
use hashget_files::path_error::PathError;

/// What is to be downloaded.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    pub(super) sha256: Option<&'a Digest>,
    pub(super) size: Option<u64>,
    /// For a hashserver that wants one.
    pub(super) token: Option<&'a str>,
    pub(super) max_bytes: u64,
    /// What the cached file had; the answer may be that it is still good.
    pub(super) known: Option<&'a Validators>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// The part holds the whole file.
    Whole,
    /// The cached file is still good.
    NotModified,
}

/// Sends one request and takes in its answer. After an error the part holds what has come so far.
pub(super) fn receive(
    http: &Http,
    wanted: Wanted<'_>,
    part: &mut Part,
    monitor: &dyn Monitor,
) -> Result<Received, DownloadError> {
    if !may_resume(wanted, part) {
        part.restart().map_err(write_error(part))?;
    }
    let response = match request(http, wanted, part) {
        Err(error) if part.bytes() > 0 && error.status() == Some(416) => {
            part.restart().map_err(write_error(part))?;
            request(http, wanted, part)?
        }
        response => response?,
    };
    if response.status().as_u16() == 304 {
        return Ok(Received::NotModified);
    }
    let response = if is_the_rest(&response, part) {
        response
    } else {
        part.restart().map_err(write_error(part))?;
        match response.status().as_u16() {
            206 => request(http, wanted, part)?,
            _ => response,
        }
    };
    if !is_the_rest(&response, part) {
        let source = io::Error::other("the server sent another range than was asked for");
        return Err(body_error(wanted.url, source));
    }
    take_in(response, wanted, part, monitor)
}

/// Whether the bytes so far may be the beginning of the server's file.
fn may_resume(wanted: Wanted<'_>, part: &Part) -> bool {
    // Without a validator only the digest can tell whether the two halves fit.
    let can_tell = part.info.validators.for_range().is_some() || wanted.sha256.is_some();
    let is_beginning = wanted.size.is_none_or(|size| part.bytes() < size);
    part.bytes() == 0 || (can_tell && is_beginning && !part.info.was_encoded)
}

fn request(http: &Http, wanted: Wanted<'_>, part: &Part) -> Result<Answer, HttpError> {
    http.send_once("GET", wanted.url, |client| {
        let mut request = client.get(wanted.url).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = wanted.token {
            request = request.bearer_auth(token);
        }
        if part.bytes() > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.bytes()));
            if let Some(validator) = part.info.validators.for_range() {
                request = request.header(IF_RANGE, validator);
            }
        } else if let Some(known) = wanted.known {
            if let Some(etag) = &known.etag {
                request = request.header(IF_NONE_MATCH, etag);
            } else if let Some(date) = &known.last_modified {
                request = request.header(IF_MODIFIED_SINCE, date);
            }
        }
        request
    })
}

/// Whether the body continues the part: 206 with the right place, or the whole to an empty one. A
/// range of what is encoded is of no use: the part holds the bytes of the file itself.
fn is_the_rest(response: &Answer, part: &Part) -> bool {
    match response.status().as_u16() {
        206 if says_encoded(response) => false,
        206 => content_range(response).is_some_and(|(start, _)| start == part.bytes()),
        _ => part.bytes() == 0,
    }
}

/// Start and total size in `Content-Range: bytes 5-9/10`.
fn content_range(response: &Answer) -> Option<(u64, Option<u64>)> {
    let text = text_header(response.headers(), &CONTENT_RANGE)?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

fn says_encoded(response: &Answer) -> bool {
    let encoding = list_header(response.headers(), &CONTENT_ENCODING);
    encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

/// The file that an answer brings, and whether it came encoded.
fn file_of(response: Answer, wanted: Wanted<'_>) -> Result<(Box<dyn Read>, bool), DownloadError> {
    let encoding = list_header(response.headers(), &CONTENT_ENCODING);
    let media_type = text_header(response.headers(), &CONTENT_TYPE);
    let headers = BodyHeaders {
        url: wanted.url,
        encoding: encoding.as_deref(),
        media_type: media_type.as_deref(),
    };
    let coding = headers.coding();
    let coding = coding.map_err(|source| DownloadError::Encoded {
        url: wanted.url.to_owned(),
        source,
    })?;
    let Some(coding) = coding else {
        return Ok((Box::new(response), false));
    };
    let file = headers.undo(coding, response);
    let file = file.map_err(|source| body_error(wanted.url, source))?;
    let was_encoded = file.is_undone();
    Ok((Box::new(file), was_encoded))
}

fn take_in(
    response: Answer,
    wanted: Wanted<'_>,
    part: &mut Part,
    monitor: &dyn Monitor,
) -> Result<Received, DownloadError> {
    let length = number_header(response.headers(), &CONTENT_LENGTH);
    let total = match response.status().as_u16() {
        206 => content_range(&response).and_then(|(_, total)| total),
        _ => length,
    };
    let validators = Validators {
        etag: text_header(response.headers(), &ETAG),
        last_modified: text_header(response.headers(), &LAST_MODIFIED),
    };
    let (mut file, was_encoded) = file_of(response, wanted)?;
    // The length of what is encoded says nothing of the file.
    let total = total.filter(|_| !was_encoded);
    check_size(wanted, total)?;
    let info = PartInfo {
        url: wanted.url.to_owned(),
        validators,
        was_encoded,
    };
    part.set_info(info).map_err(write_error(part))?;
    let shown = total.or(wanted.size);
    let progress = Progress::start(monitor, url_name(wanted.url), Unit::Bytes, shown);
    progress.advance(part.bytes());
    let mut buffer = vec![0; 128 << 10];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(source) => return Err(body_error(wanted.url, source)),
        };
        part.write(&buffer[..read]).map_err(write_error(part))?;
        progress.advance(read as u64);
        check_bound(wanted, part.bytes())?;
    }
    match total {
        Some(total) if part.bytes() < total => {
            let source = io::Error::from(io::ErrorKind::UnexpectedEof);
            Err(body_error(wanted.url, source))
        }
        _ => check_end(wanted, part),
    }
}

/// Refuses a file of the wrong size before it is downloaded.
fn check_size(wanted: Wanted<'_>, total: Option<u64>) -> Result<(), DownloadError> {
    match (wanted.size, total) {
        (Some(size), Some(total)) if size != total => Err(wrong(
            wanted.url,
            format!("{size} bytes"),
            format!("{total} bytes"),
        )),
        (_, Some(total)) => check_bound(wanted, total),
        _ => Ok(()),
    }
}

fn check_bound(wanted: Wanted<'_>, bytes: u64) -> Result<(), DownloadError> {
    match wanted.size {
        Some(size) if bytes > size => {
            let got = format!("{bytes} bytes and more");
            Err(wrong(wanted.url, format!("{size} bytes"), got))
        }
        _ if bytes > wanted.max_bytes => Err(DownloadError::Http(HttpError::TooLarge {
            url: wanted.url.to_owned(),
            limit_bytes: wanted.max_bytes,
        })),
        _ => Ok(()),
    }
}

/// Checks a complete body against what was asked for.
fn check_end(wanted: Wanted<'_>, part: &Part) -> Result<Received, DownloadError> {
    if let Some(size) = wanted.size.filter(|size| *size != part.bytes()) {
        let got = format!("{} bytes", part.bytes());
        return Err(wrong(wanted.url, format!("{size} bytes"), got));
    }
    match wanted.sha256 {
        Some(sha256) if *sha256 != part.digest() => {
            let got = format!("sha256:{}", part.digest());
            Err(wrong(wanted.url, format!("sha256:{sha256}"), got))
        }
        _ => Ok(Received::Whole),
    }
}

fn wrong(url: &str, expected: String, got: String) -> DownloadError {
    DownloadError::WrongBytes {
        url: url.to_owned(),
        expected,
        got,
    }
}

fn body_error(url: &str, source: io::Error) -> DownloadError {
    DownloadError::Http(HttpError::Body {
        url: url.to_owned(),
        cause: source,
    })
}

pub(super) fn write_error(part: &Part) -> impl FnOnce(io::Error) -> DownloadError + use<> {
    let error = PathError::on("write", part.path().to_owned());
    move |source| DownloadError::Cache(error(source))
}
