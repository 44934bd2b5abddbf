//! What happens around every request: its client is told apart and may be refused, it is counted
//! and logged, and every error is an [`ErrorBody`].
//!
//! [`ErrorBody`]: hashget_api::ErrorBody

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};

use super::anchors;
use super::sent_body::{Body, Request, SentBody};
use crate::auth::TokenId;
use crate::client_address::{client_of, counted};
use crate::error::ApiError;
use crate::state::State;

/// These are asked by supervisors, which must not be told that they ask too often.
const UNLIMITED: [&str; 2] = ["/healthz", "/readyz"];

/// Smaller answers are not counted: there are no more of them than connections.
const COUNTED_BYTES: usize = 16 * 1024;

/// Serves a request, logs it, and puts errors that the framework made into the envelope.
pub(crate) async fn envelope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return Err(ApiError::Internal("the application has no state".to_owned()).into());
    };
    let began = Instant::now();
    state.metrics.begin();
    let peer = request.peer_addr().map(|address| address.ip());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let client = client_of(peer, request.headers(), &state.settings.trusted_proxies);
    let mut told = Request {
        began,
        client,
        method: request.method().clone(),
        path: request.path().to_owned(),
        route: None,
        agent: state
            .access_log
            .is_on()
            .then(|| request.headers().get(header::USER_AGENT).cloned())
            .flatten(),
        token: None,
        status: 0,
    };
    let answer = match check_rate(&state, client, &told.path) {
        Ok(()) => {
            if let Some((route, answer)) = anchors::at_hand(request.request(), &state) {
                told.route = Some(Cow::Borrowed(route));
                request.into_response(answer)
            } else {
                told.route = request.match_pattern().map(Cow::Owned);
                wrap(next.call(request).await?.map_into_boxed_body())
            }
        }
        Err(error) => {
            told.route = request.match_pattern().map(Cow::Owned);
            request.into_response(error.error_response())
        }
    };
    let (answer, body) = held(&state, client, answer);
    told.status = answer.status().as_u16();
    let token = answer.request().extensions().get::<TokenId>().cloned();
    told.token = token.map(|token| token.0);
    log(&told);
    Ok(answer.map_body(move |_, ()| SentBody::new(body, told, state).boxed()))
}

/// Takes the body of an answer, and its share of the memory if it is large; without room for it the answer
/// is an error.
fn held(
    state: &State,
    client: IpAddr,
    answer: ServiceResponse<BoxBody>,
) -> (ServiceResponse<()>, Body) {
    let (request, answer) = answer.into_parts();
    let (answer, sent) = answer.into_parts();
    let is_none = sent.size() == BodySize::None;
    let bytes = match sent.try_into_bytes() {
        // To have no body is not to have an empty one.
        Ok(_) if is_none => {
            let body = Body::made(BoxBody::new(body::None::new()));
            return (ServiceResponse::new(request, answer), body);
        }
        Ok(bytes) => bytes,
        Err(body) => return (ServiceResponse::new(request, answer), Body::made(body)),
    };
    let mut share = state.sending_memory.share(counted(client));
    if bytes.len() < COUNTED_BYTES || share.grow(bytes.len() as u64) {
        let answer = ServiceResponse::new(request, answer);
        let body = Body::Whole {
            bytes,
            _share: share,
        };
        return (answer, body);
    }
    let (answer, body) = ApiError::NoRoom.error_response().into_parts();
    (ServiceResponse::new(request, answer), Body::made(body))
}

fn check_rate(state: &State, client: IpAddr, path: &str) -> Result<(), ApiError> {
    if UNLIMITED.contains(&path) || !state.settings.client_rate.applies_to(client) {
        return Ok(());
    }
    let passed = state.client_rate.check(counted(client), Instant::now());
    passed.map_err(|wait| {
        state.metrics.refuse();
        ApiError::TooManyRequests { wait }
    })
}

fn log(request: &Request) {
    let Request {
        method,
        path,
        status,
        ..
    } = request;
    let micros = request.began.elapsed().as_micros();
    if *status >= 500 {
        tracing::warn!(%method, path, status, micros, "request failed");
    } else if matches!(*method, Method::PUT | Method::DELETE | Method::PATCH) {
        tracing::info!(%method, path, status, micros, "request");
    } else {
        tracing::debug!(%method, path, status, micros, "request");
    }
}

fn wrap(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = answer.headers().get(header::CONTENT_TYPE);
    let is_ours = |kind: &header::HeaderValue| {
        let kind = kind.as_bytes();
        kind == b"application/json" || kind.starts_with(b"text/html")
    };
    if !is_error || content_type.is_some_and(is_ours) {
        return answer;
    }
    let error = if status.is_client_error() {
        ApiError::BadRequest(format!("the request cannot be served: {status}"))
    } else {
        ApiError::Internal(format!("the framework answered {status}"))
    };
    let mut response = error.error_response();
    *response.status_mut() = status;
    answer.into_response(response)
}
