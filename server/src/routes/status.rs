//! `GET api/v1/status`.

use actix_web::{HttpResponse, web};
use hashget_api::{ProjectStatus, StatusResponse};
use hashget_store::ProjectStats;

use super::{address, get_or_head};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::state::State;
use crate::view::blocking_json;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/api/v1/status", "GET, HEAD").route(get_or_head().to(status)));
}

async fn status(reader: Reader, state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    blocking_json(&state, reader, |state| {
        let held = state.store.stats()?;
        Ok(StatusResponse {
            name: state.settings.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            packages: held.packages,
            digests: held.digests,
            store_bytes: held.store_bytes,
            uptime_seconds: state.started.elapsed().as_secs(),
            waiting_submissions: state.submissions.waiting() as u64,
            compact_lookup: true,
            dead_sources: state.dead_count()?,
            projects: held.projects.into_iter().map(project_status).collect(),
        })
    })
    .await
}

fn project_status(stats: ProjectStats) -> ProjectStatus {
    ProjectStatus {
        name: stats.name,
        packages: stats.packages,
        files: stats.files,
        anchors: stats.anchors,
        packages_bytes: stats.packages_bytes,
    }
}
