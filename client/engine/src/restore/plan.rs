//! What a restore will do, as a value.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreFile, RestorePackage};
use jiff::civil::Date;
use serde::Serialize;

use super::list::reference;
use super::survey::Survey;
use hashget_sources::sources::PackageRef;

/// What asking for one more file costs, as if it were bytes to download.
const REQUEST_COST_BYTES: u64 = 4096;

/// What a restore will do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RestorePlan {
    /// The day until which the packages were expected to be available.
    pub expires: Expiry,
    /// True if that day has passed.
    pub expired: bool,
    /// Files that are selected.
    pub wanted_files: u64,
    /// Files in place already, with the right content.
    pub in_place_files: u64,
    /// Their sizes, in bytes.
    pub in_place_bytes: u64,
    /// Listed files that are not selected.
    pub unselected_files: u64,
    /// Further hard links that will be made.
    pub linked_files: u64,
    /// Files that cannot be restored from any source.
    pub blocked: Vec<BlockedFile>,
    /// The content to find: each once, with every path that needs it.
    pub files: Vec<PlannedFile>,
    /// The packages of the restore file, in the order in which they will be read.
    pub packages: Vec<PlannedPackage>,
    /// Bytes that will have to be downloaded, as far as sizes are known.
    pub download_bytes: u64,
    /// True if the size and content of every package is known, so that the figures above are exact if no
    /// download fails.
    pub download_bytes_exact: bool,
    /// The state of the target when the plan was made.
    #[serde(skip)]
    pub(super) found: Survey,
}

/// A file that cannot be restored from any source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockedFile {
    /// Where it belongs.
    pub file: RelPath,
    /// Why it cannot get there.
    pub why: String,
}

/// One content that must be found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedFile {
    pub sha256: Digest,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Where it goes.
    pub paths: Vec<RelPath>,
    /// A file in the tree that it will be copied from.
    pub copy_of: Option<RelPath>,
    /// True if this file alone will be fetched from a hashserver's pool, without its package.
    pub single: bool,
}

/// One package of the restore file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedPackage {
    /// Its SHA-256; `None` for a package that only an MD5 names, which cannot be checked.
    pub sha256: Option<Digest>,
    /// Where it can be downloaded.
    pub urls: Vec<String>,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// How the package will be fetched, if it will be.
    pub fetch: PlannedFetch,
    /// The wanted contents that records say are in it.
    pub known_files: u64,
}

/// How a package will be fetched, if it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedFetch {
    /// Nothing in it is wanted, or all of it comes from elsewhere.
    NotNeeded,
    /// It is at hand: in this pool or cache.
    AtHand(String),
    /// From the first URL or hashserver that works.
    Download,
    /// Downloaded only if something is still missing when the packages before it have been read:
    /// no record lists its files.
    IfNeeded,
}

/// What is known about where wanted contents can be fetched.
#[derive(Clone, Debug, Default)]
pub(super) struct Availability {
    /// For every package of the restore file: where it is without a download.
    pub(super) at_hand: Vec<Option<String>>,
    /// For every package: which wanted contents records say it holds; `None` without a record.
    /// Empty if records were not asked, because every package will be needed anyway.
    pub(super) contents: Vec<Option<BTreeSet<Digest>>>,
    /// The sizes of wanted contents that can be fetched one by one.
    pub(super) singles: BTreeMap<Digest, u64>,
}

impl RestorePlan {
    /// Decides what will be fetched, for what a survey found.
    pub(super) fn new(
        list: &RestoreFile,
        survey: Survey,
        availability: &Availability,
        today: Date,
    ) -> Self {
        let mut plan = Self {
            expires: list.expires,
            expired: list.expires.is_expired_at(today),
            wanted_files: (list.files.len() as u64).saturating_sub(survey.unselected_files),
            in_place_files: survey.in_place.len() as u64,
            in_place_bytes: survey
                .in_place
                .iter()
                .filter_map(|number| list.files[*number].size)
                .fold(0, u64::saturating_add),
            unselected_files: survey.unselected_files,
            linked_files: survey.links.len() as u64,
            blocked: blocked_files(list, &survey),
            files: planned_files(list, &survey),
            packages: list.packages.iter().map(planned_package).collect(),
            found: survey,
            ..Self::default()
        };
        plan.choose(availability);
        plan.prefer_singles(availability);
        plan.add_up(availability);
        plan
    }

