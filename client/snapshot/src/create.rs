//! Makes a snapshot.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hashget_words::rel_path::RelPath;
use jiff::Zoned;
use jiff::civil::DateTime;
use rustix::fs::RenameFlags;
use serde::Serialize;

use super::builder::{Builder, Built, Material};
use super::destination::{
    Destination, Lock, OWN_DIRECTORY, packages_path, partial_name, remove_partial, sync_directory,
};
use super::error::SnapshotError;
use super::index::Index;
use super::name::{SnapshotId, SnapshotName, Stamp};
use super::options::CreateOptions;
use super::order::RowOrder;
use super::packages::PackageCache;
use super::plan::SnapshotPlan;
use super::record_file::Prepared;
use super::separate;
use super::state::{SourceFile, SourceState};
use super::stats::CreateStats;
use super::sums;
use hashget_files::monitor::{Counted, Level, Monitor, Problem, error_chain};
use hashget_files::tree::{
    OmittedNames, Seen, TreeEntry, TreeRoot, id_of, status_of, walk_knowing,
};

/// A snapshot that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Which one it is.
    pub id: SnapshotId,
    #[serde(skip)]
    pub path: PathBuf,
    /// What was done.
    pub stats: CreateStats,
}

/// Makes a snapshot of the directory `source` in the directory `destination`, which is made if missing.
///
/// What goes wrong with single files is reported to `monitor` and counted. After an error there is
/// no new snapshot, and nothing else has changed.
pub fn create(
    source: &Path,
    destination: &Path,
    options: &CreateOptions<'_>,
    now: &Zoned,
    monitor: &dyn Monitor,
) -> Result<Created, SnapshotError> {
    let counted = Counted::new(monitor);
    let root = TreeRoot::open(source)?;
    let name = if let Some(name) = &options.name {
        name.clone()
    } else {
        SnapshotName::of_directory(&named(source)?)?
    };
    let destination = Destination::open_or_make(destination)?;
    refuse_nested(source, &destination)?;
    let lock = destination.lock()?;
    let job = Job {
        destination: &destination,
        options,
        monitor: &counted,
        lock: &lock,
    };
    let mut created = job.run(&root, name, now)?;
    created.stats.problems = counted.problems();
    Ok(created)
}

/// The source as it is called: a link to a directory keeps its own name, `.` and `..` get that of the directory.
fn named(source: &Path) -> Result<PathBuf, SnapshotError> {
    if source.file_name().is_some() {
        return Ok(source.to_owned());
    }
    fs::canonicalize(source).map_err(SnapshotError::io("find", source))
}

/// Opens the index and brings it in line with the snapshots. Needs the lock.
pub(super) fn open_index(
    destination: &Destination,
    monitor: &dyn Monitor,
    _lock: &Lock,
) -> Result<Index, SnapshotError> {
    let index = Index::load(&destination.own("index"), home(destination)?)?;
    let mut index = index.unwrap_or_else(|| Index::new(packages_path()));
    index.update(destination, monitor)?;
    Ok(index)
}

/// What tells a destination from a copy of it.
pub(super) fn home(destination: &Destination) -> Result<u64, SnapshotError> {
    let path = destination.path().join(OWN_DIRECTORY);
    let metadata = fs::metadata(&path).map_err(SnapshotError::io("look at", &path))?;
    Ok(metadata.ino())
}

/// Snapshots of snapshots, in the same place, would grow for ever.
fn refuse_nested(source: &Path, destination: &Destination) -> Result<(), SnapshotError> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(SnapshotError::io("find", path));
    if whole(source)?.starts_with(whole(destination.path())?) {
        return Err(SnapshotError::Nested {
            source_path: source.to_owned(),
            destination: destination.path().to_owned(),
        });
    }
    Ok(())
}

struct Job<'a> {
    destination: &'a Destination,
    options: &'a CreateOptions<'a>,
    monitor: &'a Counted<'a>,
    lock: &'a Lock,
}

