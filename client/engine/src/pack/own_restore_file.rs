//! The restore file that the packed tree itself may have at its root.
//!
//! The archive's own has that name, so another one cannot be kept. If all files that it lists
//! are there, it is the leftover of a restore or of `--prepack`, and its place is taken. If not,
//! packing would lose them for good, and is refused.

use std::io::{self, Read};

use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::RestoreFile;

use super::error::PackError;
use hashget_files::monitor::{Level, Monitor};
use hashget_files::path_error::PathError;
use hashget_files::tree::{TreeKind, TreeList, TreeRoot, is_file};

/// Takes the restore file out of `entries`, if there is one and nothing is lost by that.
pub(super) fn take_out(
    root: &TreeRoot,
    entries: &mut TreeList,
    monitor: &dyn Monitor,
) -> Result<(), PackError> {
    let name = RelPath::root().child(RestoreFile::NAME.as_bytes());
    let Some(index) = entries.find(&name) else {
        return Ok(());
    };
    let entry = entries.entry(index);
    let path = entry.path.under(root.path());
    if !matches!(entry.kind, TreeKind::File { .. }) {
        return Err(PackError::NotARestoreFile { path, source: None });
    }
    let json = read(root, &entry.path).map_err(PathError::on("read", &path))?;
    let list = RestoreFile::parse(&json).map_err(|source| PackError::NotARestoreFile {
        path: path.clone(),
        source: Some(source),
    })?;
    let is_missing = |file: &&RelPath| !root.status(file).is_ok_and(|status| is_file(&status));
    let mut missing = list
        .files
        .iter()
        .map(|entry| &entry.file)
        .filter(is_missing);
    if let Some(example) = missing.next() {
        return Err(PackError::NeverRestored {
            path,
            example: example.to_string(),
            missing: 1 + missing.count(),
        });
    }
    // Which files these are is known only with the package.
    if let Some(members) = list.members.first() {
        return Err(PackError::NeverRestored {
            path,
            example: format!("members of {}", members.package),
            missing: usize::try_from(members.files).unwrap_or(usize::MAX),
        });
    }
    entries.remove(index);
    let text = format!(
        "{} is replaced: all {} files that it lists are in the directory",
        path.display(),
        list.files.len()
    );
    monitor.message(Level::Info, &text);
    Ok(())
}

fn read(root: &TreeRoot, path: &RelPath) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    root.open_file(path)?.read_to_end(&mut json)?;
    Ok(json)
}
