//! `GET sig/deb/<prefix>/<name>/<signature>`: the record of a Debian package.

use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use hashget_words::hash_package::HashPackage;
use hashget_words::signature::Signature;

use super::{address, get_or_head, record};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::state::State;
use crate::view::{View, blocking};

/// The original joins paths to its `hashdb` URL, so both forms are asked for.
pub(super) fn configure(app: &mut web::ServiceConfig) {
    for path in ["/sig/{path:.*}", "/hashdb/sig/{path:.*}"] {
        app.service(address(path, "GET, HEAD").route(get_or_head().to(signature)));
    }
}

async fn signature(
    reader: Reader,
    path: Path<String>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let none = || ApiError::NotFound("there is no package with this signature".to_owned());
    let signature = parse(&path).ok_or_else(none)?;
    let package = blocking(&state, reader, move |state| best(state, &signature)).await?;
    record::answer(&request, &state, &package.ok_or_else(none)?)
}

/// A path that is not the signature's own names nothing.
fn parse(path: &str) -> Option<Signature> {
    let (_, value) = path.rsplit_once('/')?;
    let signature = Signature::new(Signature::DEB, value).ok()?;
    let right = signature.deb_path()?;
    (right.strip_prefix("sig/") == Some(path)).then_some(signature)
}

fn best(state: &View<'_>, signature: &Signature) -> Result<Option<HashPackage>, ApiError> {
    let ids = state
        .store
        .find_signatures(std::slice::from_ref(signature))?
        .concat();
    let signers = state.signers()?;
    let alive = record::alive_among(state, &ids)?.into_iter();
    for summary in alive.filter(|it| signers.may_answer(&it.project, signature)) {
        if let Some(found) = state.record(summary.id)? {
            return Ok(Some(found.value.package));
        }
    }
    Ok(None)
}
