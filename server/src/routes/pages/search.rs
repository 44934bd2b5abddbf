//! The search: what is typed may be a hash, a signature, a URL or a file name.

use std::sync::Arc;

use hashget_common::api::MAX_PACKAGES_PER_DIGEST;
use hashget_common::digest::Digest;
use hashget_common::package_spec::PackageSpec;
use hashget_common::package_summary::{PackageId, PackageSummary};
use hashget_common::project::ProjectName;
use hashget_common::signature::Signature;
use hashget_common::store::StoreQuery;
use url::form_urlencoded::byte_serialize;

use super::views::{Found, Frame};
use crate::error::ApiError;
use crate::routes::record;
use crate::state::State;

/// Packages on a page.
const PAGE_PACKAGES: usize = 50;
/// How often the store is asked for one page: a rare name is found a page further on.
const MAX_LISTS: usize = 20;

pub(super) fn search(
    state: &State,
    frame: Frame,
    after: Option<PackageId>,
) -> Result<Found, ApiError> {
    let query = frame.query.clone();
    let digits = query.strip_prefix("sha256:").unwrap_or(&query);
    if let Ok(digest) = digits.parse::<Digest>() {
        let ids = state.store.find_digests(&[digest])?.concat();
        let heading = format!("Packages that hold sha256:{digest}");
        return best(state, frame, heading, &ids);
    }
    if let Some(signature) = signature_of(&query) {
        let ids = state.store.find_signatures(&[signature])?.concat();
        return best(state, frame, format!("Packages signed {query}"), &ids);
    }
    let spec = if query.contains("://") {
        PackageSpec::Url(query.clone())
    } else {
        PackageSpec::Name(query.clone())
    };
    let typed: String = byte_serialize(query.as_bytes()).collect();
    let heading = format!("Packages named {query}");
    list(
        state,
        frame,
        heading,
        spec,
        None,
        after,
        &format!("?q={typed}&"),
    )
}

/// `TYPE:VALUE`; a URL looks the same but for its slashes.
fn signature_of(text: &str) -> Option<Signature> {
    let (kind, value) = text.strip_prefix("sig:").unwrap_or(text).split_once(':')?;
    if value.starts_with("//") {
        return None;
    }
    Signature::new(kind, value).ok()
}

fn best(
    state: &State,
    frame: Frame,
    heading: String,
    ids: &[PackageId],
) -> Result<Found, ApiError> {
    let packages = record::alive_among(state, ids)?.into_iter();
    let packages = packages.take(MAX_PACKAGES_PER_DIGEST);
    let packages = packages.map(Arc::unwrap_or_clone).collect();
    Ok(found(frame, heading, packages, None))
}

/// A page of a listing; `path` is that of the page, ready for one more parameter.
pub(super) fn list(
    state: &State,
    frame: Frame,
    heading: String,
    spec: PackageSpec,
    project: Option<ProjectName>,
    after: Option<PackageId>,
    path: &str,
) -> Result<Found, ApiError> {
    let today = (state.clock)();
    let mut packages = Vec::new();
    let mut query = StoreQuery {
        spec,
        project,
        after,
        limit: PAGE_PACKAGES,
        today,
    };
    for _ in 0..MAX_LISTS {
        query.limit = PAGE_PACKAGES - packages.len();
        let page = state.store.list(&query)?;
        let alive = page.packages.into_iter();
        packages.extend(alive.filter(|package| !package.expires.is_expired_at(today)));
        query.after = page.next;
        if page.next.is_none() || packages.len() >= PAGE_PACKAGES {
            break;
        }
    }
    let next = query.after;
    let next = next.map(|id| format!("{}{path}after={}", frame.root, id.0));
    Ok(found(frame, heading, packages, next))
}

fn found(
    frame: Frame,
    heading: String,
    packages: Vec<PackageSummary>,
    next: Option<String>,
) -> Found {
    let summary = match (packages.len(), &next) {
        (0, None) => "Nothing was found.".to_owned(),
        (0, Some(_)) => "Nothing was found on this page.".to_owned(),
        (1, None) => "1 package.".to_owned(),
        (number, None) => format!("{number} packages."),
        (number, Some(_)) => format!("{number} packages on this page, and there may be more."),
    };
    Found {
        frame,
        heading,
        summary,
        packages: packages.into_iter().map(Into::into).collect(),
        next,
    }
}