impl Job<'_> {
    fn run(
        &self,
        source: &TreeRoot,
        name: SnapshotName,
        now: &Zoned,
    ) -> Result<Created, SnapshotError> {
        let destination = self.destination;
        let removed = destination.clean(self.lock)?;
        if removed > 0 {
            let text = format!("removed {removed} trees that an interrupted run left");
            self.monitor.message(Level::Info, &text);
        }
        let state_path = destination.own(&format!("{name}.state"));
        let (index, listed) = rayon::join(
            || open_index(destination, self.monitor, self.lock),
            || self.list(source, &state_path),
        );
        let (mut index, (entries, mut plan)) = (index?, listed?);
        let mut unpacked = CreateStats::default();
        if let Some(sources) = self.options.packages {
            let cache = PackageCache {
                destination,
                sources,
                monitor: self.monitor,
            };
            cache.fill(source, &entries, &mut plan, &mut index, &mut unpacked)?;
        }
        let id = self.free_id(name, now.datetime());
        self.number(&id, now)?;
        let material = Material {
            source,
            destination,
            entries: &entries,
            plan: &plan,
            options: self.options,
            monitor: self.monitor,
        };
        let mut built = self.build(&material, &id, &state_path, index)?;
        built.stats.read_files += unpacked.read_files;
        built.stats.unpacked_files = unpacked.unpacked_files;
        built.stats.unpacked_bytes = unpacked.unpacked_bytes;
        Ok(Created {
            path: destination.path_of(&id),
            id,
            stats: built.stats,
        })
    }

    /// Lists the source, without the destination, and plans what becomes of it.
    fn list(
        &self,
        source: &TreeRoot,
        state_path: &Path,
    ) -> Result<(Vec<TreeEntry>, SnapshotPlan), SnapshotError> {
        let state = if self.options.full_hash {
            SourceState::default()
        } else {
            SourceState::load(state_path)?
        };
        let mut options = self.options.walk.clone();
        options.omitted = self.omitted()?;
        options.numeric_owner = true;
        let is_known = |seen: &Seen<'_>| state.unchanged(&seen.entry()).is_some();
        let entries = walk_knowing(source, &options, &is_known, self.monitor).into_entries();
        if entries.is_empty() {
            return Err(SnapshotError::Unreadable {
                path: source.path().to_owned(),
            });
        }
        let plan = SnapshotPlan::new(&entries, &state);
        Ok((entries, plan))
    }

    fn omitted(&self) -> Result<Option<OmittedNames>, SnapshotError> {
        let path = self.destination.path();
        let failed = || SnapshotError::io("find", path);
        let whole = fs::canonicalize(path).map_err(failed())?;
        let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
            return Ok(None);
        };
        let parent = TreeRoot::open(parent)?;
        let directory = parent.open_directory(&RelPath::root()).map_err(failed())?;
        let status = status_of(&directory).map_err(SnapshotError::io("find", path))?;
        Ok(Some(OmittedNames {
            directory: id_of(&status),
            name: std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec(),
        }))
    }

    /// The first free second from `now` on.
    fn free_id(&self, name: SnapshotName, now: DateTime) -> SnapshotId {
        let mut id = SnapshotId {
            name,
            stamp: Stamp::new(now),
        };
        while fs::symlink_metadata(self.destination.path_of(&id)).is_ok() {
            id.stamp = id.stamp.next();
        }
        id
    }

    /// Makes the snapshot the newest of its row before it has its name: a number without a snapshot harms nothing.
    fn number(&self, id: &SnapshotId, now: &Zoned) -> Result<(), SnapshotError> {
        let mut order = RowOrder::load(self.destination, &id.name)?;
        order.retain(&self.destination.snapshots(Some(&id.name))?);
        order.add(id.stamp, now.timestamp());
        order.prepare(self.destination, &id.name)?.place()
    }

    /// Builds the tree and gives it its name.
    fn build(
        &self,
        material: &Material<'_>,
        id: &SnapshotId,
        state_path: &Path,
        mut index: Index,
    ) -> Result<Built, SnapshotError> {
        let row = self.destination.path().join(id.name.as_str());
        hashget_files::private::create_shared_directory(&row)
            .map_err(SnapshotError::io("make the directory", &row))?;
        let partial_name = partial_name()?;
        let partial = row.join(&partial_name);
        fs::create_dir(&partial).map_err(SnapshotError::io("make the directory", &partial))?;
        let write_error = |source: std::io::Error| SnapshotError::Write {
            id: id.clone(),
            source,
        };
        let relative = format!("{}/{partial_name}", id.name);
        let relative = RelPath::new(relative.as_bytes())
            .map_err(|error| write_error(std::io::Error::other(error)))?;
        let number = index.add_root(relative);
        let built = TreeRoot::open(&partial)
            .map_err(SnapshotError::from)
            .and_then(|tree| {
                let builder = Builder::new(material, tree, number, index);
                builder.build().map_err(write_error)
            })
            .and_then(|built| self.publish(material, id, &partial, state_path, built));
        if built.is_err()
            && let Err(error) = remove_partial(&partial)
        {
            // It is no snapshot, and the next run removes it.
            let text = error_chain(&error);
            self.monitor.message(Level::Warning, &text);
        }
        built
    }

    fn publish(
        &self,
        material: &Material<'_>,
        id: &SnapshotId,
        partial: &Path,
        state_path: &Path,
        mut built: Built,
    ) -> Result<Built, SnapshotError> {
        if self.options.sums {
            sums::write(&self.destination.sums_path(id), material.entries, &built)?;
        }
        separate::save(self.destination, id, material.entries, &built)?;
        // Written before all is forced to disk, so that this is waited for once.
        let notes = self.write_notes(id, material.entries, &mut built, state_path);
        let directory = fs::File::open(partial);
        if self.options.sync {
            directory
                .and_then(|directory| Ok(rustix::fs::syncfs(directory)?))
                .map_err(SnapshotError::io("force to disk", partial))?;
        }
        let path = self.destination.path_of(id);
        rename_new(partial, &path).map_err(SnapshotError::io("give its name to", &path))?;
        if self.options.sync {
            sync_directory(&self.destination.path().join(id.name.as_str()))?;
        }
        // The snapshot is complete without these. If a power failure takes their names away, the old
        // ones are there, and the next run reads what they lack.
        let placed = notes.and_then(|notes| notes.into_iter().try_for_each(Prepared::place));
        if let Err(error) = placed {
            let what = format!(
                "the snapshot is complete, but the next one will take longer: {}",
                error_chain(&error)
            );
            self.monitor.problem(&Problem::text(id.to_string(), what));
        }
        Ok(built)
    }

    /// Writes what makes the next run fast, as it is true once the snapshot has its name.
    fn write_notes(
        &self,
        id: &SnapshotId,
        entries: &[TreeEntry],
        built: &mut Built,
        state_path: &Path,
    ) -> Result<[Prepared; 2], SnapshotError> {
        if let (Some(root), Ok(path)) = (built.index.roots.last_mut(), id.path()) {
            *root = path;
        }
        let state = SourceState::prepare(state_path, &source_files(entries, built))?;
        // Whatever was linked, was so before this file was made.
        built.index.settle(state.made()?);
        let path = self.destination.own("index");
        let index = built.index.prepare(&path, home(self.destination)?)?;
        Ok([index, state])
    }
}

/// What quick mode may rely on the next time.
fn source_files(entries: &[TreeEntry], built: &Built) -> Vec<SourceFile> {
    let files = entries.iter().zip(&built.inodes);
    let settled = files.filter_map(|(entry, inode)| match inode {
        Some((at, true)) => Some(SourceFile {
            path: entry.path.clone(),
            stamp: entry.stamp()?,
            key: built.index.get(*at)?.key,
        }),
        _ => None,
    });
    settled.collect()
}

/// Renames, but never onto anything.
fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            // The name was free a moment ago, and this is the only run.
            fs::rename(from, to)
        }
        done => Ok(done?),
    }
}
