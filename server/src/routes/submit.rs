//! `POST submit`: what the original's client sends, `multipart/form-data` with the fields `url`
//! and `size` and then the package.
//!
//! The package that comes along is read and dropped: this server believes nobody's bytes for a
//! URL, and fetches the URL by itself.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ContentType};
use actix_web::{HttpRequest, HttpResponse, web};

use super::{address, submissions};
use crate::auth::Submitter;
use crate::body::Body;
use crate::error::ApiError;
use crate::form_head;
use crate::state::State;

/// The fields come first; they are looked for in so much of the body.
const MAX_HEAD_BYTES: usize = 64 * 1024;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/submit", "POST").route(web::post().to(submit)));
}

async fn submit(
    _: Submitter,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let mut body = Body::new(&request, payload, limits.pool_file_bytes, limits)?;
    let mut head = Vec::new();
    // The sender reads no answer before it has sent everything.
    while let Some(piece) = body.next().await? {
        let room = MAX_HEAD_BYTES - head.len();
        head.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    let url = form_head::field(&content_type, &head, "url").ok_or_else(|| {
        ApiError::BadRequest("send multipart/form-data that begins with the field url".to_owned())
    })?;
    let submission =
        submissions::enqueue(&state, submissions::sender_of(&request, &state), url).await?;
    Ok(HttpResponse::Accepted()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(ContentType::plaintext())
        .body(format!(
            "accepted: see api/v1/submissions/{}\n",
            submission.id
        )))
}
