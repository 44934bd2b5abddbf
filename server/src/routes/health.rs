//! `GET healthz`, `readyz` and `metrics`: what supervisors ask.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, web};
use hashget_api::ReadyResponse;
use hashget_store::StoreStats;

use super::{address, get_or_head};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::metrics::{Page, escape};
use crate::state::{State, blocking, blocking_json};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/healthz", "GET, HEAD").route(get_or_head().to(health)))
        .service(address("/readyz", "GET, HEAD").route(get_or_head().to(ready)))
        .service(address("/metrics", "GET, HEAD").route(get_or_head().to(metrics)));
}

/// The process answers.
async fn health() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(ContentType::plaintext())
        .body("ok\n")
}

/// The store answers. A full disk does not make it less ready: reading goes on.
async fn ready(state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    blocking_json(&state, |state| {
        if let Err(error) = state.store.projects() {
            tracing::error!("not ready: {error}");
            return Err(ApiError::Unavailable("the store does not answer"));
        }
        if state.tokens.tokens().is_err() {
            return Err(ApiError::Unavailable("the tokens cannot be read"));
        }
        let is_writable = state.disk.reserve(0).is_ok();
        Ok(ReadyResponse {
            ready: true,
            writable: is_writable,
        })
    })
    .await
}

async fn metrics(reader: Reader, state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    reader.check_whole()?;
    let text = blocking(&state, |state| {
        let holds = state.store.stats()?;
        let mut page = Page::default();
        write(state, &holds, &mut page)
            .map_err(|error| ApiError::Internal(format!("metrics cannot be written: {error}")))?;
        Ok(page.text)
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text))
}

fn write(state: &State, store: &StoreStats, page: &mut Page) -> std::fmt::Result {
    let uptime = state.started.elapsed().as_secs();
    page.one("uptime_seconds", "gauge", "Time since the start", uptime)?;
    page.one(
        "store_packages",
        "gauge",
        "Records in the store",
        store.packages,
    )?;
    let help = "Entries of the digest index";
    page.one("store_digests", "gauge", help, store.digests)?;
    page.one(
        "store_bytes",
        "gauge",
        "Bytes of the store on disk",
        store.store_bytes,
    )?;
    page.head("project_packages", "gauge", "Records of a project")?;
    for project in &store.projects {
        let label = format!("project=\"{}\"", escape(project.name.as_str()));
        page.line("project_packages", &label, project.packages)?;
    }
    if let Some(free_bytes) = state.disk.free_bytes() {
        page.one(
            "disk_free_bytes",
            "gauge",
            "Free space where the data are",
            free_bytes,
        )?;
    }
    let dead = state.health.dead_count();
    let help = "URLs of packages that were found dead";
    page.one("sources_dead", "gauge", help, dead)?;
    let memory = state.store.resident_bytes();
    let help = "Bytes of the digest index in memory; 0: look-ups read the store";
    page.one("index_memory_bytes", "gauge", help, memory.unwrap_or(0))?;
    let waiting = state.submissions.waiting();
    page.one(
        "submissions_waiting",
        "gauge",
        "Submissions not yet done",
        waiting,
    )?;
    let help = "Bytes of requests' bodies in memory";
    page.one(
        "body_memory_bytes",
        "gauge",
        help,
        state.body_memory.bytes(),
    )?;
    let help = "Bytes of large answers in memory";
    let bytes = state.sending_memory.bytes();
    page.one("sending_memory_bytes", "gauge", help, bytes)?;
    let open = state.connections.count();
    page.one(
        "connections_open",
        "gauge",
        "Connections from clients",
        open,
    )?;
    let lost = state.access_log.lost_lines();
    let help = "Lines of the access log that were lost";
    page.one("access_log_lost_lines_total", "counter", help, lost)?;
    state.metrics.write(page)
}
