//! `POST api/v1/submissions` and `GET api/v1/submissions/{id}`.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{self, Path};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use hashget_api::{Submission, SubmitRequest};
use regex::Regex;

use super::{address, get_or_head};
use crate::auth::{Reader, Submitter, TokenId};
use crate::body::{Body, parse_json};
use crate::client_address::counted_client;
use crate::error::ApiError;
use crate::state::{State, blocking};
use crate::submissions::{Enqueued, Sender};

/// A URL that the store would not keep is not fetched.
const MAX_URL_BYTES: usize = 8 * 1024;
/// After so long a client whose share of the queue is taken may ask again.
const SHARE_WAIT: Duration = Duration::from_secs(60);
/// More than a submission takes in the queue.
const ENTRY_BYTES: u64 = 64 * 1024;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let all = address("/api/v1/submissions", "POST").route(web::post().to(submit));
    let one = address("/api/v1/submissions/{id}", "GET, HEAD").route(get_or_head().to(status));
    app.service(all).service(one);
}

async fn submit(
    _: Submitter,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    let question: SubmitRequest = parse_json(&body)?;
    let submission = enqueue(&state, sender_of(&request, &state), question.url).await?;
    Ok(HttpResponse::Accepted()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((LOCATION, format!("submissions/{}", submission.id)))
        .json(submission))
}

async fn status(
    reader: Reader,
    id: Path<u64>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let submission = state.submissions.get(*id);
    let submission = submission.filter(|_| reader.may_read(&state.settings.submit.project));
    let submission = submission.ok_or_else(|| {
        ApiError::NotFound(format!("submission {id} is not known here, or forgotten"))
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(submission))
}

/// Whose share of the queue a submission counts against.
pub(super) fn sender_of(request: &HttpRequest, state: &State) -> Sender {
    match request.extensions().get::<TokenId>() {
        Some(TokenId(id)) => Sender::Token(id.clone()),
        None => Sender::Address(counted_client(request, &state.settings.trusted_proxies)),
    }
}

/// Puts a URL into the queue if it is one that this server goes to.
pub(super) async fn enqueue(
    state: &web::Data<State>,
    sender: Sender,
    url: String,
) -> Result<Submission, ApiError> {
    check(state, &url)?;
    blocking(state, move |state| {
        let _space = state.disk.reserve(ENTRY_BYTES)?;
        match state.submissions.enqueue(&url, sender)? {
            Enqueued::Queued(submission) => Ok(submission),
            Enqueued::Full => Err(ApiError::Busy(
                "too many submissions wait already: try again later".to_owned(),
            )),
            Enqueued::ShareFull => Err(ApiError::TooManyRequests { wait: SHARE_WAIT }),
        }
    })
    .await
}

/// The patterns were checked with the settings; they are few, and fetching takes longer.
fn check(state: &State, url: &str) -> Result<(), ApiError> {
    if url.is_empty() || url.len() > MAX_URL_BYTES || url.contains(char::is_control) {
        let message = "the URL is empty, longer than 8 KiB, or has control characters";
        return Err(ApiError::BadRequest(message.to_owned()));
    }
    let patterns = &state.settings.accept_url;
    let accepts = |pattern: &String| Regex::new(pattern).is_ok_and(|regex| regex.is_match(url));
    if !patterns.iter().any(accepts) {
        let message = "this server takes no packages of this URL: see accept_url in config.json";
        return Err(ApiError::Forbidden(message.to_owned()));
    }
    let checked = state.fetcher.check(url);
    checked.map_err(|error| ApiError::Forbidden(error.to_string()))?;
    Ok(())
}
