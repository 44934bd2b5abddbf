//! Which packages an archive relies on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hashget_common::digest::Digest;
use hashget_common::expiry::Expiry;
use serde::Serialize;

use super::cover::{Offer, choose};
use super::durability::Durability;
use crate::hash_db::{Found, FoundPackage};
use crate::hash_server::SERIES_URL_PREFIX;

/// Content that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Wanted {
    /// Its digest.
    pub sha256: Digest,
    /// How many bytes of files have it, in all.
    pub saved_bytes: u64,
}

/// Which content is left out, and which packages are relied on for it.
///
/// Equal records give equal plans, byte for byte in JSON, wherever the records came from and in
/// whatever order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PackPlan {
    /// The packages, sorted by digest.
    pub packages: Vec<PlannedPackage>,
    /// The content that is left out, sorted by digest.
    pub left_out: Vec<Wanted>,
    /// How many bytes of files that saves.
    pub saved_bytes: u64,
    /// The sum of the known sizes of the packages.
    pub download_bytes: u64,
    /// Whether all of their sizes are known.
    pub download_exact: bool,
}

/// A package that is relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedPackage {
    /// The SHA-256 of the package file.
    pub sha256: Digest,
    /// The best of its URLs.
    pub url: String,
    /// The others, best first.
    pub urls: Vec<String>,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Until when it may be relied on.
    pub expires: Expiry,
    /// Which of the content that is left out it holds, sorted.
    pub holds: Vec<Digest>,
}

impl PackPlan {
    /// Chooses packages for all of `wanted` that `found` holds; `found` is the answer for the
    /// digests of `wanted`, in order. Packages that expire before `needed` are not relied on.
    ///
    /// The choice is the one whose restore downloads least, as far as a greedy search finds it;
    /// a package of unknown size is taken only for what no other holds. Among equals the more
    /// durable source is taken.
    pub fn new(wanted: &[Wanted], found: &Found, needed: Expiry) -> Self {
        let mut weights: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut holders = Holders::new(found, needed);
        for (place, content) in wanted.iter().enumerate() {
            let weight = weights.entry(content.sha256).or_default();
            *weight = weight.saturating_add(content.saved_bytes);
            for package in found.matches.get(place).unwrap_or_default() {
                holders.add(*package, content.sha256);
            }
        }
        let mut candidates = holders.merge();
        for candidate in &mut candidates {
            // A package holds itself, whatever its record says.
            if weights.contains_key(&candidate.sha256) {
                let holds = &mut candidate.holds;
                if let Err(place) = holds.binary_search(&candidate.sha256) {
                    holds.insert(place, candidate.sha256);
                }
            }
        }
        Self::choose(&weights, candidates)
    }

    /// Leaves out also those of `small` that the chosen packages hold. None is chosen for them: a
    /// download is not worth a small file. `found` has the answers for `small` from place `first` on.
    pub(super) fn take_along(&mut self, small: &[Wanted], found: &Found, first: usize) {
        let by_digest: HashMap<Digest, usize> = (self.packages.iter().enumerate())
            .map(|(place, package)| (package.sha256, place))
            .collect();
        let mut along = Vec::new();
        for (content, matches) in small.iter().zip(found.matches.iter().skip(first)) {
            let records = matches
                .iter()
                .filter_map(|place| found.packages.get(*place));
            let mut places: Vec<usize> = records
                .filter_map(|record| by_digest.get(&record.sha256).copied())
                .collect();
            places.sort_unstable();
            places.dedup();
            for place in &places {
                self.packages[*place].holds.push(content.sha256);
            }
            if !places.is_empty() {
                self.saved_bytes = self.saved_bytes.saturating_add(content.saved_bytes);
                along.push(*content);
            }
        }
        for package in &mut self.packages {
            package.holds.sort_unstable();
        }
        self.left_out.extend(along);
        self.left_out.sort_unstable_by_key(|content| content.sha256);
    }

    /// The plan for what remains when the content of `changed` cannot be left out after all.
    #[must_use]
    pub fn without(&self, changed: &HashSet<Digest>) -> Self {
        let weights: BTreeMap<Digest, u64> = self
            .left_out
            .iter()
            .filter(|content| !changed.contains(&content.sha256))
            .map(|content| (content.sha256, content.saved_bytes))
            .collect();
        let mut candidates = self.packages.clone();
        for candidate in &mut candidates {
            candidate.holds.retain(|digest| !changed.contains(digest));
        }
        Self::choose(&weights, candidates)
    }

