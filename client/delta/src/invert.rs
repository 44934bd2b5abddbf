//! The way back.

use std::path::Path;

use super::archive::{DataOptions, DeltaStats, DiffData, OldFiles};
use super::diff::DiffIndex;
use super::error::{DeltaError, Difference, Differences};
use super::index::{IndexOptions, index_tree};
use hashget_files::monitor::Monitor;

/// Two directories, in the states that a delta leads from and to.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryPair<'a> {
    /// In the old state.
    pub old: &'a Path,
    /// In the new state.
    pub new: &'a Path,
}

/// Writes the delta that leads back from the new to the old state of the delta at `delta`.
pub fn invert(
    delta: &Path,
    directories: DirectoryPair<'_>,
    output: &Path,
    options: &DataOptions,
    monitor: &dyn Monitor,
) -> Result<DeltaStats, DeltaError> {
    let forward = DiffIndex::from_archive(delta)?;
    let index_options = IndexOptions {
        rules: forward.rules.clone(),
        ..IndexOptions::default()
    };
    let old = index_tree(directories.old, &index_options, monitor)?.index;
    let new = index_tree(directories.new, &index_options, monitor)?.index;
    let back = DiffIndex::compute(&new, &old)?;
    for (path, state, wanted) in [
        (directories.old, back.new_state, forward.old_state),
        (directories.new, back.old_state, forward.new_state),
    ] {
        if state != wanted {
            return Err(DeltaError::NotTheState {
                path: path.to_owned(),
                differences: Differences(vec![Difference {
                    path: hashget_words::rel_path::RelPath::root(),
                    what: format!("its state is {state}, not {wanted}"),
                }]),
            });
        }
    }
    DiffData::new(back, OldFiles::Directory(directories.new), directories.old)
        .create_archive(output, options, monitor)
}
