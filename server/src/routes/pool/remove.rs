//! `DELETE` of a file.

use actix_web::HttpResponse;
use actix_web::web::{self, Path, Query};
use hashget_api::PoolRemoveQuery;
use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;

use crate::auth::Publisher;
use crate::error::ApiError;
use crate::pool::Released;
use crate::routes::digest_of;
use crate::state::{State, blocking};

/// Removes a file from the pool, once the last project that put it lets it go: of a file that others put, too,
/// only the claim is removed. Records of others that name it change nothing. An administrator who names no
/// project removes it for all.
///
/// Of a file from before it was noted who put it, a publisher may remove what is a package of the project
/// and of no other one.
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
        match state.owners.release(&digest, project.as_ref())? {
            Released::Shared => return Ok(()),
            Released::Unowned => {}
            Released::Foreign => return Err(foreign(&digest, project.as_ref())),
            Released::Unknown => {
                if state.pool.size_of(&digest)?.is_some()
                    && let Some(project) = &project
                {
                    check_records(state, &digest, project)?;
                    state.owners.release(&digest, None)?;
                }
            }
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

fn foreign(digest: &Digest, project: Option<&ProjectName>) -> ApiError {
    let project = project.map_or_else(String::new, ToString::to_string);
    ApiError::Forbidden(format!("sha256:{digest} was not put here for {project}"))
}

/// Expired records count, too: they may be made to live again.
fn check_records(state: &State, digest: &Digest, project: &ProjectName) -> Result<(), ApiError> {
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
