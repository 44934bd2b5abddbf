//! Pages for people: `/`, `web/projects/NAME`, `web/packages/ID`, `web/growth`, `web/sources`.
//!
//! They need no script, load nothing from elsewhere, and may not be framed. Everything in them is
//! escaped by the templates.

mod growth;
mod search;
mod show;
mod sources;
mod views;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Path, Query};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use hashget_api::DeadSourcesQuery;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;
use serde::Deserialize;

use self::views::{Failed, Frame};
use super::{address, get_or_head};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::state::State;
use crate::view::{View, blocking};

const STYLE: &str = include_str!("../../../templates/style.css");
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/", "GET, HEAD").route(get_or_head().to(home)))
        .service(address("/web/style.css", "GET, HEAD").route(get_or_head().to(style)))
        .service(address("/web/projects/{name}", "GET, HEAD").route(get_or_head().to(project)))
        .service(address("/web/packages/{id}", "GET, HEAD").route(get_or_head().to(package)))
        .service(address("/web/growth", "GET, HEAD").route(get_or_head().to(growth)))
        .service(address("/web/sources", "GET, HEAD").route(get_or_head().to(sources)));
}

/// The query of every page.
#[derive(Default, Deserialize)]
struct Question {
    /// What is searched.
    #[serde(default)]
    q: String,
    /// The package behind which the page begins.
    after: Option<PackageId>,
}

async fn home(
    reader: Result<Reader, ApiError>,
    query: Query<Question>,
    state: web::Data<State>,
) -> HttpResponse {
    let Question { q, after } = query.into_inner();
    let frame = Frame::new(&state, q.trim());
    answer(&state, reader, frame, move |state, frame| {
        if frame.query.is_empty() {
            return render(&show::home(state, frame)?);
        }
        render(&search::search(state, frame, after)?)
    })
    .await
}

async fn project(
    reader: Result<Reader, ApiError>,
    name: Path<String>,
    query: Query<Question>,
    state: web::Data<State>,
) -> HttpResponse {
    let after = query.after;
    answer(
        &state,
        reader,
        Frame::new(&state, ""),
        move |state, frame| {
            let none = || ApiError::NotFound(format!("There is no project {name}."));
            let project: ProjectName = name.parse().map_err(|_| none())?;
            if !state.store.projects()?.contains(&project) {
                return Err(none());
            }
            let path = format!("web/projects/{project}?");
            let heading = format!("Project {project}");
            let spec = PackageSpec::All;
            render(&search::list(
                state,
                frame,
                heading,
                spec,
                Some(project),
                after,
                &path,
            )?)
        },
    )
    .await
}

async fn package(
    reader: Result<Reader, ApiError>,
    id: Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(
        &state,
        reader,
        Frame::new(&state, ""),
        move |state, frame| render(&show::package(state, frame, &id)?),
    )
    .await
}

async fn growth(reader: Result<Reader, ApiError>, state: web::Data<State>) -> HttpResponse {
    let frame = Frame::new(&state, "");
    let reader = reader.and_then(|reader| reader.check_whole().map(|()| reader));
    let make = |state: &View<'_>, frame| render(&growth::growth(state, frame)?);
    answer(&state, reader, frame, make).await
}

async fn sources(
    reader: Result<Reader, ApiError>,
    query: Query<DeadSourcesQuery>,
    state: web::Data<State>,
) -> HttpResponse {
    let after = query.into_inner().after;
    let frame = Frame::new(&state, "");
    let make = move |state: &View<'_>, frame| render(&sources::sources(state, frame, &after)?);
    answer(&state, reader, frame, make).await
}

async fn style(request: HttpRequest) -> HttpResponse {
    let tag = crate::etag::of(&hashget_words::digest::Digest::of(STYLE.as_bytes()));
    if crate::etag::is_known(&request, &tag) {
        return HttpResponse::NotModified()
            .insert_header(("ETag", tag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("ETag", tag))
        .content_type("text/css; charset=utf-8")
        .body(STYLE)
}

/// Makes a page on the pool of blocking threads; what goes wrong becomes a page, too.
async fn answer(
    state: &web::Data<State>,
    reader: Result<Reader, ApiError>,
    frame: Frame,
    make: impl FnOnce(&View<'_>, Frame) -> Result<String, ApiError> + Send + 'static,
) -> HttpResponse {
    let kept = frame.clone();
    let result = match reader {
        Ok(reader) => blocking(state, reader, move |state| make(state, frame)).await,
        Err(error) => Err(error),
    };
    let (mut answer, page) = match result {
        Ok(page) => (HttpResponse::Ok(), page),
        Err(error) => {
            let mut answer = HttpResponse::build(error.status_code());
            if matches!(error, ApiError::Unauthorized(_)) {
                // So that a browser asks: the password is the token.
                answer.insert_header((WWW_AUTHENTICATE, "Basic realm=\"hashserver\""));
            }
            (
                answer,
                render(&Failed::new(kept, &error)).unwrap_or_default(),
            )
        }
    };
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(ContentType::html())
        .body(page)
}

fn render(page: &impl Template) -> Result<String, ApiError> {
    page.render()
        .map_err(|error| ApiError::Internal(format!("a page cannot be made: {error}")))
}
