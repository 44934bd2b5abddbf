//! `POST api/v1/packages`.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use hashget_api::{PublishRequest, PublishResponse};
use hashget_words::hash_package::HashPackage;
use hashget_words::package_url::without_password;
use hashget_words::signature::Signature;

use crate::auth::Publisher;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::routes::check_batch;
use crate::state::{State, blocking_json};

/// How much the store writes at most for a byte of the request: a digest of 75 bytes may make it
/// write a whole bucket of the index again.
const WRITTEN_PER_BYTE: u64 = 20;
const MAX_URL_BYTES: usize = 8 * 1024;
const MAX_SIGNATURES: usize = 64;
const MAX_SIGNATURE_BYTES: usize = 8 * 1024;

pub(super) async fn publish(
    publisher: Publisher,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.publish_bytes, limits)?
        .read()
        .await?;
    blocking_json(&state, move |state| {
        let request: PublishRequest = parse_json(&body)?;
        publisher.check(&request.project)?;
        check_batch("packages", request.packages.len(), limits.batch_packages)?;
        check_packages(&request.packages)?;
        let _space = state.disk.reserve(body.len() as u64 * WRITTEN_PER_BYTE)?;
        let ids = state.store.publish(&request.project, &request.packages)?;
        tracing::info!(project = %request.project, packages = ids.len(), "published");
        Ok(PublishResponse { ids })
    })
    .await
}

/// Refuses the whole batch for one wrong record: half a batch would help nobody.
fn check_packages(packages: &[HashPackage]) -> Result<(), ApiError> {
    let mut urls = HashSet::new();
    for (place, package) in packages.iter().enumerate() {
        let wrong = match fault_of(package) {
            Some(fault) => fault,
            None if !urls.insert(&package.url) => "the batch has its URL twice",
            None => continue,
        };
        let url: String = without_password(&package.url).chars().take(200).collect();
        return Err(ApiError::BadRequest(format!(
            "packages[{place}] ({url:?}): {wrong}"
        )));
    }
    Ok(())
}

fn fault_of(package: &HashPackage) -> Option<&'static str> {
    let signature_fits = |(kind, value): (&String, &String)| {
        kind.len() + value.len() <= MAX_SIGNATURE_BYTES && Signature::new(kind, value).is_ok()
    };
    if package.url.is_empty() || package.url.contains(char::is_control) {
        Some("the URL is empty or has control characters")
    } else if package.password_in().is_some() {
        Some("the URL names a user or a password, which everybody would read")
    } else if package.url.len() > MAX_URL_BYTES {
        Some("the URL is longer than 8 KiB")
    } else if package.signatures.len() > MAX_SIGNATURES {
        Some("there are more than 64 signatures")
    } else if !package.signatures.iter().all(signature_fits) {
        Some("a signature is empty or longer than 8 KiB, or its type has a colon")
    } else {
        None
    }
}
