//! Every address of the server, one file a noun.

mod anchors;
mod envelope;
mod export;
mod filter;
mod health;
mod lookup;
mod openapi;
mod packages;
mod pages;
mod pool;
mod projects;
mod range;
mod record;
mod sent_body;
mod signatures;
mod sources;
mod status;
mod submissions;
mod submit;
mod web_root;

use std::future::ready;

use actix_web::error::{PathError, QueryPayloadError};
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};
use hashget_words::digest::Digest;

pub(crate) use envelope::envelope;

use crate::error::ApiError;

/// Puts every address into an application.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    let wrong_query = |error: QueryPayloadError, _: &HttpRequest| bad_request(&error).into();
    let wrong_path = |error: PathError, _: &HttpRequest| bad_request(&error).into();
    app.app_data(web::QueryConfig::default().error_handler(wrong_query))
        .app_data(web::PathConfig::default().error_handler(wrong_path));
    health::configure(app);
    openapi::configure(app);
    status::configure(app);
    lookup::configure(app);
    filter::configure(app);
    range::configure(app);
    packages::configure(app);
    projects::configure(app);
    export::configure(app);
    pool::configure(app);
    anchors::configure(app);
    signatures::configure(app);
    sources::configure(app);
    submissions::configure(app);
    submit::configure(app);
    web_root::configure(app);
    pages::configure(app);
    app.default_service(web::to(unknown_address));
}

async fn unknown_address(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path: String = request.path().chars().take(200).collect();
    Err(ApiError::NotFound(format!("there is nothing at {path}")))
}

/// An address whose wrong methods are answered in the envelope.
fn address(path: &str, allowed: &'static str) -> Resource {
    #[cfg(test)]
    tests::record(path, allowed);
    let refuse = move || ready(Err::<HttpResponse, _>(ApiError::MethodNotAllowed(allowed)));
    web::resource(path.to_owned()).default_service(web::to(refuse))
}

/// A route for GET and HEAD.
fn get_or_head() -> Route {
    use actix_web::guard::{Any, Method as IsMethod};
    web::route().guard(Any(IsMethod(Method::GET)).or(IsMethod(Method::HEAD)))
}

fn bad_request(error: &dyn std::error::Error) -> ApiError {
    let text: String = error.to_string().chars().take(300).collect();
    ApiError::BadRequest(text)
}

/// Reads the digest in a path.
fn digest_of(path: &str) -> Result<Digest, ApiError> {
    let shape = "use <2 digits>/<2 digits>/<2 digits>/<58 digits> of a SHA-256 in hexadecimal";
    Digest::from_sharded_path(path).map_err(|_| ApiError::BadRequest(shape.to_owned()))
}

/// Refuses a batch of more than the limit.
fn check_batch(what: &str, number: usize, limit: usize) -> Result<(), ApiError> {
    if number > limit {
        let message = format!("{number} {what} in one request: at most {limit} are answered");
        return Err(ApiError::TooLarge(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use actix_web::App;
    use serde_json::Value;

    thread_local! {
        static ADDRESSES: RefCell<BTreeSet<String>> = RefCell::default();
    }

    /// Remembers every address with each of its methods.
    pub(super) fn record(path: &str, allowed: &str) {
        ADDRESSES.with_borrow_mut(|all| {
            all.extend(allowed.split(", ").map(|method| format!("{method} {path}")));
        });
    }

    #[test]
    fn every_address_is_described_and_no_other() {
        drop(App::new().configure(super::configure));
        let there = ADDRESSES.with_borrow(Clone::clone);
        let document: Value = serde_json::from_str(super::openapi::DESCRIPTION).unwrap();
        let mut described = BTreeSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            let route = item["x-route"].as_str().unwrap();
            for (key, operation) in item.as_object().unwrap() {
                if operation.get("responses").is_some() {
                    described.insert(format!("{} {route}", key.to_uppercase()));
                }
            }
        }
        assert_eq!(there, described);
    }
}
