//! Puts a snapshot, or a part of one, back into a directory.

use std::collections::HashMap;
use std::path::Path;

use hashget_words::rel_path::RelPath;
use serde::Serialize;

use super::copy::wanted;
use super::destination::Destination;
use super::error::SnapshotError;
use super::name::SnapshotId;
use super::separate::{self, Separate};
use hashget_engine::restore::Overwrite;
use hashget_files::monitor::{Counted, Monitor, Problem, Progress, Unit, error_chain};
use hashget_files::place::{PlaceError, Placed, Placer, Target, is_hopeless};
use hashget_files::tree::{FileId, TreeEntry, TreeKind, TreeRoot, WalkOptions, data_extents, walk};

/// How a snapshot is restored.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreSnapshotOptions {
    /// Whether what is there already is replaced; else it stays.
    pub overwrite: bool,
    /// Whether every file is forced to disk before it gets its name.
    pub sync: bool,
}

/// What restoring a snapshot did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestoreSnapshotStats {
    /// Names of files, links and devices that were placed.
    pub placed_files: u64,
    /// The sizes of the files, hard-linked ones once.
    pub placed_bytes: u64,
    /// Names that were there already and stayed.
    pub kept_files: u64,
    /// What could not be restored, or not as it was.
    pub problems: u64,
}

/// Restores what is at `below` in a snapshot into the directory `target`, which is made if missing: what is
/// in it if it is a directory, else itself.
///
/// Nothing is written outside the directory, and no file appears before it is complete. The snapshot
/// and the restored files share nothing.
pub fn restore_snapshot(
    destination: &Destination,
    id: &SnapshotId,
    below: &RelPath,
    target: &Path,
    options: &RestoreSnapshotOptions,
    monitor: &dyn Monitor,
) -> Result<RestoreSnapshotStats, SnapshotError> {
    let counted = Counted::new(monitor);
    let root = TreeRoot::open(&destination.path_of(id))?;
    let separate = separate::load(destination, id).unwrap_or_default();
    let mut entries = walk(&root, &WalkOptions::default(), &counted);
    entries.retain(|entry| entry.path.starts_with(below));
    if entries.is_empty() {
        return Err(SnapshotError::NoSnapshot {
            path: below.under(root.path()),
        });
    }
    hashget_files::private::create_shared_directory(target)
        .map_err(SnapshotError::io("make the directory", target))?;
    let failed = || SnapshotError::io("write to", target);
    let directory = Target::open(target).map_err(failed())?;
    if !directory.lock().map_err(failed())? {
        return Err(SnapshotError::Locked {
            path: target.to_owned(),
            process: String::new(),
        });
    }
    let overwrite = if options.overwrite {
        Overwrite::Always
    } else {
        Overwrite::Never
    };
    let placer = Placer::new(&directory, overwrite, options.sync, &counted).map_err(failed())?;
    let mut restorer = Restorer {
        root: &root,
        below,
        placer: &placer,
        monitor: &counted,
        separate,
        first_names: HashMap::new(),
        stats: RestoreSnapshotStats::default(),
    };
    let done = restorer.run(&entries);
    let mut stats = restorer.stats;
    placer.finish_and_remove(None);
    stats.problems = counted.problems();
    done.map_err(failed()).map(|()| stats)
}

struct Restorer<'a> {
    root: &'a TreeRoot,
    below: &'a RelPath,
    placer: &'a Placer<'a>,
    monitor: &'a dyn Monitor,
    separate: Separate,
    /// Where a file was placed, for its further names.
    first_names: HashMap<(FileId, Option<u64>), RelPath>,
    stats: RestoreSnapshotStats,
}

impl Restorer<'_> {
    fn run(&mut self, entries: &[TreeEntry]) -> std::io::Result<()> {
        let total = Some(entries.len() as u64);
        let progress = Progress::start(self.monitor, "restoring files", Unit::Files, total);
        for entry in entries {
            let path = self.place_of(entry);
            match self.place(entry, &path) {
                Ok(Some(Placed::New)) => self.stats.placed_files += 1,
                Ok(Some(Placed::Kept)) => {
                    self.stats.kept_files += 1;
                    let what = "stays as it is: something is there already";
                    self.monitor.message(
                        hashget_files::monitor::Level::Detail,
                        &format!("{path} {what}"),
                    );
                }
                Ok(None) => {}
                Err(error) if is_hopeless(&error.source) => return Err(error.source),
                Err(error) => {
                    let what = error_chain(&error);
                    self.monitor.problem(&Problem::text(path.to_string(), what));
                }
            }
            progress.advance(1);
        }
        Ok(())
    }

    fn place_of(&self, entry: &TreeEntry) -> RelPath {
        let below = self.below.as_bytes().len();
        let rest = entry.path.as_bytes().get(below..).unwrap_or_default();
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        if rest.is_empty() && entry.kind != TreeKind::Directory {
            let name = entry.path.file_name().unwrap_or_default();
            return RelPath::new(name).unwrap_or_default();
        }
        RelPath::new(rest).unwrap_or_default()
    }

    fn place(&mut self, entry: &TreeEntry, path: &RelPath) -> Result<Option<Placed>, PlaceError> {
        let node = match &entry.kind {
            TreeKind::Directory => {
                self.placer.directories.want(path.clone(), wanted(entry));
                self.placer.directories.prepare(path)?;
                return Ok(None);
            }
            TreeKind::File {
                size, id, links, ..
            } => {
                return self.file(entry, path, *size, (*id, *links)).map(Some);
            }
            TreeKind::Node(node) => node,
            TreeKind::Socket => return Ok(None),
        };
        self.placer.place_node(path, node, &wanted(entry)).map(Some)
    }

    fn file(
        &mut self,
        entry: &TreeEntry,
        path: &RelPath,
        size: u64,
        (id, links): (FileId, u64),
    ) -> Result<Placed, PlaceError> {
        let group = (id, self.separate.get(&entry.path).copied());
        if let Some(first) = self.first_names.get(&group) {
            return self.placer.place_link(path, first);
        }
        let open = || {
            let file = self.root.open_file(&entry.path)?;
            let extents = data_extents(&file, size)?;
            Ok((file, extents))
        };
        let (file, extents) = open().map_err(PlaceError::to::<std::io::Error>("read it"))?;
        let from = (&file, size);
        let wanted = wanted(entry);
        let placed = self
            .placer
            .place_copy(path, from, extents.as_deref(), true, &wanted)?;
        if placed == Placed::New {
            self.stats.placed_bytes += size;
            if links > 1 {
                self.first_names.insert(group, path.clone());
            }
        }
        Ok(placed)
    }
}
