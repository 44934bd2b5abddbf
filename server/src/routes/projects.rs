//! `PUT` and `DELETE api/v1/projects/{name}`.

use actix_web::http::StatusCode;
use actix_web::web::{self, Json, Path};
use actix_web::{HttpResponse, Responder};
use hashget_api::ProjectResponse;
use hashget_words::project::{ParseProjectError, ProjectName};

use super::address;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::state::{State, blocking};

/// More than the store writes for one small change.
const SMALL_CHANGE_BYTES: u64 = 1024 * 1024;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let project = address("/api/v1/projects/{name}", "PUT, DELETE")
        .route(web::put().to(add))
        .route(web::delete().to(remove));
    app.service(project);
}

async fn add(
    _: Admin,
    name: Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let project = parse(&name)?;
    let answer = ProjectResponse {
        project: project.clone(),
    };
    let is_new = blocking(&state, move |state| {
        let _space = state.disk.reserve(SMALL_CHANGE_BYTES)?;
        Ok(state.store.add_project(&project)?)
    })
    .await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(HttpResponse::build(status).json(answer))
}

async fn remove(
    _: Admin,
    name: Path<String>,
    state: web::Data<State>,
) -> Result<impl Responder, ApiError> {
    let project = parse(&name)?;
    let answer = ProjectResponse {
        project: project.clone(),
    };
    if blocking(&state, move |state| {
        Ok(state.store.remove_project(&project)?)
    })
    .await?
    {
        return Ok(Json(answer));
    }
    Err(ApiError::NotFound(format!(
        "there is no project {}",
        answer.project
    )))
}

fn parse(name: &str) -> Result<ProjectName, ApiError> {
    name.parse()
        .map_err(|error: ParseProjectError| ApiError::BadRequest(error.to_string()))
}
