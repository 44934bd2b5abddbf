//! The first member of a delta: what changed.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use hashget_archive::{ArchiveOptions, Entry, Input, ReadError, read_archive};
use hashget_words::digest::Digest;
use serde::{Deserialize, Serialize};

use super::change::{Change, Content, KeptDirectory};
use super::diff::DiffIndex;
use super::error::DeltaError;
use super::json_lines::{Capped, Lines, write_line};
use super::rules::IndexRules;

/// The name of the manifest in a delta.
pub(super) const MANIFEST_NAME: &str = "hashget-delta.jsonl";
/// The directory of new files in a delta.
pub(super) const WHOLE_DIRECTORY: &[u8] = b"new/";
/// The directory of patches in a delta.
pub(super) const PATCH_DIRECTORY: &[u8] = b"patch/";
const VERSION: u32 = 1;
/// The most that is read of a manifest: some ten million changes.
const MOST_BYTES: u64 = 4 << 30;

#[derive(Serialize, Deserialize)]
struct Header {
    hashget_delta: u32,
    rules: IndexRules,
    old_state: Digest,
    new_state: Digest,
    changes: u64,
    kept: u64,
}

impl DiffIndex {
    /// Reads what a delta changes from its archive.
    pub fn from_archive(path: &Path) -> Result<Self, DeltaError> {
        let mut found = None;
        let file = std::fs::File::open(path).map_err(DeltaError::io("read", path))?;
        // The visitor ends the reading as soon as it has the manifest.
        let outcome = read_archive(
            Input::File(file),
            &ArchiveOptions::own(),
            &mut |entry, content| {
                found = Some(read_manifest(entry, content, path)?);
                let enough = io::Error::other("read as far as needed");
                Err::<(), _>(DeltaError::io("read", path)(enough))
            },
        );
        match (found, outcome) {
            (Some(manifest), _) => Ok(manifest),
            (None, Err(ReadError::Visit(error))) => Err(error),
            (None, Err(ReadError::Archive(error))) => Err(error.into()),
            (None, Ok(_)) => Err(no_delta(path, "it has no manifest")),
        }
    }

    pub(super) fn write_manifest(&self, out: &mut dyn Write) -> io::Result<()> {
        let header = Header {
            hashget_delta: VERSION,
            rules: self.rules.clone(),
            old_state: self.old_state,
            new_state: self.new_state,
            changes: self.changes.len() as u64,
            kept: self.kept.len() as u64,
        };
        write_line(out, &header)?;
        for change in &self.changes {
            write_line(out, change)?;
        }
        self.kept.iter().try_for_each(|kept| write_line(out, kept))
    }
}

/// Reads the manifest, which must be this member.
pub(super) fn read_manifest(
    entry: &Entry,
    content: &mut dyn Read,
    path: &Path,
) -> Result<DiffIndex, DeltaError> {
    if entry.path != MANIFEST_NAME.as_bytes() {
        return Err(no_delta(path, "it does not begin with a manifest"));
    }
    let mut content = BufReader::new(Capped::new(content, MOST_BYTES));
    let mut lines = Lines::new(&mut content, path, "delta");
    let header: Header = lines.next()?;
    if header.hashget_delta != VERSION {
        let version = header.hashget_delta;
        return Err(lines.error(&format!(
            "its version {version} is unknown; use a newer hashget"
        )));
    }
    let mut diff = DiffIndex {
        rules: header.rules,
        changes: Vec::new(),
        kept: Vec::new(),
        old_state: header.old_state,
        new_state: header.new_state,
    };
    for _ in 0..header.changes {
        let change: Change = lines.next()?;
        check(&change).map_err(|reason| lines.error(reason))?;
        if diff
            .changes
            .last()
            .is_some_and(|last| last.path() >= change.path())
        {
            return Err(lines.error("changes are not in order"));
        }
        diff.changes.push(change);
    }
    for _ in 0..header.kept {
        let kept: KeptDirectory = lines.next()?;
        diff.kept.push(kept);
    }
    lines.end()?;
    Ok(diff)
}

fn check(change: &Change) -> Result<(), &'static str> {
    match (&change.old, &change.new) {
        (None, None) => return Err("a change has neither an old nor a new state"),
        (Some(old), Some(new)) if old.path != new.path => {
            return Err("a change has two paths");
        }
        _ => {}
    }
    let needs_content = change.new.as_ref().is_some_and(|new| {
        new.file().is_some_and(|file| file.hardlink.is_none()) && !change.is_metadata()
    });
    if needs_content != change.content.is_some() {
        return Err("a change lacks content, or has some without need");
    }
    Ok(())
}

fn no_delta(path: &Path, reason: &str) -> DeltaError {
    DeltaError::Format {
        path: path.to_owned(),
        what: "delta",
        reason: reason.to_owned(),
    }
}

/// The name of the member that has the content of a change.
pub(super) fn member_of(change: &Change) -> Option<Vec<u8>> {
    let directory = match change.content.as_ref()? {
        Content::Whole => WHOLE_DIRECTORY,
        Content::Patch(_) => PATCH_DIRECTORY,
        Content::Old(_) => return None,
    };
    Some([directory, change.path().as_bytes()].concat())
}
