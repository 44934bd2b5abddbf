//! `GET api/v1/filter` and its pieces, `GET api/v1/filter/{sha256}`.

use actix_web::http::header::{CACHE_CONTROL, ContentType, ETAG};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use hashget_words::digest::Digest;

use super::{address, get_or_head};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::etag;
use crate::state::State;
use crate::view::blocking_json;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let manifest = address("/api/v1/filter", "GET, HEAD").route(get_or_head().to(manifest));
    let piece = address("/api/v1/filter/{sha256}", "GET, HEAD").route(get_or_head().to(piece));
    app.service(manifest).service(piece);
}

async fn manifest(reader: Reader, state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    blocking_json(&state, reader, |state| {
        if !state.is_whole() {
            return Err(no_filter());
        }
        let manifest = state.filters.manifest(&*state.store)?;
        manifest.ok_or_else(no_filter)
    })
    .await
}

/// A filter is of all projects: of the others it would tell digests to who may read only some.
fn no_filter() -> ApiError {
    ApiError::NotFound("there is no filter, or none yet".to_owned())
}

/// A piece is named by its content, so that every cache may keep it for ever.
async fn piece(
    reader: Reader,
    sha256: Path<Digest>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    if reader.projects().is_some() {
        return Err(no_filter());
    }
    let found = state.filters.piece(&sha256);
    let bytes = found.ok_or_else(|| {
        ApiError::NotFound("this piece of the filter is not in use: ask api/v1/filter again".into())
    })?;
    let tag = etag::of(&sha256);
    let mut answer = if etag::is_known(&request, &tag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let rest = "max-age=31536000, immutable";
    answer.insert_header((CACHE_CONTROL, state.cache_control(rest)));
    answer.insert_header((ETAG, tag.as_str()));
    if etag::is_known(&request, &tag) {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(ContentType::octet_stream()).body(bytes))
}