    /// True if every wanted file is in place.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What the tree itself does not hold.
    fn fetched(&self) -> BTreeSet<Digest> {
        let fetched = self.files.iter().filter(|file| file.copy_of.is_none());
        fetched.map(|file| file.sha256).collect()
    }

    /// Says which packages will be read.
    fn choose(&mut self, availability: &Availability) {
        let wanted = self.fetched();
        let needed = if wanted.is_empty() {
            vec![Need::No; self.packages.len()]
        } else if availability.contents.is_empty() {
            vec![Need::Yes; self.packages.len()]
        } else {
            needed_packages(&wanted, availability)
        };
        for (number, package) in self.packages.iter_mut().enumerate() {
            let at_hand = availability.at_hand.get(number).cloned().flatten();
            package.known_files = known(availability, number).map_or(0, |held| held.len() as u64);
            package.fetch = match (needed[number], at_hand) {
                (Need::No, _) => PlannedFetch::NotNeeded,
                (_, Some(place)) => PlannedFetch::AtHand(place),
                (Need::Yes, None) => PlannedFetch::Download,
                (Need::Maybe, None) => PlannedFetch::IfNeeded,
            };
        }
    }

    /// Takes single files instead of a package where that is less to download.
    fn prefer_singles(&mut self, availability: &Availability) {
        if availability.singles.is_empty() {
            return;
        }
        let mut open = self.fetched();
        let mut single = BTreeSet::new();
        for number in 0..self.packages.len() {
            let held = known(availability, number);
            let package = &mut self.packages[number];
            let (Some(held), true) = (held, package.fetch != PlannedFetch::NotNeeded) else {
                continue;
            };
            let here: Vec<Digest> = held.intersection(&open).copied().collect();
            open.retain(|digest| !held.contains(digest));
            if package.fetch == PlannedFetch::Download
                && cost(&here, availability).is_some_and(|cost| Some(cost) < package.size)
            {
                package.fetch = PlannedFetch::NotNeeded;
                single.extend(here);
            }
        }
        // What is left is in packages that no record describes.
        let rest: Vec<Digest> = open.into_iter().collect();
        let unknown: Vec<usize> = (0..self.packages.len())
            .filter(|number| known(availability, *number).is_none())
            .filter(|number| is_download(&self.packages[*number].fetch))
            .collect();
        let whole = unknown.iter().try_fold(0_u64, |sum, number| {
            sum.checked_add(self.packages[*number].size?)
        });
        if !rest.is_empty()
            && cost(&rest, availability) < whole
            && cost(&rest, availability).is_some()
        {
            for number in unknown {
                self.packages[number].fetch = PlannedFetch::NotNeeded;
            }
            single.extend(rest);
        }
        for file in &mut self.files {
            file.single = single.contains(&file.sha256);
        }
    }

