//! Ends a restore: makes the hard links, and reports the files that are missing.

use std::collections::{BTreeMap, HashMap, HashSet};

use hashget_words::rel_path::RelPath;

use super::file_restorer::FileRestorer;
use super::plan::RestorePlan;
use super::stats::{MissingFile, RestoreStats};
use super::survey::Survey;
use hashget_files::place::Placed;

/// Makes the further names of files whose first name is in place now. Where the file system
/// takes no more links, the name gets a copy.
pub(super) fn make_links(restorer: &FileRestorer<'_>, found: &Survey) {
    let list = restorer.list;
    let index: HashMap<&RelPath, usize> = list
        .files
        .iter()
        .enumerate()
        .map(|(number, entry)| (&entry.file, number))
        .collect();
    let blocked: HashSet<usize> = found.blocked.iter().map(|(number, _)| *number).collect();
    for (number, first) in &found.links {
        let first_number = index.get(first);
        let missing = first_number.is_some_and(|first| {
            blocked.contains(first)
                || restorer.tally().failed.contains_key(first)
                || restorer.wanted.contains(&list.files[*first].sha256)
        });
        if missing {
            let why = format!("its first name {first} is missing");
            restorer.tally().failed.insert(*number, why);
            continue;
        }
        let entry = &list.files[*number];
        let size = entry.size.unwrap_or(0);
        let mut result = restorer.placer.place_link(&entry.file, first);
        if result.is_err()
            && let Ok(file) = restorer.placer.target.file(first)
        {
            result = restorer.copy(*number, &file, size, None);
            if matches!(result, Ok(Placed::New)) {
                restorer.not_linked(*number, first);
            }
        }
        if restorer.record_link(*number, size, result).is_err() {
            return;
        }
    }
}

/// Why a file was found nowhere. Each missing file carries it, and each failure was told when it
/// happened: so of many only the number is repeated.
fn why_not_found(package_failures: &[String]) -> String {
    match package_failures {
        [] => "it is in none of the packages".to_owned(),
        [failure] => {
            let lines: Vec<&str> = failure.lines().map(str::trim).collect();
            format!("not found; {}", lines.join("; "))
        }
        failures => format!(
            "not found; {} packages could not be fetched or read, see the problems above",
            failures.len()
        ),
    }
}

/// Adds up the result, and reports each missing file with the reason.
pub(super) fn add_up(restorer: &FileRestorer<'_>, plan: &RestorePlan) -> RestoreStats {
    let found = &plan.found;
    let list = restorer.list;
    let mut tally = restorer.tally();
    let mut stats = std::mem::take(&mut tally.stats);
    let mut missing: BTreeMap<usize, String> = BTreeMap::new();
    for (number, blocked) in &found.blocked {
        stats.in_the_way_files += u64::from(blocked.in_the_way);
        missing.insert(*number, blocked.why.clone());
    }
    let reason = why_not_found(&tally.package_failures);
    for number in found
        .wanted
        .iter()
        .chain(found.links.iter().map(|(n, _)| n))
    {
        if restorer.wanted.contains(&list.files[*number].sha256) {
            missing.insert(*number, reason.clone());
        }
    }
    missing.append(&mut tally.failed);
    let size = |number: usize| list.files[number].size.unwrap_or(0);
    let all = found.in_place.iter().chain(&found.wanted);
    let all = all.chain(found.links.iter().map(|(number, _)| number));
    let all = all.chain(found.blocked.iter().map(|(number, _)| number));
    for number in all {
        stats.wanted_files += 1;
        stats.wanted_bytes = stats.wanted_bytes.saturating_add(size(*number));
    }
    stats.in_place_files = found.in_place.len() as u64;
    stats.in_place_bytes = found
        .in_place
        .iter()
        .fold(0, |sum, number| sum.saturating_add(size(*number)));
    stats.unselected_files = found.unselected_files;
    stats.missing_files = missing.len() as u64;
    stats.missing = missing
        .into_iter()
        .map(|(number, why)| MissingFile {
            file: list.files[number].file.clone(),
            sha256: list.files[number].sha256,
            size: list.files[number].size,
            why,
        })
        .collect();
    stats.missing.sort_by(|a, b| a.file.cmp(&b.file));
    let packages = plan.packages.len() as u64;
    let touched = stats.read_packages + stats.failed_packages;
    stats.unneeded_packages = packages.saturating_sub(touched);
    stats
}

/// Adds members of packages that could not even be listed.
pub(super) fn add_unreadable(stats: &mut RestoreStats, unreadable: &[(MissingFile, u64)]) {
    for (missing, files) in unreadable {
        // A group of directories alone is missing, too.
        let files = (*files).max(1);
        stats.wanted_files = stats.wanted_files.saturating_add(files);
        stats.wanted_bytes = stats.wanted_bytes.saturating_add(missing.size.unwrap_or(0));
        stats.missing_files = stats.missing_files.saturating_add(files);
        stats.missing.push(missing.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::why_not_found;

    #[test]
    fn the_reason_of_a_missing_file_does_not_grow_with_the_packages_that_failed() {
        let failure = "http://example.org/p: cannot get it\n  no route".to_owned();
        assert_eq!(
            why_not_found(std::slice::from_ref(&failure)),
            "not found; http://example.org/p: cannot get it; no route"
        );
        assert!(why_not_found(&vec![failure; 1000]).len() < 100);
    }
}
