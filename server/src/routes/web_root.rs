//! What the original's client asks for first: `config.json` and `motd.txt`. Both are open even
//! where reading is not, for that client has no tokens.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::{address, get_or_head};
use crate::state::State;

const MINUTE: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "public, max-age=60");

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/config.json", "GET, HEAD").route(get_or_head().to(config)))
        .service(address("/motd.txt", "GET, HEAD").route(get_or_head().to(motd)));
}

/// Without a base URL the client's own defaults, relative to the URL it was given, are right.
#[derive(Serialize)]
struct Config<'a> {
    name: &'a str,
    accept_url: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    motd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashdb: Option<String>,
}

async fn config(state: web::Data<State>) -> HttpResponse {
    let settings = &state.settings;
    let below = |path| {
        settings
            .base_url
            .as_ref()
            .map(|base| format!("{base}{path}"))
    };
    HttpResponse::Ok().insert_header(MINUTE).json(Config {
        name: &settings.name,
        accept_url: &settings.accept_url,
        motd: below("motd.txt"),
        submit: below("submit"),
        // With the final slash: the client joins paths to it.
        hashdb: below("hashdb/"),
    })
}

async fn motd(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(MINUTE)
        .content_type(ContentType::plaintext())
        .body(state.settings.motd.clone())
}
