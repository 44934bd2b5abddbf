//! `GET api/v1/packages/{id}`.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use hashget_api::PackageResponse;
use hashget_words::package_summary::PackageId;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::routes::record;
use crate::state::{self as responses, State};
use crate::view::blocking;

/// A whole record: which files a package holds, and where else it can be fetched.
pub(super) async fn one(
    reader: Reader,
    id: Path<u64>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = PackageId(*id);
    let json = blocking(&state, reader, move |state| {
        let found = state.record(id)?;
        let alive = found.filter(|found| !state.is_expired(found.value.package.expires));
        let found = alive
            .ok_or_else(|| ApiError::NotFound(format!("there is no package {} here", id.0)))?;
        let (stored, _share) = found.into_parts();
        responses::json(&PackageResponse {
            sources: record::sources(state, &stored)?,
            id: stored.id,
            project: stored.project,
            package: stored.package,
        })
    });
    Ok(responses::json_answer(json.await?))
}
