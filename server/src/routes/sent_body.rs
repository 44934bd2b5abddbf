//! The body of an answer, counted while it is sent; at its end the request is counted and logged.

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::web;
use jiff::Timestamp;

use crate::access_log::Entry;
use crate::memory_budget::Share;
use crate::metrics::Labels;
use crate::state::State;

/// The facts about a request that are logged and counted once it was answered.
pub(super) struct Request {
    pub(super) began: Instant,
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) path: String,
    /// The pattern of its route, if it has one.
    pub(super) route: Option<Cow<'static, str>>,
    pub(super) agent: Option<HeaderValue>,
    /// The id of its token.
    pub(super) token: Option<String>,
    pub(super) status: u16,
}

/// A whole answer is handed on in pieces of this size, since each is copied.
const PIECE_BYTES: usize = 64 * 1024;

/// The body of an answer.
pub(super) enum Body {
    /// All of it is in memory.
    Whole {
        /// What is not sent yet.
        bytes: web::Bytes,
        /// What it takes, until it is sent.
        _share: Share,
    },
    /// It is made while it is sent.
    Made {
        /// What is to come.
        body: BoxBody,
        /// The piece that came, as far as it is not handed on yet.
        piece: web::Bytes,
    },
}

/// A body that tells of its request when it was sent, or given up.
pub(super) struct SentBody {
    body: Body,
    sent_bytes: u64,
    /// When the first piece was asked for.
    sending_since: Option<Instant>,
    request: Request,
    state: web::Data<State>,
}

impl SentBody {
    pub(super) fn new(body: Body, request: Request, state: web::Data<State>) -> Self {
        Self {
            body,
            sent_bytes: 0,
            sending_since: None,
            request,
            state,
        }
    }

    /// Whether the client takes its answer so slowly that others wait for the memory.
    fn is_too_slow(&mut self) -> bool {
        let since = *self.sending_since.get_or_insert_with(Instant::now);
        let settings = &self.state.settings;
        let earned = self.sent_bytes / settings.limits.body_bytes_per_second;
        since.elapsed() > settings.send_deadline + Duration::from_secs(earned)
    }
}

impl Body {
    /// A body that is made while it is sent.
    pub(super) fn made(body: BoxBody) -> Self {
        let piece = web::Bytes::new();
        Self::Made { body, piece }
    }

    /// The next piece of what is there.
    fn next_piece(bytes: &mut web::Bytes) -> Option<web::Bytes> {
        let length = bytes.len().min(PIECE_BYTES);
        (length > 0).then(|| bytes.split_to(length))
    }
}

impl MessageBody for SentBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        match &self.body {
            Body::Whole { bytes, .. } => BodySize::Sized(bytes.len() as u64),
            Body::Made { body, .. } => body.size(),
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        if matches!(self.body, Body::Whole { .. }) && self.is_too_slow() {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the answer is hardly taken");
            return Poll::Ready(Some(Err(error.into())));
        }
        let polled = match &mut self.body {
            Body::Whole { bytes, .. } => Poll::Ready(Body::next_piece(bytes).map(Ok)),
            Body::Made { body, piece } => {
                if piece.is_empty() {
                    match Pin::new(body).poll_next(context) {
                        Poll::Ready(Some(Ok(more))) => *piece = more,
                        other => return other,
                    }
                }
                Poll::Ready(Body::next_piece(piece).map(Ok))
            }
        };
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            self.sent_bytes += piece.len() as u64;
        }
        polled
    }
}

impl Drop for SentBody {
    fn drop(&mut self) {
        let request = &self.request;
        let duration = request.began.elapsed();
        if self.state.access_log.is_on() {
            let agent = request.agent.as_ref().and_then(|agent| agent.to_str().ok());
            self.state.access_log.write(&Entry {
                time: Timestamp::now().to_string(),
                client: request.client.to_string(),
                method: cut(request.method.as_str(), 16),
                path: cut(&request.path, 512),
                route: request.route.as_deref().unwrap_or("none"),
                status: request.status,
                sent_bytes: self.sent_bytes,
                micros: duration.as_micros(),
                token: request.token.as_deref(),
                agent: agent.map(|agent| cut(agent, 200)),
            });
        }
        let labels = Labels {
            method: method_label(&request.method),
            route: request.route.clone().unwrap_or(Cow::Borrowed("none")),
            status: request.status,
        };
        self.state.metrics.end(labels, duration, self.sent_bytes);
    }
}

/// Clients may invent methods; only those of HTTP get a label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn cut(text: &str, characters: usize) -> &str {
    let end = text.char_indices().nth(characters);
    end.map_or(text, |(end, _)| &text[..end])
}
