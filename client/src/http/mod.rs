//! The one HTTP client of the process: timeouts, bounded retries, capped bodies.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashget_common::api::{ErrorBody, ErrorCode};
use hashget_common::digest::Digest;
use hashget_common::rel_path::display_bytes;
use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, RETRY_AFTER};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// How patient the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// How long a connection may take to come about. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a server may be silent: before its answer begins, and between any two parts of
    /// a body. There is no limit to the whole. Default 60 s.
    pub stall_timeout: Duration,
    /// How often a request that failed for a passing reason (no connection, a reset, status 429
    /// or 5xx) is sent again. Default 3.
    pub retries: u32,
    /// The wait before the first retry, doubled for each further one and varied by half. A
    /// server's `Retry-After` is followed instead where it is longer. Default 500 ms.
    pub backoff: Duration,
    /// No wait is longer than this. Default 30 s.
    pub max_wait: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
            retries: 3,
            backoff: Duration::from_millis(500),
            max_wait: Duration::from_secs(30),
        }
    }
}

/// What can go wrong with a request.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The client could not be set up, such as for want of TLS certificates.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// No (whole) answer came.
    #[error("cannot {method} {url}")]
    Request {
        /// The request's method.
        method: &'static str,
        /// The URL asked for.
        url: String,
        /// What the network says.
        #[source]
        source: reqwest::Error,
    },
    /// The answer was an error.
    #[error("cannot {method} {url}: status {status}{}", text_of(.message.as_deref()))]
    Status {
        /// The request's method.
        method: &'static str,
        /// The URL asked for.
        url: String,
        /// The answer's status.
        status: u16,
        /// The kind of error, where a hashserver told it.
        code: Option<ErrorCode>,
        /// What a hashserver says about it.
        message: Option<String>,
        /// When to come again, where the server tells.
        retry_after: Option<Duration>,
    },
    /// The body ended early or stalled.
    #[error("cannot receive {url}")]
    Body {
        /// The URL asked for.
        url: String,
        /// What the network says.
        #[source]
        source: io::Error,
    },
    /// The body is larger than anything sensible.
    #[error("the answer of {url} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The URL asked for.
        url: String,
        /// The bound, in bytes.
        limit_bytes: u64,
    },
    /// The body is no JSON of the right shape.
    #[error("the answer of {url} makes no sense")]
    Json {
        /// The URL asked for.
        url: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

fn text_of(message: Option<&str>) -> String {
    message.map_or_else(String::new, |text| format!(": {text}"))
}

impl HttpError {
    /// The status, if the server answered with an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the server says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Whether the server cannot be used at present, whatever it is asked for.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Request { source, .. } => !source.is_builder() && !source.is_redirect(),
            Self::Body { .. } => true,
            Self::Status { status, .. } => is_passing(*status),
            _ => false,
        }
    }
}

/// The answer to HEAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadAnswer {
    /// The status: 200 if the thing is there.
    pub status: u16,
    /// `Content-Length`.
    pub size: Option<u64>,
    /// `ETag`.
    pub etag: Option<String>,
}

/// The HTTP client; one a process, shared by reference or clone.
///
/// Redirects are followed, at most 10. Bodies arrive as they were sent: nothing is decompressed.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    options: HttpOptions,
}

