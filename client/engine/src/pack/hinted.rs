//! Keeps packages that only hints name to the files that the hints are of.

use std::collections::{BTreeMap, HashMap, HashSet};

use hashget_sources::hash_db::{Found, FoundPackage, Matches};
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::plan::{PackPlan, PlannedPackage};
use super::scan::PackScan;
use hashget_files::monitor::{Level, Monitor};

/// Takes from `found`, the answer for the digests `asked`, every match of content that is also outside the directories
/// of the hints that name its package.
pub(super) fn keep_to_hints(scan: &PackScan, asked: &[Digest], found: Found) -> Found {
    let is_hinted: Vec<bool> = found
        .packages
        .iter()
        .map(FoundPackage::is_of_hint)
        .collect();
    if !is_hinted.contains(&true) {
        return found;
    }
    let in_question = asked.iter().zip(found.matches.iter());
    let in_question = in_question.filter(|(_, held)| held.iter().any(|it| is_hinted[*it]));
    let mut paths: HashMap<Digest, Vec<RelPath>> = in_question
        .map(|(digest, _)| (*digest, Vec::new()))
        .collect();
    for index in scan.entries.indexes() {
        if let Some(digest) = scan.contents.digest(index)
            && let Some(paths) = paths.get_mut(&digest)
        {
            paths.push(scan.entries.path(index));
        }
    }
    let hints = &scan.options.hints;
    let mut covered: BTreeMap<(usize, Digest), bool> = BTreeMap::new();
    let mut may_rely = |package: usize, digest: &Digest| {
        if !is_hinted[package] {
            return true;
        }
        *covered.entry((package, *digest)).or_insert_with(|| {
            let url = &found.packages[package].url;
            let paths = paths.get(digest).map_or(&[][..], Vec::as_slice);
            paths.iter().all(|path| hints.cover(url, path))
        })
    };
    let mut matches = Matches::with_capacity(asked.len());
    for (digest, held) in asked.iter().zip(found.matches.iter()) {
        let kept = held.iter().copied();
        matches.push(
            kept.filter(|package| may_rely(*package, digest))
                .collect::<Vec<_>>(),
        );
    }
    Found {
        packages: found.packages,
        matches,
    }
}

/// Names what `plan` relies on because of hints alone.
pub(super) fn name_hinted(plan: &PackPlan, monitor: &dyn Monitor) {
    let hinted = plan.packages.iter().filter(|package| package.is_of_hint());
    let hinted: Vec<&PlannedPackage> = hinted.collect();
    let Some(first) = hinted.first() else {
        return;
    };
    let held: HashSet<Digest> = hinted
        .iter()
        .flat_map(|it| it.holds.iter().copied())
        .collect();
    let left_out = plan.left_out.iter().filter(|it| held.contains(&it.sha256));
    let bytes: u64 = left_out.map(|content| content.saved_bytes).sum();
    for package in &hinted {
        let text = format!("a hint names {}", package.url);
        monitor.message(Level::Detail, &text);
    }
    let packages = match hinted.len() {
        1 => first.url.clone(),
        count => format!("{count} packages, such as {},", first.url),
    };
    let text = format!("{bytes} bytes are left out because hint files name {packages}");
    monitor.message(Level::Info, &text);
}
