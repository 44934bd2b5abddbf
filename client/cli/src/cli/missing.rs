//! The lines about files that could not be restored: of many with one reason their number.

use std::collections::BTreeMap;

use super::reporter::Reporter;
use hashget_engine::restore::MissingFile;
use hashget_files::monitor::{Level, Monitor};

/// So many files with one reason are named one by one.
const FEW: usize = 20;

/// A line a file, or a reason where it is that of many.
pub(super) fn missing_lines(missing: &[MissingFile]) -> Vec<String> {
    let mut lines = Vec::new();
    for (why, files) in by_reason(missing) {
        match files[..] {
            [first, ..] if files.len() > FEW => lines.push(format!(
                "MISSING {} files, such as {}: {why} (-v and --json name each)",
                files.len(),
                first.file
            )),
            _ => lines.extend(files.iter().map(|file| line(file))),
        }
    }
    lines
}

/// Names those of which [`missing_lines`] tells the number only, to who asks for details.
pub(super) fn tell_each(missing: &[MissingFile], reporter: &Reporter) {
    for (_, files) in by_reason(missing) {
        for file in files.iter().filter(|_| files.len() > FEW) {
            reporter.message(Level::Detail, &line(file));
        }
    }
}

fn by_reason(missing: &[MissingFile]) -> BTreeMap<&str, Vec<&MissingFile>> {
    let mut reasons: BTreeMap<&str, Vec<&MissingFile>> = BTreeMap::new();
    for file in missing {
        reasons.entry(&file.why).or_default().push(file);
    }
    reasons
}

fn line(missing: &MissingFile) -> String {
    let hash = missing.sha256;
    format!("MISSING {} (sha256:{hash}): {}", missing.file, missing.why)
}
