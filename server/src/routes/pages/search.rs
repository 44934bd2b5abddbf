//! The search for a hash, a signature, a URL or a file name.

use std::sync::Arc;

use hashget_api::MAX_PACKAGES_PER_DIGEST;
use hashget_store::StoreQuery;
use hashget_words::digest::Digest;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use url::form_urlencoded::byte_serialize;

use super::views::{Found, Frame, PackageRow};
use crate::error::ApiError;
use crate::routes::record;
use crate::view::View;

/// Packages on a page.
const PAGE_PACKAGES: usize = 50;
/// How often the store is asked for one page: a rare name is found a page further on.
const MAX_LISTS: usize = 20;
const HINT: &str = "A file or package is found by all 64 digits of its SHA-256, by its whole URL, \
                    by its file name, or by a signature such as deb:vim_9.0.1378-2_amd64 (no epoch).";

pub(super) fn search(
    state: &View<'_>,
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
        // A file name may have a colon, too.
        if !ids.is_empty() {
            return best(state, frame, format!("Packages signed {query}"), &ids);
        }
    }
    let (spec, heading) = if query.contains("://") {
        let spec = PackageSpec::Url(query.clone());
        (spec, format!("Packages from {query}"))
    } else {
        let spec = PackageSpec::Name(query.clone());
        (spec, format!("Packages named {query}"))
    };
    let typed: String = byte_serialize(query.as_bytes()).collect();
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
    state: &View<'_>,
    frame: Frame,
    heading: String,
    ids: &[PackageId],
) -> Result<Found, ApiError> {
    let packages = record::alive_among(state, ids)?.into_iter();
    let packages = packages.take(MAX_PACKAGES_PER_DIGEST);
    let packages = packages.map(Arc::unwrap_or_clone).collect();
    Ok(found(state, frame, heading, packages, None))
}

/// A page of a listing; `path` is that of the page, ready for one more parameter.
pub(super) fn list(
    state: &View<'_>,
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
    Ok(found(state, frame, heading, packages, next))
}

fn found(
    state: &View<'_>,
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
    let row = |package: PackageSummary| {
        let is_dead = state.health.is_dead(&package.url);
        PackageRow::new(package, is_dead)
    };
    let is_nothing = packages.is_empty() && next.is_none() && !frame.query.is_empty();
    let hint = is_nothing.then_some(HINT);
    Found {
        frame,
        heading,
        summary,
        hint,
        packages: packages.into_iter().map(row).collect(),
        next,
    }
}
