//! `GET api/v1/export`: every record as a line of JSON, while the server serves.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use futures_util::stream;
use hashget_store::json_lines;
use hashget_words::package_summary::PackageId;

use super::{address, get_or_head};
use crate::auth::Admin;
use crate::error::ApiError;
use crate::state::{State, blocking};

/// A piece is sent when it has this many bytes.
const PIECE_BYTES: usize = 256 * 1024;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/api/v1/export", "GET, HEAD").route(get_or_head().to(export)));
}

/// Goes through the records by their numbers. A record that is published again meanwhile gets a
/// higher number, so it is met once more, or for the first time, further on: of what was there
/// at the start and was not removed nothing is left out.
async fn export(_: Admin, state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    let first = blocking(&state, |state| next_piece(state, None)).await?;
    let pieces = stream::try_unfold(Step::Made(first.0, first.1), move |step| {
        let state = state.clone();
        async move {
            let (piece, next) = match step {
                Step::Made(piece, next) => (piece, next),
                Step::After(id) => {
                    blocking(&state, move |state| next_piece(state, Some(id))).await?
                }
                Step::End => return Ok(None),
            };
            Ok::<_, ApiError>(Some((piece, next.map_or(Step::End, Step::After))))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/x-ndjson"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(pieces))
}

/// Where the stream is.
enum Step {
    /// A piece is made, and more come behind this number.
    Made(web::Bytes, Option<PackageId>),
    /// The next piece begins behind this number.
    After(PackageId),
    /// That was all.
    End,
}

fn next_piece(
    state: &State,
    after: Option<PackageId>,
) -> Result<(web::Bytes, Option<PackageId>), ApiError> {
    let mut piece = Vec::new();
    let next = json_lines::export_piece(&*state.store, after, PIECE_BYTES, &mut piece).map_err(
        |error| match error {
            json_lines::JsonLinesError::Store(error) => error.into(),
            error => ApiError::Internal(error.to_string()),
        },
    )?;
    Ok((piece.into(), next))
}
