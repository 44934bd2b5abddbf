//! `PUT` of a file.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::web::{self, Path, Query};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use hashget_api::PoolPutQuery;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;

use crate::auth::{Publisher, TokenId};
use crate::body::Body;
use crate::error::ApiError;
use crate::etag;
use crate::pool::{OverQuota, Owner, Upload};
use crate::routes::digest_of;
use crate::state::{State, blocking};

/// How much is gathered before it goes to the disk.
const WRITE_BYTES: usize = 1024 * 1024;

/// 201 when the file is new, 200 when it was there: then the body is read and checked, and
/// nothing is written, unless its announced size is not that of the file, which is then damaged
/// and replaced. Either way the file belongs to the project that put it.
pub(super) async fn upload(
    publisher: Publisher,
    path: Path<String>,
    query: Query<PoolPutQuery>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let digest = digest_of(&path)?;
    let owner = Owner {
        project: publisher.project(query.into_inner().project)?,
        token: request
            .extensions()
            .get::<TokenId>()
            .map(|id| id.0.clone())
            .unwrap_or_default(),
    };
    let limits = state.settings.limits;
    let mut body = Body::new(&request, payload, limits.pool_file_bytes, limits)?;
    let announced = body.announced_bytes();
    let claimant = owner.clone();
    let (there, mut sink) = blocking(&state, move |state| {
        let checked = state
            .owners
            .check(&digest, announced.unwrap_or(0), &claimant);
        checked.map_err(|over| over_quota(&over))?;
        let there = state.pool.size_of(&digest)?;
        if there.is_some() && there == announced {
            return Ok((true, Sink::Check(Hasher::new(), 0)));
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
        sink.write(state, &gathered)?.finish(state, digest, &owner)
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
    /// Nowhere: the file is there. How many bytes came is counted.
    Check(Hasher, u64),
}

impl Sink {
    fn write(mut self, state: &State, data: &[u8]) -> Result<Self, ApiError> {
        match &mut self {
            Self::Keep(upload) => {
                let _space = state.disk.reserve(data.len() as u64)?;
                upload.write(data)?;
            }
            Self::Check(hasher, bytes) => {
                hasher.update(data);
                *bytes += data.len() as u64;
            }
        }
        Ok(self)
    }

    /// Keeps the file, once it is known to be the one that was named and to fit its owner's quota.
    fn finish(self, state: &State, expected: Digest, owner: &Owner) -> Result<(), ApiError> {
        let bytes = match &self {
            Self::Keep(upload) => upload.bytes(),
            Self::Check(_, bytes) => *bytes,
        };
        let checked = state.owners.check(&expected, bytes, owner);
        checked.map_err(|over| over_quota(&over))?;
        match self {
            Self::Keep(upload) => state.pool.keep(upload, &expected)?,
            Self::Check(hasher, _) => {
                let found = hasher.finish();
                if found != expected {
                    return Err(ApiError::HashMismatch { expected, found });
                }
            }
        }
        let claimed = state.owners.claim(&expected, bytes, owner)?;
        claimed.map_err(|over| {
            // Another file took the room meanwhile.
            if state.owners.has(&expected, |_| true).is_none()
                && let Err(error) = state.pool.remove(&expected)
            {
                tracing::error!("sha256:{expected} is in the pool without an owner: {error}");
            }
            over_quota(&over)
        })?;
        if state.pool.size_of(&expected)?.is_some() {
            return Ok(());
        }
        state.owners.release(&expected, owner.project.as_ref())?;
        let message = "the file was removed meanwhile: put it again";
        Err(ApiError::Busy(message.to_owned()))
    }
}

fn over_quota(over: &OverQuota) -> ApiError {
    let OverQuota {
        whose,
        allowed_bytes,
        setting,
    } = over;
    ApiError::TooLarge(format!(
        "{whose} may have {allowed_bytes} bytes in the pool ({setting}), and this file is beyond that: remove \
         others first, or ask the operator for more"
    ))
}
