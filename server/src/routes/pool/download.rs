//! `GET` and `HEAD` of a file, or of a part of it.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE,
};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::access::may_read;
use super::file_body::{HeadBody, file_body};
use crate::auth::Reader;
use crate::byte_range::{self, Part};
use crate::error::ApiError;
use crate::etag;
use crate::routes::digest_of;
use crate::state::State;
use crate::view::blocking;

/// What is at a digest never changes.
const FOR_EVER: &str = "max-age=31536000, immutable";

pub(super) async fn download(
    reader: Reader,
    path: Path<String>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let digest = digest_of(&path)?;
    let opened = blocking(&state, reader, move |state| {
        if !may_read(state, &digest)? {
            return Ok(None);
        }
        Ok(state.pool.open_file(&digest)?)
    })
    .await?;
    let (file, size) =
        opened.ok_or_else(|| ApiError::NotFound(format!("sha256:{digest} is not in the pool")))?;
    let tag = etag::of(&digest);
    let headers = |mut answer: HttpResponseBuilder| {
        answer.insert_header((ETAG, tag.as_str()));
        answer.insert_header((CACHE_CONTROL, state.cache_control(FOR_EVER)));
        answer.insert_header((ACCEPT_RANGES, "bytes"));
        answer
    };
    if etag::is_known(&request, &tag) {
        return Ok(headers(HttpResponse::NotModified()).finish());
    }
    let (mut answer, start, bytes) = match part(&request, &tag, size) {
        Part::Whole => (headers(HttpResponse::Ok()), 0, size),
        Part::Range { start, bytes } => {
            let mut answer = headers(HttpResponse::PartialContent());
            let last = start + bytes - 1;
            answer.insert_header((CONTENT_RANGE, format!("bytes {start}-{last}/{size}")));
            (answer, start, bytes)
        }
        Part::Unsatisfiable => return Err(ApiError::RangeNotSatisfiable { bytes: size }),
    };
    answer.insert_header((CONTENT_TYPE, "application/octet-stream"));
    if request.method() == Method::HEAD {
        return Ok(answer.body(HeadBody(bytes)));
    }
    Ok(answer.body(file_body(&state, file, start, bytes)))
}

/// A range counts for GET only, and only once.
fn part(request: &HttpRequest, tag: &str, size: u64) -> Part {
    let mut ranges = request.headers().get_all(RANGE);
    match (ranges.next(), ranges.next()) {
        (Some(range), None)
            if request.method() == Method::GET && etag::may_continue(request, tag) =>
        {
            byte_range::parse(range.to_str().unwrap_or_default(), size)
        }
        _ => Part::Whole,
    }
}
