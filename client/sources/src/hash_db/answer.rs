//! Puts together the answer of a look-up; the same finds give the same answer in any order.

use std::collections::BTreeMap;

use hashget_api::MAX_PACKAGES_PER_DIGEST;
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageSummary;
use hashget_words::project::ProjectName;
use hashget_words::ranking::keep_best;

use super::{Found, FoundPackage, Matches};

/// Collects which package holds which key.
///
/// Records of one package (same digest and URL) are one in the answer: it lives as long as the
/// one that expires first, and counts as derived only if each of them is. As on hashservers, a
/// key leads to the best [`MAX_PACKAGES_PER_DIGEST`] packages at most, so that it makes no
/// difference where the records were looked up.
pub(super) struct Answer {
    /// Where each package is in `packages`, in the order of the answer.
    places: BTreeMap<(Digest, String), usize>,
    packages: Vec<FoundPackage>,
    /// Keys and the places of packages that hold them.
    pairs: Vec<(usize, usize)>,
    is_known: Vec<bool>,
}

impl Answer {
    /// An empty answer to a question about `keys` keys.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            places: BTreeMap::new(),
            packages: Vec::new(),
            pairs: Vec::new(),
            is_known: vec![false; keys],
        }
    }

    /// Adds a package and the keys (by place) that it holds. Those without a digest are of no use.
    pub(super) fn add(&mut self, package: &PackageSummary, keys: impl Iterator<Item = usize>) {
        let Some(sha256) = package.sha256 else {
            return;
        };
        let new = FoundPackage {
            sha256,
            url: package.url.clone(),
            size: package.size,
            expires: package.expires,
            project: package.project.clone(),
            derived: is_derived(&package.project),
        };
        let next = self.packages.len();
        let place = *self
            .places
            .entry((sha256, package.url.clone()))
            .or_insert(next);
        match self.packages.get_mut(place) {
            Some(known) => merge(known, new),
            None => self.packages.push(new),
        }
        for key in keys {
            if let Some(is_known) = self.is_known.get_mut(key) {
                *is_known = true;
                self.pairs.push((key, place));
            }
        }
    }

    /// Whether no package holds the key at `place`.
    pub(super) fn is_unknown(&self, place: usize) -> bool {
        !self.is_known.get(place).is_some_and(|is_known| *is_known)
    }

    /// The answer; packages that no key leads to are left out.
    pub(super) fn finish(mut self) -> Found {
        let packages = &self.packages;
        self.pairs.sort_unstable();
        self.pairs.dedup();
        let mut is_used = vec![false; packages.len()];
        let mut matches = Matches::with_capacity(self.is_known.len());
        let mut pairs = self.pairs.chunk_by(|a, b| a.0 == b.0).peekable();
        for key in 0..self.is_known.len() {
            let held = pairs.next_if(|pairs| pairs[0].0 == key).unwrap_or_default();
            let mut places: Vec<usize> = held.iter().map(|(_, place)| *place).collect();
            if places.len() > MAX_PACKAGES_PER_DIGEST {
                keep_best(&mut places, MAX_PACKAGES_PER_DIGEST, |place| {
                    packages[place].rank()
                });
            }
            for place in &places {
                is_used[*place] = true;
            }
            matches.push(places);
        }
        let mut found = Found::default();
        let mut renamed = vec![0; packages.len()];
        for place in self.places.into_values().filter(|place| is_used[*place]) {
            renamed[place] = found.packages.len();
            found.packages.push(packages[place].clone());
        }
        matches.rename(&renamed);
        found.matches = matches;
        found
    }
}

/// Whether records of this project were derived here.
pub(super) fn is_derived(project: &ProjectName) -> bool {
    project.as_str() != ProjectName::CACHED
}

fn merge(known: &mut FoundPackage, other: FoundPackage) {
    // What is known without a hint does not depend on it.
    let order = |it: &FoundPackage| (it.is_of_hint(), !it.derived);
    let first = (order(known), &known.project) <= (order(&other), &other.project);
    known.expires = known.expires.min(other.expires);
    known.derived &= other.derived;
    if first {
        known.size = known.size.or(other.size);
    } else {
        known.size = other.size.or(known.size);
        known.project = other.project;
    }
}
