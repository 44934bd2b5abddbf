//! How a section is packed.

use std::fs;
use std::path::Path;

use super::change_list::ChangeList;
use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::stored_patch::StoredPatch;
use hashget_engine::pack::{Compression, PackOptions};
use hashget_files::tree::{PatternSet, WalkOptions};

/// What archives of series have under names of their own, so that no source can.
pub(super) const OWN_NAMES: [&str; 2] = [ChangeList::NAME, StoredPatch::DIRECTORY];

/// How a section is packed. Every file that is not empty is hashed, for the change list.
pub(super) fn pack_options(
    section: &Section,
    destination: &Destination,
) -> Result<PackOptions, SeriesError> {
    let mut exclude: Vec<Vec<u8>> = section
        .exclude
        .iter()
        .map(|pattern| pattern.clone().into_bytes())
        .collect();
    exclude.extend(OWN_NAMES.map(|name| [b"/", name.as_bytes()].concat()));
    exclude.extend(inside(&section.source, destination.path()));
    let name = Path::new(destination.names().ending());
    // The endings of names were checked when the template was read.
    let compression = Compression::for_name(name, false).unwrap_or_default();
    let leveled = section.level.and_then(|level| compression.at_level(level));
    let compression = leveled.unwrap_or(compression);
    Ok(PackOptions {
        walk: WalkOptions {
            exclude: PatternSet::below(&section.source, exclude)?,
            exclude_caches: section.exclude_caches,
            one_file_system: section.one_file_system,
            ..WalkOptions::default()
        },
        filesz: 0,
        compression,
        ..PackOptions::default()
    })
}

/// The pattern that leaves out `directory`, if it lies inside `source`: no backup holds backups.
fn inside(source: &Path, directory: &Path) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let source = fs::canonicalize(source).ok()?;
    let directory = fs::canonicalize(directory).ok()?;
    let below = directory.strip_prefix(source).ok()?;
    let mut pattern = b"./".to_vec();
    for byte in below.as_os_str().as_bytes() {
        if b"*?[]\\{}!".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    (pattern.len() > 2).then_some(pattern)
}
