//! `GET api/v1/packages/{id}`.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use hashget_api::PackageResponse;
use hashget_words::package_summary::PackageId;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::routes::record;
use crate::state::State;
use crate::view::blocking_json;

/// A whole record: which files a package holds, and where else it can be fetched.
pub(super) async fn one(
    reader: Reader,
    id: Path<u64>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = PackageId(*id);
    blocking_json(&state, reader, move |state| {
        let stored = state.store.get(&[id])?.into_iter().flatten().next();
        let alive = stored.filter(|stored| !state.is_expired(stored.package.expires));
        let stored = alive
            .ok_or_else(|| ApiError::NotFound(format!("there is no package {} here", id.0)))?;
        Ok(PackageResponse {
            sources: record::sources(state, &stored)?,
            id: stored.id,
            project: stored.project,
            package: stored.package,
        })
    })
    .await
}
