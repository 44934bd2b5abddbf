//! `GET api/v1/packages`.

use actix_web::HttpResponse;
use actix_web::web::{self, Query};
use hashget_api::{ListQuery, ListResponse, MAX_LIST_PACKAGES};
use hashget_store::StoreQuery;
use hashget_words::package_spec::PackageSpec;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::state::State;
use crate::view::blocking_json;

pub(super) async fn list(
    reader: Reader,
    query: Query<ListQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let query = query.into_inner();
    let limit = query.limit.unwrap_or(MAX_LIST_PACKAGES);
    if !(1..=MAX_LIST_PACKAGES).contains(&limit) {
        let message = format!("limit must be from 1 to {MAX_LIST_PACKAGES}");
        return Err(ApiError::BadRequest(message));
    }
    blocking_json(&state, reader, move |state| {
        let today = (state.clock)();
        let spec = query.spec.unwrap_or(PackageSpec::All);
        let wants_expired = matches!(spec, PackageSpec::Expired(_));
        let mut page = state.store.list(&StoreQuery {
            spec,
            project: query.project,
            after: query.after,
            limit,
            today,
        })?;
        page.packages
            .retain(|package| wants_expired || !package.expires.is_expired_at(today));
        Ok(ListResponse {
            packages: page.packages,
            next: page.next,
        })
    })
    .await
}
