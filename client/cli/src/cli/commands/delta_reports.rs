//! What the commands of `hashget delta` tell.

use std::path::Path;

use serde::Serialize;

use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_delta::{ApplyStats, ChangeKind, Content, DeltaStats, DiffIndex, DirIndex};

#[derive(Serialize)]
pub(super) struct Differs {
    pub(super) path: String,
    pub(super) what: String,
}

impl Report for Differs {
    const EVENT: &'static str = "difference";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![format!("differs {}: {}", self.path, self.what)]
    }
}

#[derive(Serialize)]
pub(super) struct Indexed {
    file: String,
    entries: u64,
    signatures: u64,
    tree_bytes: u64,
    index_bytes: u64,
}

impl Indexed {
    pub(super) fn of(index: &DirIndex, file: &Path, index_bytes: u64) -> Self {
        let files = index.entries.iter().filter_map(|entry| entry.file());
        let once = files.filter(|file| file.hardlink.is_none());
        Self {
            file: printable_path(file),
            entries: index.entries.len() as u64,
            signatures: index.signatures.len() as u64,
            tree_bytes: once.map(|file| file.size).sum(),
            index_bytes,
        }
    }
}

impl Report for Indexed {
    const EVENT: &'static str = "delta_index";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "{}: {} entries ({}), {} signatures, index size {}",
            self.file,
            self.entries,
            Size(self.tree_bytes),
            self.signatures,
            Size(self.index_bytes)
        )]
    }
}

#[derive(Serialize)]
pub(super) struct Written(pub(super) DeltaStats);

impl Report for Written {
    const EVENT: &'static str = "delta";

    fn lines(&self) -> Vec<String> {
        let stats = &self.0;
        vec![format!(
            "{} whole ({}), {} patched ({} by {}), {} renamed or copied ({}), delta size {}",
            stats.whole_files,
            Size(stats.whole_bytes),
            stats.patched_files,
            Size(stats.patched_bytes),
            Size(stats.patch_bytes),
            stats.moved_files,
            Size(stats.moved_bytes),
            Size(stats.delta_bytes)
        )]
    }
}

#[derive(Serialize)]
pub(super) struct Applied(pub(super) ApplyStats);

impl Report for Applied {
    const EVENT: &'static str = "delta_apply";

    fn lines(&self) -> Vec<String> {
        let stats = &self.0;
        let mut lines = Vec::new();
        if stats.recovered {
            lines.push("An apply that was interrupted here was put right first".to_owned());
        }
        lines.push(if stats.already_there {
            "The directory is in the new state already".to_owned()
        } else {
            format!(
                "{} placed, {} removed or replaced, {} written",
                stats.placed_files,
                stats.removed_files,
                Size(stats.written_bytes)
            )
        });
        lines
    }
}

#[derive(Serialize)]
pub(super) struct Recovered {
    pub(super) recovered: bool,
}

impl Report for Recovered {
    const EVENT: &'static str = "delta_recover";

    fn lines(&self) -> Vec<String> {
        let line = if self.recovered {
            "What an interrupted apply left was put right"
        } else {
            "Nothing was interrupted here"
        };
        vec![line.to_owned()]
    }
}

#[derive(Serialize)]
pub(super) struct Shown {
    old_state: String,
    new_state: String,
    changes: Vec<ShownChange>,
}

#[derive(Serialize)]
struct ShownChange {
    kind: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    size_bytes: u64,
}

impl Shown {
    pub(super) fn of(diff: &DiffIndex) -> Self {
        let changes = diff.changes.iter().zip(diff.kinds());
        let shown = changes.map(|(change, kind)| {
            let file = change.new.as_ref().and_then(|new| new.file());
            let from = match &kind {
                ChangeKind::Renamed(from) => Some(from.to_string()),
                _ => None,
            };
            ShownChange {
                kind: match kind {
                    ChangeKind::New => "new",
                    ChangeKind::Updated => "updated",
                    ChangeKind::Deleted => "deleted",
                    ChangeKind::Renamed(_) => "renamed",
                    ChangeKind::Metadata => "metadata",
                },
                path: change.path().to_string(),
                from,
                content: change.content.as_ref().map(|content| match content {
                    Content::Old(_) => "old file",
                    Content::Whole => "whole",
                    Content::Patch(_) => "patch",
                }),
                size_bytes: file.map_or(0, |file| file.size),
            }
        });
        Self {
            old_state: diff.old_state.to_string(),
            new_state: diff.new_state.to_string(),
            changes: shown.collect(),
        }
    }
}

impl Report for Shown {
    const EVENT: &'static str = "delta_show";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("old state {}", self.old_state),
            format!("new state {}", self.new_state),
        ];
        lines.extend(self.changes.iter().map(|change| {
            let from = change.from.as_ref().map(|from| format!(" from {from}"));
            let content = change
                .content
                .map(|content| format!(" ({}, {content})", Size(change.size_bytes)));
            format!(
                "{:<8} {}{}{}",
                change.kind,
                change.path,
                from.unwrap_or_default(),
                content.unwrap_or_default()
            )
        }));
        lines
    }
}
