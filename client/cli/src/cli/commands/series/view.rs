//! `hashget series list`, `show`, `diff` and `find`.

use std::collections::HashMap;

use hashget_words::rel_path::RelPath;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_files::tree::PatternSet;
use hashget_series::{
    self as series, BackupId, Change, ChangeList, Kind, Listed, Section, Status, Version,
};

fn time(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// Lists the backups of sections.
pub(super) fn list(sections: &[&Section], context: &Context) -> Result<(), CliError> {
    for section in sections {
        let backups = series::list(section)?;
        context.reporter.report(&Backups {
            section: section.full_name(),
            backups,
        });
    }
    Ok(())
}

#[derive(Serialize)]
struct Backups {
    section: String,
    backups: Vec<Listed>,
}

impl Report for Backups {
    const EVENT: &'static str = "series_list";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {} backups", self.section, self.backups.len())];
        for backup in &self.backups {
            let id = backup.backup.to_string();
            let size = Size(backup.archive_bytes).to_string();
            let mut line = vec![format!("{id:<8} {size:>8}")];
            match &backup.facts {
                Some(facts) => {
                    let kind = match facts.depends.first() {
                        None => "normal".to_owned(),
                        Some(_) if facts.depends.len() == 1 => "on its base".to_owned(),
                        Some(_) => format!("on {} archives", facts.depends.len()),
                    };
                    line.push(format!("  {}  {kind}", time(facts.created)));
                    if !facts.expires.is_never() {
                        line.push(format!("  until {}", facts.expires));
                    }
                    if let Some(comment) = &facts.comment {
                        line.push(format!("  {comment}"));
                    }
                }
                None => line.push("  unknown".to_owned()),
            }
            if let Some(count) = backup.facts.as_ref().map(|facts| facts.unreadable_files)
                && count > 0
            {
                line.push(format!("  {count} unreadable"));
            }
            if backup.kept {
                line.push("  kept".to_owned());
            }
            if let Some(damage) = &backup.damage {
                line.push(format!("  DAMAGED: {damage}"));
            }
            lines.push(line.concat());
        }
        lines
    }
}

/// Lists the files of a backup.
pub(super) fn show(
    section: &Section,
    id: BackupId,
    all: bool,
    context: &Context,
) -> Result<(), CliError> {
    let mut list = series::show(section, id)?;
    if !all {
        list.files
            .retain(|change| change.status != Status::Unchanged || change.unreadable);
    }
    context.reporter.report(&Shown(list));
    Ok(())
}

#[derive(Serialize)]
struct Shown(ChangeList);

impl Report for Shown {
    const EVENT: &'static str = "series_show";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let facts = &self.0.backup;
        let mut lines = vec![format!(
            "({}){} {} of {}: {} new, {} updated, {} deleted, {} unchanged",
            facts.profile,
            facts.section,
            facts.id(),
            time(facts.created),
            facts.new_files,
            facts.updated_files,
            facts.deleted_files,
            facts.unchanged_files
        )];
        lines.extend(facts.comment.iter().map(|text| format!("comment: {text}")));
        for base in &facts.depends {
            lines.push(format!("relies on {} (sha256:{})", base.name, base.sha256));
        }
        let patches = self.0.patches.iter();
        let patches: HashMap<_, _> = patches.map(|patch| (patch.sha256, patch)).collect();
        lines.extend(self.0.files.iter().map(|change| {
            let line = change_line(change);
            let is_new = matches!(change.status, Status::New | Status::Updated);
            let patch = change.sha256.filter(|_| is_new);
            match patch.and_then(|sha256| patches.get(&sha256)) {
                Some(patch) => format!("{line} (a patch of {})", Size(patch.patch_bytes)),
                None => line,
            }
        }));
        lines
    }
}

fn change_line(change: &Change) -> String {
    let kind = match change.kind {
        Kind::File => "file",
        Kind::Directory => "folder",
        Kind::Link => "link",
        Kind::Special => "special",
    };
    let size = change
        .size
        .map_or_else(|| "-".to_owned(), |n| n.to_string());
    let path = match change.path.to_string() {
        root if root.is_empty() => ".".to_owned(),
        path => path,
    };
    let status = change.status.name();
    let note = if change.unreadable {
        " (UNREADABLE: not in the backup)"
    } else {
        ""
    };
    format!(
        "{status:<9} {kind:<7} {size:>12} {} {path}{note}",
        time(change.mtime)
    )
}

/// Tells what changed between two backups.
pub(super) fn diff(
    section: &Section,
    old: BackupId,
    new: BackupId,
    context: &Context,
) -> Result<(), CliError> {
    let mut changes = series::diff(section, old, new)?;
    changes.retain(|change| change.status != Status::Unchanged);
    context.reporter.report(&Changes { changes });
    Ok(())
}

#[derive(Serialize)]
struct Changes {
    changes: Vec<Change>,
}

impl Report for Changes {
    const EVENT: &'static str = "series_diff";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        self.changes.iter().map(change_line).collect()
    }
}

/// Tells which backups hold which version of files.
pub(super) fn find(sections: &[&Section], name: &str, context: &Context) -> Result<(), CliError> {
    let pattern = PatternSet::new([name]).map_err(|error| CliError::new(&error).into_usage())?;
    let matches = |path: &RelPath| pattern.matches(path, true);
    let mut is_found = false;
    for section in sections {
        let versions = series::find(section, &matches)?;
        is_found |= !versions.is_empty();
        context.reporter.report(&Versions {
            section: section.full_name(),
            versions,
        });
    }
    if is_found {
        return Ok(());
    }
    Err(CliError::failed(format!("no backup has a file {name}"))
        .hint("a pattern as with `hashget pack --exclude`, such as letter.txt, '*.txt' or /docs/*.txt"))
}

#[derive(Serialize)]
struct Versions {
    section: String,
    versions: Vec<Version>,
}

impl Report for Versions {
    const EVENT: &'static str = "series_find";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let line = |version: &Version| {
            let backups: Vec<String> = version.backups.iter().map(BackupId::to_string).collect();
            format!(
                "{} {} {} {} {}",
                version.path,
                Size(version.size.unwrap_or(0)),
                time(version.mtime),
                if version.unreadable {
                    "could not be read, so it is not in"
                } else {
                    "in"
                },
                backups.join(" ")
            )
        };
        self.versions.iter().map(line).collect()
    }
}
