//! `hashget series verify`, `prune` and `convert`.

use jiff::Zoned;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reporter::Report;
use hashget_series::rules::Removal;
use hashget_series::{self as series, BackupCheck, Section, SeriesCheck};

/// Checks every archive and dependency.
pub(super) fn verify(sections: &[&Section], context: &Context) -> Result<(), CliError> {
    let mut good = true;
    for section in sections {
        let check = series::verify(section)?;
        good &= check.is_good();
        context.reporter.report(&Checked(check));
    }
    if good {
        return Ok(());
    }
    Err(CliError::failed("not every backup can be restored").hint(
        "copy damaged archives from a replica; `hashget series run --full` begins a new series",
    ))
}

#[derive(Serialize)]
struct Checked(SeriesCheck);

impl Report for Checked {
    const EVENT: &'static str = "series_verify";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for backup in &self.0.backups {
            let id = backup.backup;
            match &backup.damage {
                Some(damage) => lines.push(format!("DAMAGED {id}: {damage}")),
                None if !backup.lost_bases.is_empty() => {
                    let bases = backup.lost_bases.join(", ");
                    lines.push(format!("LOST {id}: it relies on {bases}"));
                }
                None if backup.unreadable_files > 0 => lines.push(format!(
                    "PARTIAL {id}: {} files could not be read when it was made",
                    backup.unreadable_files
                )),
                None => lines.push(format!("OK {id}")),
            }
            if backup.damage.is_some() {
                for other in &backup.dependants {
                    lines.push(format!("  {other} relies on it"));
                }
            }
        }
        let is_whole = |it: &&BackupCheck| it.is_good() && it.unreadable_files == 0;
        let whole = self.0.backups.iter().filter(is_whole).count();
        let all = self.0.backups.len();
        lines.push(format!(
            "{}: {whole} of {all} backups are whole",
            self.0.section
        ));
        lines
    }
}

/// Removes what the rules of age say.
pub(super) fn prune(
    sections: &[&Section],
    dry_run: bool,
    context: &Context,
) -> Result<(), CliError> {
    for section in sections {
        let now = Zoned::now();
        let (removed, with_next) = if dry_run {
            let now_gone = series::prune_plan(section, &now)?;
            (now_gone, series::rotation_preview(section, &now)?)
        } else {
            (series::prune(section, &now)?, Vec::new())
        };
        context.reporter.report(&Pruned {
            section: section.full_name(),
            dry_run,
            removed,
            with_next,
        });
    }
    Ok(())
}

#[derive(Serialize)]
struct Pruned {
    section: String,
    dry_run: bool,
    removed: Vec<Removal>,
    with_next: Vec<Removal>,
}

impl Report for Pruned {
    const EVENT: &'static str = "series_prune";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let word = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        let mut lines = vec![format!("{}: {word} {}", self.section, self.removed.len())];
        let line = |removal: &Removal| format!("{word} {}: {}", removal.id, removal.why);
        lines.extend(self.removed.iter().map(line));
        for removal in &self.with_next {
            lines.push(format!(
                "the next backup would replace {}: {}",
                removal.id, removal.why
            ));
        }
        lines
    }
}

/// Takes over a new mode, length or count.
pub(super) fn convert(section: &Section, context: &Context) -> Result<(), CliError> {
    series::convert(section)?;
    let limits = section.limits;
    context.reporter.report(&Converted {
        section: section.full_name(),
        mode: limits.mode.name(),
        max_series: limits.max_series,
        max_series_length: limits.max_series_length,
    });
    Ok(())
}

#[derive(Serialize)]
struct Converted {
    section: String,
    mode: &'static str,
    max_series: u32,
    max_series_length: u32,
}

impl Report for Converted {
    const EVENT: &'static str = "series_convert";

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "{}: from now on mode {}, {} series of {} backups",
            self.section, self.mode, self.max_series, self.max_series_length
        )]
    }
}
