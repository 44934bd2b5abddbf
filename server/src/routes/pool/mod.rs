//! `pool/sha256/<h0h1>/<h2h3>/<h4h5>/<other>`: GET, HEAD, PUT and DELETE of files; `api/v1/pool/have`.

mod access;
mod download;
mod file_body;
mod have;
mod remove;
mod upload;

use actix_web::web;

use super::{address, get_or_head};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let file = address("/pool/sha256/{digest:.*}", "GET, HEAD, PUT, DELETE")
        .route(get_or_head().to(download::download))
        .route(web::put().to(upload::upload))
        .route(web::delete().to(remove::remove));
    let have = address("/api/v1/pool/have", "POST").route(web::post().to(have::have));
    app.service(file).service(have);
}