impl Http {
    /// Sets up the client; no request is made.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        // The blocking client's `timeout` bounds every single wait (for the answer's head, for
        // the next part of the body), not their sum.
        let client = Client::builder()
            .user_agent(concat!("hashget/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .timeout(options.stall_timeout)
            .redirect(reqwest::redirect::Policy::limited(10))
            .retry(reqwest::retry::never())
            .build()
            .map_err(HttpError::Client)?;
        Ok(Self { client, options })
    }

    /// How patient this client is.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// GETs a body of at most `limit_bytes` into memory; a status other than 200 is an error.
    pub fn get_bytes(&self, url: &str, limit_bytes: u64) -> Result<Vec<u8>, HttpError> {
        self.retrying(|| {
            let response = self.send_once("GET", url, |client| client.get(url))?;
            read_body(response, url, limit_bytes)
        })
    }

    /// GETs JSON of at most `limit_bytes`; a status other than 200 is an error.
    pub fn get_json<T: DeserializeOwned>(
        &self,
        url: &str,
        limit_bytes: u64,
    ) -> Result<T, HttpError> {
        parse_json(url, &self.get_bytes(url, limit_bytes)?)
    }

    /// Asks for a thing's status and size. No status is an error, but unavailable servers are.
    pub fn head(&self, url: &str) -> Result<HeadAnswer, HttpError> {
        let answer = |headers: &HeaderMap, status| HeadAnswer {
            status,
            size: number_header(headers, &CONTENT_LENGTH),
            etag: text_header(headers, &ETAG),
        };
        match self.send("HEAD", url, |client| client.head(url)) {
            Ok(response) => Ok(answer(response.headers(), response.status().as_u16())),
            Err(HttpError::Status { status, .. }) if !is_passing(status) => {
                Ok(answer(&HeaderMap::new(), status))
            }
            Err(error) => Err(error),
        }
    }

    /// Sends the request that `build` makes, again where it failed for a passing reason. Only
    /// answers of status 2xx and 304 are handed out.
    pub fn send(
        &self,
        method: &'static str,
        url: &str,
        build: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Response, HttpError> {
        self.retrying(|| self.send_once(method, url, &build))
    }

    /// Like [`Http::send`], without retries.
    pub fn send_once(
        &self,
        method: &'static str,
        url: &str,
        build: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Response, HttpError> {
        let response = build(&self.client)
            .send()
            .map_err(|source| HttpError::Request {
                method,
                url: url.to_owned(),
                source: source.without_url(),
            })?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        Err(status_error(method, url, response))
    }

    /// Runs `act` until it succeeds, fails for good, or has used up the retries.
    pub fn retrying<T>(
        &self,
        mut act: impl FnMut() -> Result<T, HttpError>,
    ) -> Result<T, HttpError> {
        let mut retry = 0;
        loop {
            match act() {
                Err(error) if retry < self.options.retries && error.is_unavailable() => {
                    self.wait_before_retry(retry, &error);
                    retry += 1;
                }
                result => return result,
            }
        }
    }

    /// Sleeps as long as fits the `retry`-th retry (from 0) after `error`.
    pub fn wait_before_retry(&self, retry: u32, error: &HttpError) {
        thread::sleep(self.wait(retry, error));
    }

    /// How long to wait before the `retry`-th retry (from 0) after `error`.
    pub fn wait(&self, retry: u32, error: &HttpError) -> Duration {
        self.options.wait(retry, error)
    }

    /// The same client with another number of retries.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }
}

impl HttpOptions {
    fn wait(&self, retry: u32, error: &HttpError) -> Duration {
        let doubled = self
            .backoff
            .saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX));
        let asked = match error {
            HttpError::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        jittered(doubled).max(asked).min(self.max_wait)
    }
}

/// Whether a status may be another one when asked again.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502..=504)
}

/// `wait` varied by up to half of it, so that many clients do not come back at once.
fn jittered(wait: Duration) -> Duration {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let seed = format!("{since_epoch:?} {} {call}", std::process::id());
    let random = u32::from(Digest::of(seed.as_bytes()).as_bytes()[0]);
    wait / 2 + wait.saturating_mul(random) / 256
}

fn status_error(method: &'static str, url: &str, response: Response) -> HttpError {
    let status = response.status().as_u16();
    let retry_after = text_header(response.headers(), &RETRY_AFTER)
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    let told = read_body(response, url, MAX_ERROR_BYTES)
        .ok()
        .and_then(|body| serde_json::from_slice::<ErrorBody>(&body).ok());
    HttpError::Status {
        method,
        url: url.to_owned(),
        status,
        code: told.as_ref().map(|body| body.error),
        message: told.map(|body| display_bytes(body.message.as_bytes()).into_owned()),
        retry_after,
    }
}

/// More than this of an error's body is not read.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// Reads a body of at most `limit_bytes` into memory.
pub fn read_body(response: Response, url: &str, limit_bytes: u64) -> Result<Vec<u8>, HttpError> {
    let too_large = || HttpError::TooLarge {
        url: url.to_owned(),
        limit_bytes,
    };
    if number_header(response.headers(), &CONTENT_LENGTH).is_some_and(|size| size > limit_bytes) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    response
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut body)
        .map_err(|source| HttpError::Body {
            url: url.to_owned(),
            source,
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

/// A header that is a number.
pub fn number_header(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text_header(headers, name)?.parse().ok()
}

#[cfg(test)]
pub(crate) mod tests;
