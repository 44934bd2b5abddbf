//! A record as the answer to a GET of the original's wire.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, ContentType, ETAG, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use hashget_api::{MAX_PACKAGES_PER_DIGEST, PackageSource};
use hashget_store::StoredPackage;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::ranking::{self, Need};

use crate::answers::Answer;
use crate::error::ApiError;
use crate::etag;
use crate::state::State;
use crate::view::View;

/// Records may be purged and replaced, so caches keep them for a minute only.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=60");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=60");

/// The records with a digest that have not expired, the best first.
pub(super) fn alive(
    state: &View<'_>,
    digest: &Digest,
) -> Result<Vec<Arc<PackageSummary>>, ApiError> {
    let mut found = Vec::new();
    let digests = std::slice::from_ref(digest);
    state.store.match_digests(digests, &mut |_, rows| {
        found.extend(rows.iter().map(|row| Arc::clone(row)));
    })?;
    Ok(best_first(state, found))
}

/// Of these records those that have not expired, the best first.
pub(super) fn alive_among(
    state: &View<'_>,
    ids: &[PackageId],
) -> Result<Vec<Arc<PackageSummary>>, ApiError> {
    let found = state.store.summaries(ids)?.into_iter().flatten();
    Ok(best_first(state, found.collect()))
}

fn best_first(state: &View<'_>, found: Vec<Arc<PackageSummary>>) -> Vec<Arc<PackageSummary>> {
    let need = Need::today((state.clock)());
    ranking::best_first(found, need, |url| state.health.is_dead(url))
}

/// Every URL under which a package with the same SHA-256 was published, the best first; of one
/// whose SHA-256 is not known its own.
pub(super) fn sources(
    state: &View<'_>,
    stored: &StoredPackage,
) -> Result<Vec<PackageSource>, ApiError> {
    let digest = stored.package.digest();
    let mut same = match &digest {
        Some(digest) => alive(state, digest)?,
        None => alive_among(state, &[stored.id])?,
    };
    same.retain(|package| package.sha256 == digest);
    same.truncate(MAX_PACKAGES_PER_DIGEST);
    Ok(same
        .iter()
        .map(|package| state.health.source(package))
        .collect())
}

/// A record as JSON.
pub(super) fn json(package: &HashPackage) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(package)
        .map_err(|error| ApiError::Internal(format!("a record cannot be written: {error}")))
}

/// The entity tag of a text.
pub(super) fn tag(json: &[u8]) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(&etag::of(&Digest::of(json)))
        .map_err(|error| ApiError::Internal(format!("a tag cannot be sent: {error}")))
}

/// Answers with a record, or that the client has it.
pub(super) fn answer(
    request: &HttpRequest,
    state: &State,
    package: &HashPackage,
) -> Result<HttpResponse, ApiError> {
    let json = json(package)?;
    let answer = Answer {
        tag: tag(&json)?,
        json: json.into(),
        moment: state.moment(),
        found: Vec::new(),
    };
    Ok(send(request, state, &answer))
}

/// Sends an answer, or that the client has it.
pub(super) fn send(request: &HttpRequest, state: &State, answer: &Answer) -> HttpResponse {
    let is_known = etag::is_known(request, answer.tag.to_str().unwrap_or_default());
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let cache_control = if state.settings.open_reading {
        PUBLIC
    } else {
        PRIVATE
    };
    response.insert_header((CACHE_CONTROL, cache_control));
    response.insert_header((ETAG, answer.tag.clone()));
    if is_known {
        return response.finish();
    }
    response
        .content_type(ContentType::json())
        .body(answer.json.clone())
}
