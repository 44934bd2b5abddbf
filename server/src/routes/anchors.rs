//! `GET a/<h0h1>/<h2h3>/<h4h5>/<other>`: the record of the package that has this SHA-256 as an
//! anchor or as its own.
//!
//! This is what the clients of the original ask, a request for each large file of a tree; so an
//! answer that was given lately is kept, and goes before everything that is not needed for it.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use hashget_api::MAX_PACKAGES_PER_DIGEST;
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageSummary;

use super::{address, digest_of, get_or_head, record};
use crate::answers::{Answer, Moment};
use crate::auth::Reader;
use crate::client_address::counted_client;
use crate::error::ApiError;
use crate::state::State;
use crate::view::{View, blocking};

/// The original joins paths to its `hashdb` URL, so both forms are asked for.
const ADDRESSES: [&str; 2] = ["/a/{digest:.*}", "/hashdb/a/{digest:.*}"];

pub(super) fn configure(app: &mut web::ServiceConfig) {
    for path in ADDRESSES {
        app.service(address(path, "GET, HEAD").route(get_or_head().to(anchor)));
    }
}

/// The answer to a request for an anchor, with the pattern of its route, if it is at hand and
/// anybody may have it.
pub(super) fn at_hand(
    request: &HttpRequest,
    state: &State,
) -> Option<(&'static str, HttpResponse)> {
    let path = request.path();
    let (address, rest) = if let Some(rest) = path.strip_prefix("/a/") {
        (ADDRESSES[0], rest)
    } else {
        (ADDRESSES[1], path.strip_prefix("/hashdb/a/")?)
    };
    let is_open = state.settings.open_reading && !request.headers().contains_key(AUTHORIZATION);
    if !is_open || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let digest = Digest::from_sharded_path(rest).ok()?;
    let view = View::new(
        state,
        Reader::of_all(counted_client(request, &state.settings.trusted_proxies)),
    );
    let answer = kept(&view, &digest, state.moment())?;
    Some((address, record::send(request, state, &answer)))
}

async fn anchor(
    reader: Reader,
    path: Path<String>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let digest = digest_of(&path)?;
    let none = || ApiError::NotFound(format!("sha256:{digest} is no anchor and no package here"));
    let view = View::new(&state, reader.clone());
    if let Some(answer) = kept(&view, &digest, state.moment()) {
        return Ok(record::send(&request, &state, &answer));
    }
    if state.store.resident_bytes().is_some() && record::alive(&view, &digest)?.is_empty() {
        return Err(none());
    }
    let answer = blocking(&state, reader, move |state| made(state, &digest)).await?;
    Ok(record::send(&request, &state, &*answer.ok_or_else(none)?))
}

/// The answer that was given before, if it is right still. Those for who reads only some projects are not
/// kept.
fn kept(state: &View<'_>, digest: &Digest, now: Moment) -> Option<Arc<Answer>> {
    if !state.is_whole() {
        return None;
    }
    let answer = state.answers.get(digest)?;
    if answer.moment == now {
        return Some(answer);
    }
    // Something has changed, but mostly something else. Without the rows in memory a look-up
    // would wait for a disk, and tell nothing.
    state.store.resident_bytes()?;
    let found = record::alive(state, digest).ok()?;
    if !answer.is_of(&found) {
        return None;
    }
    let answer = Arc::new(Answer {
        moment: now,
        ..Answer::clone(&answer)
    });
    state.answers.put(digest, Arc::clone(&answer));
    Some(answer)
}

/// The answer from the store, kept for the next time.
fn made(state: &View<'_>, digest: &Digest) -> Result<Option<Arc<Answer>>, ApiError> {
    let moment = state.moment();
    let found = record::alive(state, digest)?;
    let Some(json) = best(state, digest, &found)? else {
        return Ok(None);
    };
    let answer = Arc::new(Answer {
        tag: record::tag(&json)?,
        json: json.into(),
        moment,
        found,
    });
    if state.is_whole() {
        state.answers.put(digest, Arc::clone(&answer));
    }
    Ok(Some(answer))
}

/// The best record that has the digest as its own or as an anchor. Whether it is an anchor only
/// the whole record tells, so no more of them are read than a look-up would name.
fn best(
    state: &View<'_>,
    digest: &Digest,
    found: &[Arc<PackageSummary>],
) -> Result<Option<Vec<u8>>, ApiError> {
    let mut readable = MAX_PACKAGES_PER_DIGEST;
    for summary in found {
        let is_own = summary.sha256.as_ref() == Some(digest);
        if !is_own && readable == 0 {
            continue;
        }
        readable -= usize::from(!is_own);
        let found = state.record(summary.id)?;
        if let Some(found) = found.filter(|found| found.value.package.is_anchored_by(digest)) {
            return record::json(&found.value.package).map(Some);
        }
    }
    Ok(None)
}
