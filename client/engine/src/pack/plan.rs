//! Which packages an archive relies on.

use std::collections::{BTreeMap, HashMap, HashSet};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;
use hashget_words::ranking::UrlRank;
use serde::Serialize;

use super::cover::{Offer, choose};
use super::index::{DigestIndex, PackageIndex};
use hashget_sources::hash_db::{Found, FoundPackage, Vouched};
use hashget_sources::hash_server::SERIES_URL_PREFIX;

/// Content of the tree that a package may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Wanted {
    pub sha256: Digest,
    /// The bytes that all files with this content take together.
    pub saved_bytes: u64,
}

/// The content that is left out, and the packages that the archive relies on for it.
///
/// The same records give the same plan, byte for byte in JSON, in any order and from any source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PackPlan {
    /// The packages, sorted by digest.
    pub packages: Vec<PlannedPackage>,
    /// The content that is left out, sorted by digest.
    pub left_out: Vec<Wanted>,
    /// The bytes of files that are left out.
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
    /// The day until which its URL is expected to work.
    pub expires: Expiry,
    /// Whose word it is that it holds that. No part of the plan in words, which is the same from any source.
    #[serde(skip_serializing)]
    pub vouched: Vouched,
    /// The local project that says so.
    #[serde(skip_serializing)]
    pub project: ProjectName,
    /// The left-out content that it holds, sorted by digest.
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
        let mut weights = wanted.to_vec();
        weights.sort_unstable_by_key(|content| content.sha256);
        weights.dedup_by(|other, first| {
            let is_same = other.sha256 == first.sha256;
            if is_same {
                first.saved_bytes = first.saved_bytes.saturating_add(other.saved_bytes);
            }
            is_same
        });
        let holders = Holders::new(found, needed);
        let mut items: Vec<Vec<DigestIndex>> = vec![Vec::new(); holders.packages.len()];
        for (place, (content, records)) in wanted.iter().zip(found.matches.iter()).enumerate() {
            // It is mostly sorted already.
            let sha256 = &content.sha256;
            let is_there = weights.get(place).is_some_and(|it| it.sha256 == *sha256);
            let item = is_there.then(|| DigestIndex::from(place));
            let Some(item) = item.or_else(|| index_of(&weights, sha256)) else {
                continue;
            };
            for package in records.iter().filter_map(|it| holders.package_of(*it)) {
                items[package.get()].push(item);
            }
        }
        let mut candidates = Vec::with_capacity(items.len());
        for (package, mut items) in holders.merge().into_iter().zip(items) {
            // A package holds itself, whatever its record says. One of a hint may not be relied on for that.
            items.extend(index_of(&weights, &package.sha256).filter(|_| !package.is_of_hint()));
            items.sort_unstable();
            items.dedup();
            candidates.push(Candidate { package, items });
        }
        Self::choose(&weights, candidates)
    }

    /// Also leaves out the files of `small` that the chosen packages hold. No package is added for
    /// them: a small file is not worth a download. `found` has the answers for `small` from place `first` on.
    pub(super) fn take_along(&mut self, small: &[Wanted], found: &Found, first: usize) {
        let by_digest: HashMap<Digest, PackageIndex> = (self.packages.iter().enumerate())
            .map(|(index, package)| (package.sha256, PackageIndex::from(index)))
            .collect();
        let of_record: Vec<Option<PackageIndex>> = (found.packages.iter())
            .map(|record| by_digest.get(&record.sha256).copied())
            .collect();
        let mut along = Vec::new();
        let mut holders = Vec::new();
        for (content, records) in small.iter().zip(found.matches.iter().skip(first)) {
            holders.clear();
            holders.extend(records.iter().filter_map(|it| of_record.get(*it).copied()?));
            holders.sort_unstable();
            holders.dedup();
            for package in &holders {
                self.packages[package.get()].holds.push(content.sha256);
            }
            if !holders.is_empty() {
                self.saved_bytes = self.saved_bytes.saturating_add(content.saved_bytes);
                along.push(*content);
            }
        }
        // Each is two sorted lists, one behind the other, which this kind of sorting only merges.
        for package in &mut self.packages {
            package.holds.sort();
        }
        self.left_out.extend(along);
        self.left_out.sort_by_key(|content| content.sha256);
    }

    /// The plan without the content in `changed`, which has to be packed after all.
    #[must_use]
    pub fn without(&self, changed: &HashSet<Digest>) -> Self {
        let left = |content: &&Wanted| !changed.contains(&content.sha256);
        let weights: Vec<Wanted> = self.left_out.iter().filter(left).copied().collect();
        let candidate = |package: &PlannedPackage| Candidate {
            items: (package.holds.iter())
                .filter_map(|digest| index_of(&weights, digest))
                .collect(),
            package: package.clone(),
        };
        Self::choose(&weights, self.packages.iter().map(candidate).collect())
    }

    /// Whose word it is that the content that is left out is in packages: for each who says so its bytes, the surest
    /// first. What several say counts for the surest of them.
    pub fn vouchers(&self) -> BTreeMap<(Vouched, &ProjectName), u64> {
        let mut of_content: HashMap<&Digest, (Vouched, &ProjectName)> = HashMap::new();
        for package in &self.packages {
            let says = (package.vouched, &package.project);
            for digest in &package.holds {
                let best = of_content.entry(digest).or_insert(says);
                *best = says.min(*best);
            }
        }
        let mut vouchers = BTreeMap::new();
        for content in &self.left_out {
            if let Some(says) = of_content.get(&content.sha256) {
                let bytes: &mut u64 = vouchers.entry(*says).or_default();
                *bytes = bytes.saturating_add(content.saved_bytes);
            }
        }
        vouchers
    }

    /// Whether this content is left out.
    pub fn leaves_out(&self, sha256: &Digest) -> bool {
        self.left_out
            .binary_search_by(|content| content.sha256.cmp(sha256))
            .is_ok()
    }

    /// Chooses for `weights`, which are sorted by digest, each once.
    fn choose(weights: &[Wanted], mut candidates: Vec<Candidate>) -> Self {
        candidates.sort_by(|a, b| a.package.rank().cmp(&b.package.rank()));
        let offers: Vec<Offer> = candidates
            .iter_mut()
            .map(|candidate| Offer {
                items: std::mem::take(&mut candidate.items),
                cost: candidate.package.size,
            })
            .collect();
        let saved: Vec<u64> = weights.iter().map(|content| content.saved_bytes).collect();
        let mut is_held = vec![false; weights.len()];
        let mut packages = Vec::new();
        for chosen in choose(&saved, &offers) {
            let mut package = candidates[chosen.get()].package.clone();
            let items = &offers[chosen.get()].items;
            package.holds = items
                .iter()
                .map(|item| weights[item.get()].sha256)
                .collect();
            packages.push(package);
            for item in items {
                is_held[item.get()] = true;
            }
        }
        packages.sort_by_key(|package| package.sha256);
        let held = weights.iter().zip(is_held).filter(|(_, is_held)| *is_held);
        let left_out: Vec<Wanted> = held.map(|(content, _)| *content).collect();
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

/// A package that may be relied on, and what of the wanted content it holds, ascending.
struct Candidate {
    package: PlannedPackage,
    items: Vec<DigestIndex>,
}

/// Where `digest` is in a list that is sorted by digest.
fn index_of(sorted: &[Wanted], digest: &Digest) -> Option<DigestIndex> {
    let found = sorted.binary_search_by(|content| content.sha256.cmp(digest));
    found.ok().map(DigestIndex::from)
}

impl PlannedPackage {
    /// Whether only a hint names it.
    pub fn is_of_hint(&self) -> bool {
        self.vouched == Vouched::Hint
    }

    fn rank(&self) -> (UrlRank<'_>, Digest) {
        (UrlRank::new(&self.url, self.expires), self.sha256)
    }
}

/// The records that were found and may be relied on, by the package they are of.
struct Holders<'a> {
    packages: Vec<(Digest, Vec<&'a FoundPackage>)>,
    /// For every record that was found its package.
    of_record: Vec<Option<PackageIndex>>,
}

impl<'a> Holders<'a> {
    fn new(found: &'a Found, needed: Expiry) -> Self {
        let may_be_relied_on = |record: &FoundPackage| {
            record.expires.covers(needed) && !record.url.starts_with(SERIES_URL_PREFIX)
        };
        let mut by_digest: HashMap<Digest, PackageIndex> = HashMap::new();
        let mut packages: Vec<(Digest, Vec<&FoundPackage>)> = Vec::new();
        let mut of_record = Vec::with_capacity(found.packages.len());
        for record in &found.packages {
            of_record.push(may_be_relied_on(record).then(|| {
                let next = PackageIndex::from(packages.len());
                let package = *by_digest.entry(record.sha256).or_insert(next);
                if package == next {
                    packages.push((record.sha256, Vec::new()));
                }
                packages[package.get()].1.push(record);
                package
            }));
        }
        Self {
            packages,
            of_record,
        }
    }

    fn package_of(&self, record: usize) -> Option<PackageIndex> {
        self.of_record.get(record).copied().flatten()
    }

    /// One package for the URLs of all its records; as yet none holds anything.
    fn merge(self) -> Vec<PlannedPackage> {
        let merge = |(sha256, mut records): (Digest, Vec<&FoundPackage>)| {
            records.sort_by(|a, b| {
                UrlRank::new(&a.url, a.expires).cmp(&UrlRank::new(&b.url, b.expires))
            });
            let best = records[0];
            let surest = records.iter().min_by_key(|record| record.vouched);
            let surest = surest.unwrap_or(&best);
            let mut urls: Vec<String> = Vec::new();
            for record in &records[1..] {
                if record.url != best.url && !urls.contains(&record.url) {
                    urls.push(record.url.clone());
                }
            }
            // Records may differ in the size only if one of them is wrong; what this machine
            // measured counts more, and then the bigger one.
            let size = |derived: bool| {
                let known = records
                    .iter()
                    .filter(|record| record.is_derived() == derived);
                known.filter_map(|record| record.size).max()
            };
            PlannedPackage {
                sha256,
                url: best.url.clone(),
                urls,
                size: size(true).or_else(|| size(false)),
                expires: best.expires,
                vouched: surest.vouched,
                project: surest.project.clone(),
                holds: Vec::new(),
            }
        };
        self.packages.into_iter().map(merge).collect()
    }
}

#[cfg(test)]
mod tests;
