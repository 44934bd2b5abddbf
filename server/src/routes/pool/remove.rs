//! `DELETE` of a file.

use actix_web::HttpResponse;
use actix_web::web::{self, Path, Query};
use hashget_api::PoolRemoveQuery;
use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;

use crate::auth::Publisher;
use crate::error::ApiError;
use crate::routes::digest_of;
use crate::state::{State, blocking};

/// Removes a file from the pool. A publisher may remove what is a package of the project and of no
/// other one: nobody else relies on it by a record.
pub(super) async fn remove(
    publisher: Publisher,
    path: Path<String>,
    query: Query<PoolRemoveQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let project = query.into_inner().project;
    publisher.check_range(project.as_ref())?;
    let digest = digest_of(&path)?;
    blocking(&state, move |state| {
        if let Some(project) = &project {
            check_owner(state, &digest, project)?;
        }
        if !state.pool.remove(&digest)? {
            let text = format!("sha256:{digest} is not in the pool");
            return Err(ApiError::NotFound(text));
        }
        tracing::info!(%digest, "removed from the pool");
        Ok(())
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Expired records count, too: they may be made to live again.
fn check_owner(state: &State, digest: &Digest, project: &ProjectName) -> Result<(), ApiError> {
    let ids = state.store.find_digests(&[*digest])?.concat();
    let records = state.store.summaries(&ids)?;
    let mut is_package = false;
    for record in records.into_iter().flatten() {
        if record.project != *project {
            let text = format!("sha256:{digest} is in packages of other projects, too");
            return Err(ApiError::Forbidden(text));
        }
        is_package |= record.sha256 == Some(*digest);
    }
    if is_package {
        return Ok(());
    }
    Err(ApiError::Forbidden(format!(
        "sha256:{digest} is no package of {project}"
    )))
}
