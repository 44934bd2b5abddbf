//! `PUT` of a file.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;

use crate::auth::Publisher;
use crate::body::Body;
use crate::error::ApiError;
use crate::etag;
use crate::pool::Upload;
use crate::routes::digest_of;
use crate::state::{State, blocking};

/// How much is gathered before it goes to the disk.
const WRITE_BYTES: usize = 1024 * 1024;

/// 201 when the file is new, 200 when it was there: then the body is read and checked, and
/// nothing is written, unless its announced size is not that of the file, which is then damaged
/// and replaced.
pub(super) async fn upload(
    _: Publisher,
    path: Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let digest = digest_of(&path)?;
    let limits = state.settings.limits;
    let mut body = Body::new(&request, payload, limits.pool_file_bytes, limits)?;
    let announced = body.announced_bytes();
    let (there, mut sink) = blocking(&state, move |state| {
        let there = state.pool.size_of(&digest)?;
        if there.is_some() && there == announced {
            return Ok((true, Sink::Check(Hasher::new())));
        }
        drop(state.disk.reserve(announced.unwrap_or(0))?);
        Ok((there.is_some(), Sink::Keep(state.pool.begin()?)))
    })
    .await?;
    let mut gathered = Vec::new();
    while let Some(piece) = body.next().await? {
        gathered.extend_from_slice(&piece);
        if gathered.len() >= WRITE_BYTES {
            let data = std::mem::take(&mut gathered);
            sink = blocking(&state, move |state| sink.write(state, &data)).await?;
        }
    }
    blocking(&state, move |state| {
        sink.write(state, &gathered)?.finish(state, digest)
    })
    .await?;
    let status = if there {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(HttpResponse::build(status)
        .insert_header((ETAG, etag::of(&digest)))
        .finish())
}

/// Where the body goes.
enum Sink {
    /// To the disk.
    Keep(Upload),
    /// Nowhere: the file is there.
    Check(Hasher),
}

impl Sink {
    fn write(mut self, state: &State, data: &[u8]) -> Result<Self, ApiError> {
        match &mut self {
            Self::Keep(upload) => {
                let _space = state.disk.reserve(data.len() as u64)?;
                upload.write(data)?;
            }
            Self::Check(hasher) => hasher.update(data),
        }
        Ok(self)
    }

    fn finish(self, state: &State, expected: Digest) -> Result<(), ApiError> {
        match self {
            Self::Keep(upload) => Ok(state.pool.keep(upload, &expected)?),
            Self::Check(hasher) => match hasher.finish() {
                found if found == expected => Ok(()),
                found => Err(ApiError::HashMismatch { expected, found }),
            },
        }
    }
}
