//! `GET openapi.json`: the description of every address, `OpenAPI` 3.1.
//!
//! A test compares it with the addresses that there are; `x-route` is the pattern of each.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, web};

use super::{address, get_or_head};

pub(super) const DESCRIPTION: &str = include_str!("openapi.json");

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/openapi.json", "GET, HEAD").route(get_or_head().to(describe)));
}

async fn describe() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .content_type(ContentType::json())
        .body(DESCRIPTION)
}
