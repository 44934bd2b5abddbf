//! `-u … --dry-run`: what would be fetched, from where, and what is there already.

use serde::Serialize;

use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::restore::{PlannedFetch, PlannedPackage, RestorePlan};

/// A plan for people; with `--json` as it is.
#[derive(Serialize)]
pub(super) struct Planned(pub(super) RestorePlan);

impl Report for Planned {
    const EVENT: &'static str = "restore_plan";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let plan = &self.0;
        let mut lines = vec![format!(
            "wanted: {} files, in place: {} files ({})",
            plan.wanted_files,
            plan.in_place_files,
            Size(plan.in_place_bytes)
        )];
        if plan.unselected_files > 0 {
            lines.push(format!("not selected: {} files", plan.unselected_files));
        }
        let copied = plan.files.iter().filter(|file| file.copy_of.is_some());
        for (count, what) in [
            (copied.count() as u64, "copied within the tree"),
            (plan.linked_files, "linked to files of the tree"),
        ] {
            if count > 0 {
                lines.push(format!("{what}: {count} files"));
            }
        }
        for blocked in &plan.blocked {
            lines.push(format!("BLOCKED {}: {}", blocked.file, blocked.why));
        }
        if plan.expired {
            lines.push(format!("expired: {}", plan.expires));
        }
        lines.extend(plan.packages.iter().map(package_line));
        for file in plan.files.iter().filter(|file| file.single) {
            let path = file.paths.first().map(ToString::to_string);
            lines.push(format!(
                "{:>9}  from a hashserver's pool  {}",
                known(file.size),
                path.unwrap_or_default()
            ));
        }
        let inexact = if plan.download_bytes_exact { "" } else { "+" };
        lines.push(format!(
            "to download: {}{inexact}",
            Size(plan.download_bytes)
        ));
        lines
    }
}

fn package_line(package: &PlannedPackage) -> String {
    let hash = package.sha256.map(|digest| format!("sha256:{digest}"));
    let name = package.urls.first().cloned().or(hash).unwrap_or_default();
    let fetch = match &package.fetch {
        PlannedFetch::NotNeeded => "not needed",
        PlannedFetch::AtHand(place) => &format!("at hand in {place}"),
        PlannedFetch::Download => "download",
        PlannedFetch::IfNeeded => "download if needed",
    };
    format!("{:>9}  {fetch}  {name}", known(package.size))
}

fn known(size: Option<u64>) -> String {
    size.map_or_else(|| "?".to_owned(), |bytes| Size(bytes).to_string())
}
