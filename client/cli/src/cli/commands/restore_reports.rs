//! What a restore tells.

use serde::Serialize;

use crate::cli::missing::missing_lines;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_engine::restore::{ExtractStats, RestoreStats};

#[derive(Serialize)]
pub(super) struct Restored(pub(super) RestoreStats);

impl Report for Restored {
    const EVENT: &'static str = "restored";

    fn lines(&self) -> Vec<String> {
        restored_lines(&self.0)
    }
}

#[derive(Serialize)]
pub(super) struct Extracted(pub(super) ExtractStats);

impl Report for Extracted {
    const EVENT: &'static str = "extracted";

    fn lines(&self) -> Vec<String> {
        let stats = &self.0;
        let mut line = vec![format!(
            "Extracted {} members, {} bytes",
            stats.placed_members,
            Size(stats.placed_bytes)
        )];
        for (count, what) in [
            (stats.unchanged_files, "unchanged"),
            (stats.kept_members, "kept"),
            (stats.failed_members, "failed"),
        ] {
            if count > 0 {
                line.push(format!(", {count} {what}"));
            }
        }
        let mut lines = vec![line.concat()];
        lines.extend(unset_lines(
            stats.unset_owner_files,
            stats.unset_metadata_files,
        ));
        lines.extend(refused_line(stats.refused_parts));
        match &stats.restore {
            Some(restore) => lines.extend(restored_lines(restore)),
            None => {
                lines.push("It has no restore file: nothing more is known to restore".to_owned());
            }
        }
        lines
    }
}

fn restored_lines(stats: &RestoreStats) -> Vec<String> {
    let mut lines = missing_lines(&stats.missing);
    lines.push(format!(
        "Recovered {}/{} files {} bytes ({} downloaded, {} from pool, {} cached) in {:.2}s",
        stats.recovered_files(),
        stats.wanted_files,
        Size(stats.recovered_bytes()),
        Size(stats.downloaded_bytes),
        Size(stats.pool_bytes),
        Size(stats.cached_bytes),
        stats.seconds
    ));
    lines.extend(unset_lines(
        stats.unset_owner_files,
        stats.unset_metadata_files,
    ));
    lines.extend(refused_line(stats.refused_parts));
    lines
}

fn refused_line(refused: u64) -> Option<String> {
    (refused > 0).then(|| {
        format!("Left out, because the archive is not trusted: {refused} (--trusted restores all)")
    })
}

fn unset_lines(owners: u64, others: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if owners > 0 {
        lines.push(format!(
            "Owners not set: {owners} (-v names them; --user restores without owners)"
        ));
    }
    if others > 0 {
        lines.push(format!("Other metadata not set: {others}"));
    }
    lines
}
