//! Patterns on the command line, and what is told of those that match nothing.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_words::rel_path::RelPath;

use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use hashget_engine::restore::Selection;
use hashget_files::monitor::{Monitor, Problem};
use hashget_files::tree::{PatternSet, read_pattern_file};

const PATTERN_HINT: &str = "put \\ before !, *, ?, [ and \\ that stand for themselves; \
                            docs/patterns.md describes the language";
/// How many patterns that match nothing are named.
const MOST_NAMED: usize = 10;

/// The patterns of an option, and of a file of patterns, for the tree at `root`.
pub(crate) fn patterns(
    root: &Path,
    texts: &[OsString],
    file: Option<&Path>,
) -> Result<PatternSet, CliError> {
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    if let Some(file) = file {
        all.extend(read_pattern_file(file)?);
    }
    PatternSet::below(root, all)
        .map_err(|error| CliError::new(&error).into_usage().hint(PATTERN_HINT))
}

/// Tells the patterns of `option` that matched nothing in `root`.
pub(crate) fn tell_unmatched(option: &str, set: &PatternSet, root: &Path, monitor: &dyn Monitor) {
    let place = printable_path(root);
    tell(
        option,
        &set.unmatched(),
        &format!("matches nothing in {place}"),
        monitor,
    );
}

fn tell(option: &str, unmatched: &[String], what: &str, monitor: &dyn Monitor) {
    for pattern in unmatched.iter().take(MOST_NAMED) {
        let problem = Problem::text(format!("{option} {pattern}"), what);
        monitor.problem(&problem);
    }
    let more = unmatched.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        let problem = Problem::text(option, format!("{more} more patterns: each {what}"));
        monitor.problem(&problem);
    }
}

/// What `--include` and `--path` select. A path may begin with the `/` of the tree that was packed.
pub(crate) fn selection(include: &[OsString], paths: &[OsString]) -> Result<Selection, CliError> {
    let patterns: Vec<&[u8]> = include.iter().map(|text| text.as_bytes()).collect();
    let path = |path: &OsString| {
        let below = path.as_bytes();
        let below = below.strip_prefix(b"/").unwrap_or(below);
        RelPath::new(below).map_err(|error| {
            CliError::new(&error)
                .into_usage()
                .hint("--path is relative to the directory that was packed")
        })
    };
    let paths: Vec<RelPath> = paths.iter().map(path).collect::<Result<_, _>>()?;
    Selection::new(&patterns, &paths)
        .map_err(|error| CliError::new(&error).into_usage().hint(PATTERN_HINT))
}

/// Tells what was selected and not found in `archive`; an error if that is all.
pub(crate) fn check_selected(
    selection: &Selection,
    archive: &Path,
    monitor: &dyn Monitor,
) -> Result<(), CliError> {
    let place = printable_path(archive);
    let unmatched = selection.unmatched();
    if selection.is_unmatched() {
        let names = unmatched.join(", ");
        return Err(
            CliError::failed(format!("nothing in {place} matches {names}")).hint(
                "paths count from the directory that was packed; `tar -tf` lists what is in an archive, \
                 and its .hashget-restore.json what was left out",
            ),
        );
    }
    tell(
        "selection",
        &unmatched,
        &format!("matches nothing in {place}"),
        monitor,
    );
    Ok(())
}
