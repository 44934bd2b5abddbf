//! Puts together the answer of a look-up; the same finds give the same answer in any order.

use std::collections::{BTreeMap, HashMap};

use hashget_api::MAX_PACKAGES_PER_DIGEST;
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageSummary;
use hashget_words::project::ProjectName;
use hashget_words::ranking::keep_best;

use super::{Found, FoundPackage, Matches, Vouched};

/// Collects which package holds which key.
///
/// Records of one package (same digest and URL) are one in the answer: it lives as long as the
/// one that expires first. What one who knows better says of a package counts alone: of one that this machine has
/// read no server's record is used, and of one in a named project none of another. As on hashservers, a
/// key leads to the best [`MAX_PACKAGES_PER_DIGEST`] packages at most, so that it makes no
/// difference where the records were looked up.
pub(super) struct Answer<'j> {
    judge: &'j dyn Fn(&ProjectName) -> Vouched,
    /// Where each package is in `packages`, in the order of the answer.
    places: BTreeMap<(Digest, String, Vouched), usize>,
    packages: Vec<FoundPackage>,
    /// Keys and the places of packages that hold them.
    pairs: Vec<(usize, usize)>,
    is_known: Vec<bool>,
}

impl<'j> Answer<'j> {
    /// An empty answer to a question about `keys` keys; `judge` says whose word the records of a project are.
    pub(super) fn new(keys: usize, judge: &'j dyn Fn(&ProjectName) -> Vouched) -> Self {
        Self {
            judge,
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
            vouched: (self.judge)(&package.project),
        };
        let next = self.packages.len();
        let place = *self
            .places
            .entry((sha256, package.url.clone(), new.vouched))
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
        let mut best: HashMap<Digest, Vouched> = HashMap::new();
        for package in packages {
            let best = best.entry(package.sha256).or_insert(package.vouched);
            *best = package.vouched.min(*best);
        }
        self.pairs.retain(|(_, place)| {
            let FoundPackage {
                sha256, vouched, ..
            } = &packages[*place];
            *vouched != Vouched::Unnamed || best[sha256] == Vouched::Unnamed
        });
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

fn merge(known: &mut FoundPackage, other: FoundPackage) {
    let first = known.project <= other.project;
    known.expires = known.expires.min(other.expires);
    if first {
        known.size = known.size.or(other.size);
    } else {
        known.size = other.size.or(known.size);
        known.project = other.project;
    }
}