    /// Whether this content is left out.
    pub fn leaves_out(&self, sha256: &Digest) -> bool {
        self.left_out
            .binary_search_by(|content| content.sha256.cmp(sha256))
            .is_ok()
    }

    fn choose(weights: &BTreeMap<Digest, u64>, mut candidates: Vec<PlannedPackage>) -> Self {
        candidates.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let digests: Vec<Digest> = weights.keys().copied().collect();
        let weight_list: Vec<u64> = weights.values().copied().collect();
        let offers: Vec<Offer> = candidates
            .iter()
            .map(|candidate| Offer {
                items: candidate
                    .holds
                    .iter()
                    .filter_map(|digest| digests.binary_search(digest).ok())
                    .collect(),
                cost: candidate.size,
            })
            .collect();
        let chosen = choose(&weight_list, &offers);
        let mut packages: Vec<PlannedPackage> = chosen
            .into_iter()
            .map(|place| candidates[place].clone())
            .collect();
        packages.sort_by_key(|package| package.sha256);
        let held: BTreeSet<Digest> = packages.iter().flat_map(|p| p.holds.clone()).collect();
        let left_out: Vec<Wanted> = held
            .into_iter()
            .filter_map(|sha256| {
                let saved_bytes = *weights.get(&sha256)?;
                Some(Wanted {
                    sha256,
                    saved_bytes,
                })
            })
            .collect();
        let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
        Self {
            saved_bytes: sum(&mut left_out.iter().map(|content| content.saved_bytes)),
            download_bytes: sum(&mut packages.iter().filter_map(|package| package.size)),
            download_exact: packages.iter().all(|package| package.size.is_some()),
            packages,
            left_out,
        }
    }
}

impl PlannedPackage {
    fn rank(&self) -> (Durability<'_>, Digest) {
        (Durability::new(&self.url, self.expires), self.sha256)
    }
}

/// The records that were found, by the package they are of.
struct Holders<'a> {
    found: &'a [FoundPackage],
    packages: BTreeMap<Digest, Holder<'a>>,
    needed: Expiry,
}

#[derive(Default)]
struct Holder<'a> {
    records: Vec<&'a FoundPackage>,
    holds: BTreeSet<Digest>,
}

impl<'a> Holders<'a> {
    fn new(found: &'a Found, needed: Expiry) -> Self {
        let mut packages: BTreeMap<Digest, Holder<'a>> = BTreeMap::new();
        let may_be_relied_on = |record: &&FoundPackage| {
            record.expires.covers(needed) && !record.url.starts_with(SERIES_URL_PREFIX)
        };
        for record in found.packages.iter().filter(may_be_relied_on) {
            let holder = packages.entry(record.sha256).or_default();
            holder.records.push(record);
        }
        Self {
            found: &found.packages,
            packages,
            needed,
        }
    }

    fn add(&mut self, place: usize, sha256: Digest) {
        let Some(record) = self.found.get(place) else {
            return;
        };
        if record.expires.covers(self.needed)
            && !record.url.starts_with(SERIES_URL_PREFIX)
            && let Some(holder) = self.packages.get_mut(&record.sha256)
        {
            holder.holds.insert(sha256);
        }
    }

    /// One candidate a package, with the URLs of all its records.
    fn merge(self) -> Vec<PlannedPackage> {
        let merge = |(sha256, holder): (Digest, Holder<'_>)| {
            let mut records = holder.records;
            records.sort_by(|a, b| {
                Durability::new(&a.url, a.expires).cmp(&Durability::new(&b.url, b.expires))
            });
            let best = records.first()?;
            let mut urls: Vec<String> = Vec::new();
            for record in &records[1..] {
                if record.url != best.url && !urls.contains(&record.url) {
                    urls.push(record.url.clone());
                }
            }
            // Records may differ in the size only if one of them is wrong; what this machine
            // measured counts more, and then the bigger one.
            let size = |derived: bool| {
                let known = records.iter().filter(|record| record.derived == derived);
                known.filter_map(|record| record.size).max()
            };
            Some(PlannedPackage {
                sha256,
                url: best.url.clone(),
                urls,
                size: size(true).or_else(|| size(false)),
                expires: best.expires,
                holds: holder.holds.into_iter().collect(),
            })
        };
        self.packages.into_iter().filter_map(merge).collect()
    }
}

#[cfg(test)]
mod tests;
