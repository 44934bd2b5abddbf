//! `POST api/v1/pool/have`.

use actix_web::{HttpRequest, HttpResponse, web};
use hashget_api::{PoolHaveRequest, PoolHaveResponse};

use super::access::may_read;
use crate::auth::Reader;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::routes::check_batch;
use crate::state::State;
use crate::view::blocking_json;

pub(super) async fn have(
    reader: Reader,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    blocking_json(&state, reader, move |state| {
        let question: PoolHaveRequest = parse_json(&body)?;
        check_batch("digests", question.digests.len(), limits.lookup_keys)?;
        let mut files = Vec::new();
        for (place, digest) in (0..).zip(&question.digests) {
            let project = question.project.as_ref();
            let is_asked_for = if let Some(project) = project {
                let put = state
                    .owners
                    .has(digest, |owner| owner.project.as_ref() == Some(project));
                put == Some(true) && state.shows(project)
            } else {
                may_read(state, digest)?
            };
            if let Some(bytes) = state.pool.size_of(digest)?.filter(|_| is_asked_for) {
                files.push((place, bytes));
            }
        }
        Ok(PoolHaveResponse { files })
    })
    .await
}
