//! `POST api/v1/pool/have`.

use actix_web::{HttpRequest, HttpResponse, web};
use hashget_api::{PoolHaveRequest, PoolHaveResponse};

use crate::auth::Reader;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::routes::check_batch;
use crate::state::{State, blocking_json};

pub(super) async fn have(
    _: Reader,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    blocking_json(&state, move |state| {
        let question: PoolHaveRequest = parse_json(&body)?;
        check_batch("digests", question.digests.len(), limits.lookup_keys)?;
        let mut files = Vec::new();
        for (place, digest) in (0..).zip(&question.digests) {
            if let Some(bytes) = state.pool.size_of(digest)? {
                files.push((place, bytes));
            }
        }
        Ok(PoolHaveResponse { files })
    })
    .await
}
