//! What the commands of `hashget snapshot` tell.

use serde::Serialize;

use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_snapshot::{
    Change, CreateStats, Created, Difference, ListedSnapshot, Pruned, RestoreSnapshotStats,
    SnapshotId, UpdateStats, VerifyStats,
};

#[derive(Serialize)]
pub(super) struct CreatedReport {
    snapshot: SnapshotId,
    path: String,
    #[serde(flatten)]
    stats: CreateStats,
}

impl CreatedReport {
    pub(super) fn new(created: &Created) -> Self {
        Self {
            snapshot: created.id.clone(),
            path: printable_path(&created.path),
            stats: created.stats,
        }
    }
}

impl Report for CreatedReport {
    const EVENT: &'static str = "snapshot_created";

    fn lines(&self) -> Vec<String> {
        let stats = &self.stats;
        let mut copied = format!(
            "copied {} ({})",
            stats.copied_files,
            Size(stats.copied_bytes)
        );
        if stats.cloned_files > 0 {
            copied = format!(
                "shared the data of {} ({}), {copied}",
                stats.cloned_files,
                Size(stats.cloned_bytes)
            );
        }
        let mut lines = vec![
            format!("Snapshot {}", self.path),
            format!(
                "{} files ({}): linked {} (saved {}), {copied}, read {}",
                stats.tree_files,
                Size(stats.tree_bytes),
                stats.linked_files,
                Size(stats.saved_bytes),
                stats.read_files
            ),
        ];
        if stats.unpacked_files > 0 {
            lines.push(format!(
                "Unpacked {} files ({}) of packages",
                stats.unpacked_files,
                Size(stats.unpacked_bytes)
            ));
        }
        if stats.socket_files > 0 {
            lines.push(format!("Left out {} sockets", stats.socket_files));
        }
        if stats.unset_owner_files > 0 {
            lines.push(format!(
                "{} files are not given to their owners: only root can do that",
                stats.unset_owner_files
            ));
        }
        lines
    }
}

#[derive(Serialize)]
pub(super) struct ListReport {
    pub(super) snapshots: Vec<ListedSnapshot>,
}

impl Report for ListReport {
    const EVENT: &'static str = "snapshots";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let line = |listed: &ListedSnapshot| match listed.sizes {
            None => listed.id.to_string(),
            Some(sizes) => format!(
                "{}  {} files ({}), only here: {} ({})",
                listed.id,
                sizes.files,
                Size(sizes.bytes),
                sizes.own_files,
                Size(sizes.own_bytes)
            ),
        };
        self.snapshots.iter().map(line).collect()
    }
}

#[derive(Serialize)]
pub(super) struct DiffReport {
    pub(super) differences: Vec<Difference>,
}

impl Report for DiffReport {
    const EVENT: &'static str = "snapshot_diff";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let line = |difference: &Difference| {
            let path = &difference.path;
            match &difference.change {
                Change::New => format!("+ {path}"),
                Change::Deleted => format!("- {path}"),
                Change::Renamed { from } => format!("R {from} -> {path}"),
                Change::Updated => format!("M {path}"),
                Change::Metadata => format!("m {path}"),
            }
        };
        self.differences.iter().map(line).collect()
    }
}

#[derive(Serialize)]
pub(super) struct DeletedReport {
    pub(super) deleted: Vec<SnapshotId>,
}

impl Report for DeletedReport {
    const EVENT: &'static str = "snapshots_deleted";

    fn lines(&self) -> Vec<String> {
        let line = |id: &SnapshotId| format!("Deleted {id}");
        self.deleted.iter().map(line).collect()
    }
}

#[derive(Serialize)]
pub(super) struct PruneReport {
    pub(super) dry_run: bool,
    pub(super) snapshots: Vec<Pruned>,
}

impl Report for PruneReport {
    const EVENT: &'static str = "snapshots_pruned";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let verb = if self.dry_run { "delete" } else { "deleted" };
        let line = |pruned: &Pruned| match &pruned.kept_by[..] {
            [] => format!("{verb} {}", pruned.id),
            rules => format!("keep {} ({})", pruned.id, rules.join(", ")),
        };
        self.snapshots.iter().map(line).collect()
    }
}

#[derive(Serialize)]
pub(super) struct VerifyReport {
    #[serde(flatten)]
    pub(super) stats: VerifyStats,
}

impl Report for VerifyReport {
    const EVENT: &'static str = "snapshots_verified";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let stats = &self.stats;
        vec![format!(
            "Verified {} snapshots, {} files, read {} ({}): {} damaged, {} altered, {} unknown, {} \
             unreadable",
            stats.snapshots,
            stats.tree_files,
            stats.read_files,
            Size(stats.read_bytes),
            stats.damaged_files,
            stats.altered_files,
            stats.unknown_files,
            stats.unreadable_files
        )]
    }
}

#[derive(Serialize)]
pub(super) struct RestoredReport {
    #[serde(flatten)]
    pub(super) stats: RestoreSnapshotStats,
}

impl Report for RestoredReport {
    const EVENT: &'static str = "snapshot_restored";

    fn lines(&self) -> Vec<String> {
        let stats = &self.stats;
        let mut line = format!(
            "Restored {} files ({})",
            stats.placed_files,
            Size(stats.placed_bytes)
        );
        if stats.kept_files > 0 {
            line = format!(
                "{line}; {} were there already and stay as they are (see --overwrite)",
                stats.kept_files
            );
        }
        vec![line]
    }
}

#[derive(Serialize)]
pub(super) struct ReindexReport {
    #[serde(flatten)]
    pub(super) stats: UpdateStats,
}

impl Report for ReindexReport {
    const EVENT: &'static str = "snapshots_reindexed";

    fn lines(&self) -> Vec<String> {
        let stats = &self.stats;
        vec![format!(
            "Read {} files ({}) of {} snapshots",
            stats.added_files,
            Size(stats.added_bytes),
            stats.snapshots
        )]
    }
}
