//! Request bodies: bounded in size and in time.

use std::ops::Deref;
use std::time::Instant;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, timeout_at};

use crate::client_address::counted_client;
use crate::error::ApiError;
use crate::memory_budget::Share;
use crate::settings::Limits;
use crate::state::State;

/// A body as it comes in.
///
/// It has `body_deadline` to come, and one second more for every `body_bytes_per_second` that
/// came: a large body may take long, a slow one is given up.
pub(crate) struct Body {
    payload: web::Payload,
    max_bytes: u64,
    announced_bytes: Option<u64>,
    received_bytes: u64,
    limits: Limits,
    began: Instant,
    share: Option<Share>,
}

/// All of a body, which takes its share of the memory until it is dropped.
pub(crate) struct Whole {
    bytes: Vec<u8>,
    _share: Option<Share>,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body {
    /// The body of `request`, of at most `max_bytes`; refused at once if it announces more.
    pub(crate) fn new(
        request: &HttpRequest,
        payload: web::Payload,
        max_bytes: u64,
        limits: Limits,
    ) -> Result<Self, ApiError> {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        let mut codings = request.headers().get_all(CONTENT_ENCODING);
        if codings.any(|coding| coding.as_bytes() != b"identity") {
            let message = "bodies must come without Content-Encoding".to_owned();
            return Err(ApiError::BadRequest(message));
        }
        let body = Self {
            payload,
            max_bytes,
            announced_bytes: header(CONTENT_LENGTH).and_then(|text| text.parse().ok()),
            received_bytes: 0,
            limits,
            began: Instant::now(),
            share: share_of(request),
        };
        match body.announced_bytes {
            Some(bytes) if bytes > max_bytes => Err(body.too_large()),
            _ => Ok(body),
        }
    }

    /// The size by `Content-Length`, where there is one.
    pub(crate) fn announced_bytes(&self) -> Option<u64> {
        self.announced_bytes
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<web::Bytes>, ApiError> {
        let earned = self.received_bytes / self.limits.body_bytes_per_second;
        let deadline = self.began + self.limits.body_deadline + Duration::from_secs(earned);
        let piece = match timeout_at(deadline.into(), self.payload.next()).await {
            Ok(None) => return Ok(None),
            Ok(Some(piece)) => piece.map_err(broken)?,
            Err(_) => {
                return Err(ApiError::Timeout {
                    received_bytes: self.received_bytes,
                    seconds: self.began.elapsed().as_secs(),
                });
            }
        };
        self.received_bytes += piece.len() as u64;
        if self.received_bytes > self.max_bytes {
            return Err(self.too_large());
        }
        Ok(Some(piece))
    }

    /// All of it.
    pub(crate) async fn read(mut self) -> Result<Whole, ApiError> {
        // No more than a body has that is sent at once: the announcement is the client's word.
        let announced = self.announced_bytes.unwrap_or(0).min(1 << 20);
        let mut all = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        while let Some(piece) = self.next().await? {
            if let Some(share) = &mut self.share
                && !share.grow(piece.len() as u64)
            {
                let message =
                    "bodies of requests take all the memory that they may: ask again later";
                return Err(ApiError::Busy(message.to_owned()));
            }
            all.extend_from_slice(&piece);
        }
        Ok(Whole {
            bytes: all,
            _share: self.share,
        })
    }

    fn too_large(&self) -> ApiError {
        ApiError::TooLarge(format!("the body is larger than {} bytes", self.max_bytes))
    }
}

fn share_of(request: &HttpRequest) -> Option<Share> {
    let state = request.app_data::<web::Data<State>>()?;
    let client = counted_client(request, &state.settings.trusted_proxies);
    Some(state.body_memory.share(client))
}

/// Reads JSON; nesting is bounded by the parser.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        // An error may quote what was sent; a hostile megabyte is not sent back.
        let text: String = error.to_string().chars().take(300).collect();
        ApiError::BadRequest(format!("the body cannot be understood: {text}"))
    })
}

fn broken(error: PayloadError) -> ApiError {
    match error {
        PayloadError::Overflow => ApiError::TooLarge("the body is too large".to_owned()),
        error => ApiError::BadRequest(format!("the body broke off: {error}")),
    }
}
