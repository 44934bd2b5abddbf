//! One walk over a folder: every heuristic looks at every file.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hashget_common::rel_path::RelPath;

use super::{IndexError, IndexOptions};
use crate::heuristics::PackageRequest;
use crate::monitor::{Monitor, Problem};

/// What a walk found.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) requests: Vec<PackageRequest>,
    /// Files that may be anchors; only looked for when anchors are pulled.
    pub(super) anchors: Vec<PathBuf>,
    pub(super) seen_files: u64,
}

/// Walks `root`, without following links below it; a single file is looked at alone.
///
/// Folders that cannot be read are told and passed over.
pub(super) fn survey(
    root: &Path,
    options: &IndexOptions,
    monitor: &dyn Monitor,
) -> Result<Survey, IndexError> {
    let root_error = |source| IndexError::Root {
        path: root.to_owned(),
        source,
    };
    // The heuristics judge by the whole path, whatever `root` is relative to.
    let root = root.canonicalize().map_err(root_error)?;
    let metadata = root.metadata().map_err(root_error)?;
    let mut walk = Walk {
        device: options.one_file_system.then(|| metadata.dev()),
        root,
        options,
        monitor,
        survey: Survey::default(),
    };
    if options.heuristics.is_empty() && !options.pull {
        // Nobody would look at a file.
        return Ok(walk.survey);
    }
    if metadata.is_file() {
        let file = walk.root.clone();
        walk.file(&file, || Ok(metadata));
        return Ok(walk.survey);
    }
    let mut folders = vec![(walk.root.clone(), sorted(&walk.root).map_err(root_error)?)];
    while let Some((folder, entries)) = folders.pop() {
        let below = walk.folder(&folder, entries);
        // The first of them is to be the next.
        folders.extend(below.into_iter().rev());
    }
    Ok(walk.survey)
}

struct Walk<'a> {
    root: PathBuf,
    device: Option<u64>,
    options: &'a IndexOptions,
    monitor: &'a dyn Monitor,
    survey: Survey,
}

impl Walk<'_> {
    /// Looks at the files of a folder; the folders in it, with what is in them.
    fn folder(&mut self, folder: &Path, entries: Vec<DirEntry>) -> Vec<(PathBuf, Vec<DirEntry>)> {
        let mut below = Vec::new();
        for entry in entries {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_file() => self.file(&path, || entry.metadata()),
                Ok(kind) if kind.is_dir() && self.enters(&entry, &path) => match sorted(&path) {
                    Ok(entries) => below.push((path, entries)),
                    Err(error) => self.problem(&path, &error),
                },
                Ok(_) => {}
                Err(error) => self.problem(&path, &error),
            }
        }
        below
    }

    fn enters(&self, entry: &DirEntry, path: &Path) -> bool {
        let Some(device) = self.device else {
            return true;
        };
        match entry.metadata() {
            Ok(metadata) => metadata.dev() == device,
            Err(error) => {
                self.problem(path, &error);
                false
            }
        }
    }

    fn file(&mut self, path: &Path, metadata: impl FnOnce() -> io::Result<Metadata>) {
        self.survey.seen_files += 1;
        let requests = self.options.heuristics.look(path, self.monitor);
        self.survey.requests.extend(requests);
        if self.options.pull {
            match metadata() {
                Ok(metadata) if self.is_anchor(path, metadata.len()) => {
                    self.survey.anchors.push(path.to_owned());
                }
                Ok(_) => {}
                Err(error) => self.problem(path, &error),
            }
        }
    }

    fn is_anchor(&self, path: &Path, size: u64) -> bool {
        let forced = || {
            let relative = path.strip_prefix(&self.root).ok();
            let relative = relative.and_then(|path| RelPath::from_path(path).ok());
            relative.is_some_and(|path| self.options.record.forced_anchors.matches(&path))
        };
        size > 0 && (size > self.options.record.anchsz || forced())
    }

    fn problem(&self, path: &Path, error: &io::Error) {
        // What has gone since the folder was read was never seen. And a path that is too long for the
        // kernel holds no package that a heuristic could read; packing has other ways to go there.
        let is_passed = [io::ErrorKind::NotFound, io::ErrorKind::InvalidFilename];
        if !is_passed.contains(&error.kind()) {
            let subject =
                hashget_common::rel_path::display_bytes(path.as_os_str().as_encoded_bytes());
            self.monitor.problem(&Problem::new(subject, error));
        }
    }
}

/// What is in a folder, by name, so that equal trees give equal answers.
fn sorted(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_cached_key(DirEntry::file_name);
    Ok(entries)
}
