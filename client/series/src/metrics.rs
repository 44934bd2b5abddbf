//! The file for the textfile collector of Prometheus' node exporter.

use hashget_files::private::share;
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use super::config::Section;
use super::destination::write_file;
use super::error::SeriesError;
use super::view::{Listed, list};

/// Writes the metrics of sections that share a file. `results` tells of each whether its run
/// succeeded, and when it ended, seconds since 1970.
pub fn write_metrics(path: &Path, results: &[(&Section, bool, i64)]) -> Result<(), SeriesError> {
    let mut rows = Vec::new();
    for (section, success, ended) in results {
        let backups = list(section)?;
        rows.push(Row {
            profile: &section.profile,
            section: &section.name,
            success: *success,
            ended: *ended,
            backups,
        });
    }
    write_file(path, text(&rows).as_bytes())?;
    // The collector is another user.
    let shared = File::open(path).and_then(share);
    shared.map_err(SeriesError::io("share", path))
}

struct Row<'a> {
    profile: &'a str,
    section: &'a str,
    success: bool,
    ended: i64,
    backups: Vec<Listed>,
}

fn text(rows: &[Row<'_>]) -> String {
    type Value = fn(&Row<'_>) -> u64;
    let metrics: [(&str, &str, Value); 6] = [
        (
            "last_run_success",
            "Whether the last run succeeded.",
            |row| u64::from(row.success),
        ),
        (
            "last_run_timestamp_seconds",
            "When the last run ended.",
            |row| u64::try_from(row.ended).unwrap_or(0),
        ),
        (
            "last_backup_timestamp_seconds",
            "When the newest backup was made.",
            |row| {
                let facts = row
                    .backups
                    .iter()
                    .filter_map(|backup| backup.facts.as_ref());
                let newest = facts.map(|facts| facts.created).max().unwrap_or(0);
                u64::try_from(newest).unwrap_or(0)
            },
        ),
        ("backups", "How many backups there are.", |row| {
            row.backups.len() as u64
        }),
        (
            "damaged_backups",
            "How many of them cannot be read.",
            |row| {
                let damaged = row.backups.iter().filter(|backup| backup.damage.is_some());
                damaged.count() as u64
            },
        ),
        ("archive_bytes", "The sizes of all archives.", |row| {
            row.backups.iter().map(|backup| backup.archive_bytes).sum()
        }),
    ];
    let mut text = String::new();
    for (name, help, value) in metrics {
        let name = format!("hashget_series_{name}");
        // Writing to a `String` cannot fail.
        let mut line = |line: String| writeln!(text, "{line}").unwrap_or_default();
        line(format!("# HELP {name} {help}"));
        line(format!("# TYPE {name} gauge"));
        for row in rows {
            let (profile, section) = (quoted(row.profile), quoted(row.section));
            let labels = format!("profile=\"{profile}\",section=\"{section}\"");
            line(format!("{name}{{{labels}}} {}", value(row)));
        }
    }
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_as_prometheus_reads_them() {
        let row = Row {
            profile: "a\"b",
            section: "s",
            success: true,
            ended: 5,
            backups: Vec::new(),
        };
        let text = text(&[row]);
        let line =
            "hashget_series_last_run_timestamp_seconds{profile=\"a\\\"b\",section=\"s\"} 5\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("# TYPE hashget_series_backups gauge\n"));
    }
}
