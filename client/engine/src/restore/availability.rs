//! Gathers what is known about where wanted contents can be fetched.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hashget_words::digest::Digest;
use hashget_words::restore_file::RestoreFile;

use super::list::reference;
use super::plan::Availability;
use super::sources::RestoreSources;
use hashget_files::monitor::{Level, Monitor, error_chain};

/// Asks the sources about the `missing` contents, as far as a plan can use the answer.
/// `partial` means that only some of the files are wanted for which the packages were chosen. With `network`,
/// network pools are asked what they hold: useful for `--dry-run`, but slower than fetching at once.
pub(super) fn gather(
    list: &RestoreFile,
    missing: &BTreeSet<Digest>,
    partial: bool,
    sources: &dyn RestoreSources,
    network: bool,
    monitor: &dyn Monitor,
) -> Availability {
    let mut availability = Availability::default();
    if missing.is_empty() {
        return availability;
    }
    let packages: Vec<_> = list.packages.iter().map(reference).collect();
    availability.at_hand = sources.at_hand(&packages, network, monitor);
    availability.at_hand.resize(packages.len(), None);
    if availability.at_hand.iter().any(Option::is_none) {
        let digests: Vec<Digest> = missing.iter().copied().collect();
        let sizes = sources.single_files(&digests, monitor);
        let singles = digests.into_iter().zip(sizes);
        availability.singles = singles
            .filter_map(|(digest, size)| Some((digest, size?)))
            .collect();
    }
    // When everything is wanted, every package is: the archive was made to need no other.
    if partial || !availability.singles.is_empty() {
        availability.contents = contents(list, missing, sources, monitor);
    }
    availability
}

/// For every package which wanted contents records say it holds.
fn contents(
    list: &RestoreFile,
    wanted: &BTreeSet<Digest>,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Vec<Option<BTreeSet<Digest>>> {
    let mut held: Vec<Option<BTreeSet<Digest>>> = vec![None; list.packages.len()];
    let mut index: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (number, package) in list.packages.iter().enumerate() {
        if let Some(digest) = package.hash.sha256() {
            index.entry(digest).or_default().push(number);
            // A package holds itself, whatever records say.
            if wanted.contains(&digest) {
                held[number].get_or_insert_default().insert(digest);
            }
        }
    }
    // A package that is found by its own digest has a record, even if nothing in it is wanted.
    let keys: Vec<Digest> = wanted.iter().chain(index.keys()).copied().collect();
    let found = match sources.packages_with(&keys, monitor) {
        Ok(found) => found,
        Err(error) => {
            let text = format!(
                "cannot look up which packages are needed: {}",
                error_chain(&*error)
            );
            monitor.message(Level::Warning, &text);
            return held;
        }
    };
    let mut held: BTreeMap<usize, BTreeSet<Digest>> = held
        .into_iter()
        .enumerate()
        .filter_map(|(number, held)| Some((number, held?)))
        .collect();
    for (key, holders) in keys.iter().zip(found.matches.iter()) {
        for holder in holders {
            let package = found.packages.get(*holder).map(|package| package.sha256);
            for number in package
                .and_then(|package| index.get(&package))
                .into_iter()
                .flatten()
            {
                let held = held.entry(*number).or_default();
                if wanted.contains(key) {
                    held.insert(*key);
                }
            }
        }
    }
    (0..list.packages.len())
        .map(|number| held.remove(&number))
        .collect()
}
