//! Which of the packages asked for are known already.

use std::collections::HashSet;

use hashget_words::package_summary::PackageSummary;
use hashget_words::ranking::Need;
use hashget_words::signature::Signature;

use super::{IndexError, IndexServices};
use crate::heuristics::{PackageLocation, PackageRequest};
use hashget_sources::hash_db::{CombinedLookup, Trust};

/// How many of the packages are known, and which are not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolution {
    pub(super) local_packages: u64,
    pub(super) pulled_packages: u64,
    pub(super) unknown: Vec<PackageRequest>,
}

/// Looks packages up by their signatures: all at once in the local projects, then all that
/// are left at the hashservers. A package that was asked for twice counts once.
pub(super) fn resolve(
    requests: Vec<PackageRequest>,
    services: &IndexServices<'_>,
) -> Result<Resolution, IndexError> {
    let lookup = services.lookup;
    let requests = distinct(requests);
    if requests.is_empty() {
        return Ok(Resolution::default());
    }
    let keys: Vec<Vec<Signature>> = requests.iter().map(signatures).collect();

    let flat: Vec<Signature> = keys.concat();
    let found = lookup.db.find_signatures(&flat, lookup.monitor)?;
    let usable = |places: &[usize]| {
        let mut packages = places.iter().filter_map(|place| found.packages.get(*place));
        packages.any(|package| is_usable(package, lookup))
    };
    let mut known = found.matches.iter().map(usable);
    let mut left = Vec::new();
    let total = requests.len();
    for (request, keys) in requests.into_iter().zip(keys) {
        // Every answer is taken, whether or not an earlier one was enough.
        if known
            .by_ref()
            .take(keys.len())
            .filter(|known| *known)
            .count()
            == 0
        {
            left.push((request, keys));
        }
    }
    let local = total - left.len();

    let flat: Vec<Signature> = left.iter().flat_map(|(_, keys)| keys.clone()).collect();
    let mut pulled = if lookup.servers.is_empty() || lookup.trust == Trust::Own {
        vec![None; flat.len()]
    } else {
        lookup.find_signatures(&flat)?
    }
    .into_iter();
    let asked = left.len();
    let mut unknown = Vec::new();
    for (request, keys) in left {
        if pulled.by_ref().take(keys.len()).flatten().count() == 0 {
            unknown.push(request);
        }
    }
    Ok(Resolution {
        local_packages: local as u64,
        pulled_packages: (asked - unknown.len()) as u64,
        unknown,
    })
}

/// Whether a local record will do: a copy of a server's is not enough for those who trust only
/// their own.
fn is_usable(package: &PackageSummary, lookup: &CombinedLookup<'_>) -> bool {
    let own = !package.project.is_cached();
    package.sha256.is_some()
        && Need::today(lookup.today).admits(package.expires)
        && (own || lookup.trust != Trust::Own)
}

fn distinct(requests: Vec<PackageRequest>) -> Vec<PackageRequest> {
    let mut seen = HashSet::new();
    let mut first = |request: &PackageRequest| seen.insert(signatures(request));
    requests
        .into_iter()
        .filter(|request| first(request))
        .collect()
}

/// What a request is looked up by: its signatures, else its URL.
fn signatures(request: &PackageRequest) -> Vec<Signature> {
    match (&request.signatures[..], &request.location) {
        ([], PackageLocation::Url(url)) => {
            Signature::new(Signature::URL, url).into_iter().collect()
        }
        (signatures, _) => signatures.to_vec(),
    }
}
