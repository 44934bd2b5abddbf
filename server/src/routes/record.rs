//! A record as the answer to a GET of the original's wire.

use actix_web::http::header::{CACHE_CONTROL, ContentType, ETAG};
use actix_web::{HttpRequest, HttpResponse};
use hashget_common::digest::Digest;
use hashget_common::hash_package::HashPackage;
use hashget_common::package_summary::{PackageId, PackageSummary};

use crate::error::ApiError;
use crate::etag;
use crate::preference::by_preference;
use crate::state::State;

/// Records may be purged and replaced, so caches keep them for a minute only.
const MAX_AGE: &str = "max-age=60";

/// Of these records those that have not expired, the best first.
pub(super) fn alive(state: &State, ids: &[PackageId]) -> Result<Vec<PackageSummary>, ApiError> {
    let summaries = state.store.summaries(ids)?.into_iter().flatten();
    let mut alive: Vec<PackageSummary> = summaries
        .filter(|package| !state.is_expired(package.expires))
        .collect();
    let is_dead = |package: &PackageSummary| state.health.is_dead(&package.url);
    alive.sort_by(|a, b| {
        is_dead(a)
            .cmp(&is_dead(b))
            .then_with(|| by_preference(a, b))
    });
    Ok(alive)
}

/// Answers with a record, or that the client has it.
pub(super) fn answer(
    request: &HttpRequest,
    state: &State,
    package: &HashPackage,
) -> Result<HttpResponse, ApiError> {
    let json = serde_json::to_vec(package)
        .map_err(|error| ApiError::Internal(format!("a record cannot be written: {error}")))?;
    let tag = etag::of(&Digest::of(&json));
    let mut answer = if etag::is_known(request, &tag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer.insert_header((CACHE_CONTROL, state.cache_control(MAX_AGE)));
    answer.insert_header((ETAG, tag.as_str()));
    if etag::is_known(request, &tag) {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(ContentType::json()).body(json))
}
