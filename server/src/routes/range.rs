//! `POST api/v1/range` and `GET api/v1/range/{bits}/{prefix}`: look-ups that tell this server
//! only the first bits of the digests.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use hashget_api::{MAX_RANGE_DIGESTS, RangeRequest, RangeResponse};
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageId;

use super::lookup::Finder;
use super::{address, check_batch, get_or_head};
use crate::auth::Reader;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::state::State;
use crate::view::{View, blocking};

/// Answers are rounded up to a multiple of this.
const PADDED_BYTES: usize = 4096;
/// Memory is taken for so many digests at a time.
const HELD_DIGESTS: usize = 4096;
/// What a digest takes at most until the answer is written: in the lists, and in the JSON.
const BYTES_PER_DIGEST: u64 = 200;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let many = address("/api/v1/range", "POST").route(web::post().to(many));
    let path = "/api/v1/range/{bits}/{prefix}";
    app.service(many)
        .service(address(path, "GET, HEAD").route(get_or_head().to(one)));
}

async fn many(
    reader: Reader,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    answer(&state, reader, move || parse_json(&body)).await
}

async fn one(
    reader: Reader,
    path: Path<(u32, u32)>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let (bits, prefix) = path.into_inner();
    let prefixes = vec![prefix];
    let expires = None;
    let question = RangeRequest {
        bits,
        prefixes,
        expires,
    };
    answer(&state, reader, move || Ok(question)).await
}

async fn answer(
    state: &web::Data<State>,
    reader: Reader,
    question: impl FnOnce() -> Result<RangeRequest, ApiError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let json = blocking(state, reader, move |state| {
        let found = find(state, &question()?)?;
        let failed = |error| ApiError::Internal(format!("an answer cannot be written: {error}"));
        Ok(padded(serde_json::to_vec(&found).map_err(failed)?))
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(ContentType::json())
        .body(json))
}

/// Fills the last member, `padding`.
fn padded(mut json: Vec<u8>) -> Vec<u8> {
    let end: &[u8] = b"\"}";
    if json.ends_with(end) {
        json.truncate(json.len() - end.len());
        let length = (json.len() + end.len()).next_multiple_of(PADDED_BYTES) - end.len();
        json.resize(length, b'0');
        json.extend_from_slice(end);
    }
    json
}

fn find(state: &View<'_>, question: &RangeRequest) -> Result<RangeResponse, ApiError> {
    let RangeRequest {
        bits,
        prefixes,
        expires,
    } = question;
    if !(8..=32).contains(bits) {
        let message = "bits must be from 8 to 32".to_owned();
        return Err(ApiError::BadRequest(message));
    }
    check_batch(
        "prefixes",
        prefixes.len(),
        state.settings.limits.lookup_keys,
    )?;
    let mut prefixes = prefixes.clone();
    prefixes.sort_unstable();
    prefixes.dedup();
    let mut held = Vec::new();
    let mut digests: Vec<Digest> = Vec::new();
    let mut ids: Vec<Vec<PackageId>> = Vec::new();
    for prefix in prefixes {
        if u64::from(prefix) >> bits != 0 {
            let message = format!("a prefix has more than {bits} bits");
            return Err(ApiError::BadRequest(message));
        }
        let (first, last) = span(prefix, *bits);
        let mut has_room = true;
        state
            .store
            .visit_digests(&first, &last, &mut |digest, id| {
                if let Some(ids) = ids.last_mut().filter(|_| digests.last() == Some(digest)) {
                    ids.push(id);
                } else {
                    digests.push(*digest);
                    ids.push(vec![id]);
                }
                if digests.len() > held.len() * HELD_DIGESTS {
                    match state.hold(HELD_DIGESTS as u64 * BYTES_PER_DIGEST) {
                        Ok(share) => held.push(share),
                        Err(_) => has_room = false,
                    }
                }
                has_room && digests.len() <= MAX_RANGE_DIGESTS
            })?;
        let wanted_bytes = (held.len() as u64 + 1) * HELD_DIGESTS as u64 * BYTES_PER_DIGEST;
        if !has_room && wanted_bytes <= state.sending_memory.bytes_of_client() {
            return Err(ApiError::NoRoom);
        }
        if !has_room {
            return Err(too_many(digests.len()));
        }
        if digests.len() > MAX_RANGE_DIGESTS {
            return Err(too_many(MAX_RANGE_DIGESTS));
        }
    }
    let finder = Finder::new(state, *expires);
    let (packages, found) = finder.resolve(&ids)?;
    let digests = found.into_iter().filter_map(|(place, packages)| {
        let digest = digests.get(place as usize)?;
        Some((*digest, packages))
    });
    Ok(RangeResponse {
        digests: digests.collect(),
        packages,
        padding: String::new(),
    })
}

fn too_many(digests: usize) -> ApiError {
    let way_out = "ask with more bits or fewer prefixes";
    ApiError::TooLarge(format!("more than {digests} digests: {way_out}"))
}

/// The first and the last digest with these first bits.
fn span(prefix: u32, bits: u32) -> (Digest, Digest) {
    let low = u64::from(prefix) << (32 - bits);
    let high = low | ((1_u64 << (32 - bits)) - 1);
    let digest = |first: u64, fill: u8| {
        let mut bytes = [fill; 32];
        bytes[..4].copy_from_slice(&first.to_be_bytes()[4..]);
        Digest::from_bytes(bytes)
    };
    (digest(low, 0), digest(high, 0xff))
}