    fn add_up(&mut self, availability: &Availability) {
        let mut exact = true;
        let mut bytes = 0_u64;
        for package in &self.packages {
            match package.fetch {
                PlannedFetch::Download => {
                    bytes = bytes.saturating_add(package.size.unwrap_or(0));
                    exact &= package.size.is_some();
                }
                PlannedFetch::IfNeeded => {
                    bytes = bytes.saturating_add(package.size.unwrap_or(0));
                    exact = false;
                }
                PlannedFetch::NotNeeded | PlannedFetch::AtHand(_) => {}
            }
        }
        for file in self.files.iter().filter(|file| file.single) {
            let size = availability.singles.get(&file.sha256).copied().unwrap_or(0);
            bytes = bytes.saturating_add(size);
        }
        self.download_bytes = bytes;
        self.download_bytes_exact = exact;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Yes,
    Maybe,
    No,
}

fn known(availability: &Availability, number: usize) -> Option<&BTreeSet<Digest>> {
    availability.contents.get(number).and_then(Option::as_ref)
}

fn is_download(fetch: &PlannedFetch) -> bool {
    matches!(fetch, PlannedFetch::Download | PlannedFetch::IfNeeded)
}

/// Chooses packages that together hold all wanted files, as far as records know: first the packages
/// that no other can replace, then local ones, then in the order of the list.
fn needed_packages(wanted: &BTreeSet<Digest>, availability: &Availability) -> Vec<Need> {
    let mut holders: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    for (number, held) in availability.contents.iter().enumerate() {
        for digest in held
            .iter()
            .flatten()
            .filter(|digest| wanted.contains(digest))
        {
            holders.entry(*digest).or_default().push(number);
        }
    }
    let mut order: Vec<usize> = (0..availability.contents.len()).collect();
    let only: BTreeSet<usize> = holders
        .values()
        .filter(|numbers| numbers.len() == 1)
        .flatten()
        .copied()
        .collect();
    let is_at_hand = |number: usize| {
        availability
            .at_hand
            .get(number)
            .is_some_and(Option::is_some)
    };
    order.sort_by_key(|number| (!only.contains(number), !is_at_hand(*number), *number));
    let mut open = wanted.clone();
    let mut needed = vec![Need::No; availability.contents.len()];
    for number in order {
        let Some(held) = &availability.contents[number] else {
            continue;
        };
        let before = open.len();
        open.retain(|digest| !held.contains(digest));
        if open.len() < before {
            needed[number] = Need::Yes;
        }
    }
    if !open.is_empty() {
        for (need, held) in needed.iter_mut().zip(&availability.contents) {
            if held.is_none() {
                *need = Need::Maybe;
            }
        }
    }
    needed
}

/// What fetching these one by one costs; `None` if it cannot be done.
fn cost(digests: &[Digest], availability: &Availability) -> Option<u64> {
    digests.iter().try_fold(0_u64, |sum, digest| {
        let size = availability.singles.get(digest)?;
        sum.checked_add(*size)?.checked_add(REQUEST_COST_BYTES)
    })
}

fn blocked_files(list: &RestoreFile, survey: &Survey) -> Vec<BlockedFile> {
    let blocked = survey.blocked.iter();
    blocked
        .map(|(number, blocked)| BlockedFile {
            file: list.files[*number].file.clone(),
            why: blocked.why.clone(),
        })
        .collect()
}

fn planned_files(list: &RestoreFile, survey: &Survey) -> Vec<PlannedFile> {
    let copies = survey.copies(list);
    let mut places: HashMap<Digest, usize> = HashMap::with_capacity(survey.wanted.len());
    let mut files: Vec<PlannedFile> = Vec::with_capacity(survey.wanted.len());
    for number in &survey.wanted {
        let entry = &list.files[*number];
        let place = *places.entry(entry.sha256).or_insert(files.len());
        let path = entry.file.clone();
        if let Some(file) = files.get_mut(place) {
            file.size = file.size.or(entry.size);
            file.paths.push(path);
        } else {
            files.push(PlannedFile {
                sha256: entry.sha256,
                size: entry.size,
                paths: vec![path],
                copy_of: copies
                    .get(&entry.sha256)
                    .map(|number| list.files[*number].file.clone()),
                single: false,
            });
        }
    }
    // Mostly they are in this order already.
    files.sort_by(|a, b| a.paths.cmp(&b.paths));
    files
}

fn planned_package(package: &RestorePackage) -> PlannedPackage {
    let PackageRef { sha256, size, urls } = reference(package);
    PlannedPackage {
        sha256,
        urls,
        size,
        fetch: PlannedFetch::NotNeeded,
        known_files: 0,
    }
}

impl PlannedPackage {
    /// The package as it is asked for.
    pub fn reference(&self) -> PackageRef {
        PackageRef {
            sha256: self.sha256,
            size: self.size,
            urls: self.urls.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
