//! `api/v1/packages`: fetch, publish, list, change and remove records.

mod change;
mod fetch;
mod list;
mod one;
mod publish;

use actix_web::web;

use super::address;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let packages = address("/api/v1/packages", "GET, HEAD, POST, PATCH, DELETE")
        .route(super::get_or_head().to(list::list))
        .route(web::post().to(publish::publish))
        .route(web::patch().to(change::change))
        .route(web::delete().to(change::remove));
    let fetch = address("/api/v1/packages/fetch", "POST").route(web::post().to(fetch::fetch));
    // Digits only, so that `fetch` is no number.
    let one = address("/api/v1/packages/{id:[0-9]+}", "GET, HEAD")
        .route(super::get_or_head().to(one::one));
    app.service(packages).service(fetch).service(one);
}
