//! `GET api/v1/sources/dead`.

use actix_web::HttpResponse;
use actix_web::web::{self, Query};
use hashget_api::{DeadSourcesQuery, DeadSourcesResponse, MAX_LIST_PACKAGES};

use super::{address, get_or_head};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::state::State;
use crate::view::blocking_json;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let dead = address("/api/v1/sources/dead", "GET, HEAD").route(get_or_head().to(dead));
    app.service(dead);
}

async fn dead(
    reader: Reader,
    query: Query<DeadSourcesQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    blocking_json(&state, reader, move |state| {
        let dead = state.dead_after(&query.after, MAX_LIST_PACKAGES)?;
        Ok(DeadSourcesResponse { dead })
    })
    .await
}
