//! Entity tags and the conditions that clients make of them.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, IF_NONE_MATCH, IF_RANGE};
use hashget_words::digest::Digest;

/// The strong tag of content with this digest.
pub(crate) fn of(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Whether the client has this content already (`If-None-Match`).
pub(crate) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    values(request.headers(), &IF_NONE_MATCH).any(|value| {
        let mut tags = value.split(',').map(str::trim);
        tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    })
}

/// Whether a range of this content may be sent (`If-Range` is missing or names it).
pub(crate) fn may_continue(request: &HttpRequest, tag: &str) -> bool {
    values(request.headers(), &IF_RANGE).all(|value| value.trim() == tag)
}

/// A value that is no text names no tag.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .map(|value| value.to_str().unwrap_or_default())
}
