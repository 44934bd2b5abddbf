//! The body of an answer, counted while it is sent; at its end the request is counted and logged.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::web;
use jiff::Timestamp;

use crate::access_log::Entry;
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

/// A body that tells of its request when it was sent, or given up.
pub(super) struct SentBody {
    body: BoxBody,
    sent_bytes: u64,
    request: Request,
    state: web::Data<State>,
}

impl SentBody {
    pub(super) fn new(body: BoxBody, request: Request, state: web::Data<State>) -> Self {
        Self {
            body,
            sent_bytes: 0,
            request,
            state,
        }
    }
}

impl MessageBody for SentBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_next(context);
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
