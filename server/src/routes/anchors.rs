//! `GET a/<h0h1>/<h2h3>/<h4h5>/<other>`: the record of the package that has this SHA-256 as an
//! anchor or as its own.

use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use hashget_common::api::MAX_PACKAGES_PER_DIGEST;
use hashget_common::digest::Digest;
use hashget_common::hash_package::HashPackage;

use super::{address, digest_of, get_or_head, record};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::state::{State, blocking};

/// The original joins paths to its `hashdb` URL, so both forms are asked for.
pub(super) fn configure(app: &mut web::ServiceConfig) {
    for path in ["/a/{digest:.*}", "/hashdb/a/{digest:.*}"] {
        app.service(address(path, "GET, HEAD").route(get_or_head().to(anchor)));
    }
}

async fn anchor(
    _: Reader,
    path: Path<String>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let digest = digest_of(&path)?;
    match blocking(&state, move |state| best(state, &digest)).await? {
        Some(package) => record::answer(&request, &state, &package),
        None => Err(ApiError::NotFound(format!(
            "sha256:{digest} is no anchor and no package here"
        ))),
    }
}

/// The best record that has the digest as its own or as an anchor. Whether it is an anchor only
/// the whole record tells, so no more of them are read than a look-up would name.
fn best(state: &State, digest: &Digest) -> Result<Option<HashPackage>, ApiError> {
    let ids = state
        .store
        .find_digests(std::slice::from_ref(digest))?
        .concat();
    let mut readable = MAX_PACKAGES_PER_DIGEST;
    for summary in record::alive(state, &ids)? {
        let is_own = summary.sha256.as_ref() == Some(digest);
        if !is_own && readable == 0 {
            continue;
        }
        readable -= usize::from(!is_own);
        let stored = state.store.get(&[summary.id])?.into_iter().flatten().next();
        if let Some(stored) = stored.filter(|stored| stored.package.is_anchored_by(digest)) {
            return Ok(Some(stored.package));
        }
    }
    Ok(None)
}
