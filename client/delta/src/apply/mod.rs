//! Brings a directory from the old state of a delta to the new one, or leaves it alone.
//!
//! 1. *Check.* The directory is indexed and compared with the old state; what differs is listed and
//!    nothing is done.
//! 2. *Stage.* Everything new is made in a stage, a directory beside the directory (on the same file system, so
//!    that things can be renamed into their places), and checked by its SHA-256 while it is written.
//! 3. *Journal.* A list of all that will be done and of what is needed to undo it is synced to the
//!    stage.
//! 4. *Commit.* What goes is renamed into the stage, what comes out of it; nothing is overwritten or
//!    removed. Metadata is set last.
//! 5. *Verify.* The directory is looked at again; what was placed is read again.
//! 6. *Done.* The journal is renamed, and from then on the new state counts. The stage is removed.
//!
//! A failure in 4 or 5 undoes what was done, from the journal. After a kill, the next run (or
//! [`recover`]) does that: a stage without a journal is removed, one with a journal is undone.
//! Every step can be undone whether it was done or not, so undoing may itself be killed.

mod check;
mod commit;
mod journal;
mod metadata;
mod stage;
mod steps;
mod undo;
mod verify;

use std::path::Path;

use hashget_archive::{ArchiveOptions, Entry, Input, ReadError, read_archive};
use hashget_words::rel_path::RelPath;

use self::check::check;
use self::commit::Committer;
use self::journal::Journal;
use self::metadata::set_metadata;
use self::stage::Stager;
use self::steps::Steps;
use self::undo::undo;
use super::consistent;
use super::diff::DiffIndex;
use super::entry::IndexEntry;
use super::error::{DeltaError, Differences};
use super::index::{IndexOptions, IndexedTree, index_tree, state_of};
use super::manifest::read_manifest;
use super::stage_directory::{NEW, OLD, StageDirectory};
use hashget_files::monitor::{Monitor, Problem};
use hashget_files::place::Target;

/// How a delta is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Whether everything is forced to disk before the new state counts, so that it outlives a
    /// power failure and not only a kill.
    pub sync: bool,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { sync: true }
    }
}

/// What came of applying a delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ApplyStats {
    /// Whether the directory was in the new state already.
    pub already_there: bool,
    /// Whether an earlier run was undone, or cleared away, first.
    pub recovered: bool,
    /// Files, links, directories and nodes that were placed.
    pub placed_files: u64,
    /// Those that were removed or replaced; of a directory that went with all that was in it, only it.
    pub removed_files: u64,
    /// The size of the files that were written.
    pub written_bytes: u64,
}

/// Called before every change on disk; tests kill the process in it.
pub(crate) type Hook<'a> = &'a dyn Fn();

/// Applies the delta at `delta` to the directory at `path`: all of it, or nothing.
pub fn apply_diff(
    path: &Path,
    delta: &Path,
    options: &ApplyOptions,
    monitor: &dyn Monitor,
) -> Result<ApplyStats, DeltaError> {
    apply_with(path, delta, *options, monitor, &|| ())
}

/// Undoes an apply that was killed, or clears away what it left; whether there was anything to do.
pub fn recover(path: &Path, monitor: &dyn Monitor) -> Result<bool, DeltaError> {
    let target = lock(path)?;
    recover_with(path, &target, monitor, &|| ())
}

pub(crate) fn recover_with(
    path: &Path,
    target: &Target,
    monitor: &dyn Monitor,
    hook: Hook<'_>,
) -> Result<bool, DeltaError> {
    let Some(stage) = StageDirectory::find(path)? else {
        return Ok(false);
    };
    if let Some(journal) = Journal::read(&stage)? {
        undo(target, &stage, &journal, hook)?;
    }
    clear_away(&stage, target, monitor, hook);
    Ok(true)
}

fn lock(path: &Path) -> Result<Target, DeltaError> {
    let root = RelPath::root();
    let target = Target::open(path).map_err(|source| hashget_files::tree::TreeError {
        path: path.to_owned(),
        source,
    })?;
    if target.lock().map_err(DeltaError::act("lock", &root))? {
        Ok(target)
    } else {
        Err(DeltaError::Locked(path.to_owned()))
    }
}

pub(crate) fn apply_with(
    path: &Path,
    delta: &Path,
    options: ApplyOptions,
    monitor: &dyn Monitor,
    hook: Hook<'_>,
) -> Result<ApplyStats, DeltaError> {
    let target = lock(path)?;
    let mut stats = ApplyStats {
        recovered: recover_with(path, &target, monitor, hook)?,
        ..ApplyStats::default()
    };
    let diff = DiffIndex::from_archive(delta)?;
    let index_options = IndexOptions {
        rules: diff.rules.clone(),
        ..IndexOptions::default()
    };
    let before = index_tree(path, &index_options, monitor)?;
    let current = before
        .index
        .state()
        .map_err(|error| damaged(delta, &error))?;
    if current == diff.new_state {
        stats.already_there = true;
        return Ok(stats);
    }
    let after = diff.new_entries(&before.index.entries);
    check(path, &before, &diff).map_err(|differences| not_the_state(path, differences))?;
    consistent::check(&after).map_err(|reason| damaged(delta, &reason))?;
    // What it does is then compared with these entries, one by one.
    if state_of(&after).map_err(|error| damaged(delta, &error))? != diff.new_state {
        return Err(damaged(
            delta,
            &"its entries are not the new state that it names",
        ));
    }
    let steps = Steps::plan(&before.index.entries, &after, &diff);
    check::check_room(&target, &before, &steps)
        .map_err(|differences| not_the_state(path, differences))?;
    let job = Job {
        path,
        target: &target,
        before: &before,
        after: &after,
        diff: &diff,
        steps: &steps,
        options,
        monitor,
        hook,
    };
    job.run(delta, &mut stats)?;
    Ok(stats)
}

/// All that is known when the work begins.
struct Job<'a> {
    path: &'a Path,
    target: &'a Target,
    before: &'a IndexedTree,
    after: &'a [IndexEntry],
    diff: &'a DiffIndex,
    steps: &'a Steps,
    options: ApplyOptions,
    monitor: &'a dyn Monitor,
    hook: Hook<'a>,
}

impl Job<'_> {
    fn run(&self, delta: &Path, stats: &mut ApplyStats) -> Result<(), DeltaError> {
        (self.hook)();
        let stage = StageDirectory::create(self.path)?;
        let outcome = self.run_in(&stage, delta, stats);
        // Where undoing failed, the stage holds what is missing.
        if !matches!(outcome, Err(DeltaError::NotUndone { .. })) {
            clear_away(&stage, self.target, self.monitor, self.hook);
        }
        outcome
    }

    fn run_in(
        &self,
        stage: &StageDirectory,
        delta: &Path,
        stats: &mut ApplyStats,
    ) -> Result<(), DeltaError> {
        stats.written_bytes = self.fill(stage, delta)?;
        let journal = Journal::of(self.steps, self.before, self.after, stage);
        (self.hook)();
        journal.write(stage, self.options.sync)?;
        let done = Committer::new(self, stage).commit().and_then(|()| {
            verify::verify(self, stage)?;
            (self.hook)();
            Journal::finish(stage, self.options.sync)
        });
        if let Err(error) = done {
            undo(self.target, stage, &journal, self.hook)?;
            return Err(error);
        }
        stats.placed_files = (self.steps.placed.len() + self.steps.made.len()) as u64;
        stats.removed_files = self.steps.removed.len() as u64;
        Ok(())
    }

    /// Makes everything new in the stage; gives how many bytes that were.
    fn fill(&self, stage: &StageDirectory, delta: &Path) -> Result<u64, DeltaError> {
        let mut stager = Stager::new(self, stage)?;
        let file = std::fs::File::open(delta).map_err(DeltaError::io("read", delta))?;
        let mut is_first = true;
        let read = read_archive(
            Input::File(file),
            &ArchiveOptions::own(),
            &mut |entry: &Entry, content: &mut dyn std::io::Read| {
                if std::mem::take(&mut is_first) {
                    let again = read_manifest(entry, content, delta)?;
                    if again != *self.diff {
                        return Err(damaged(delta, &"it changed while it was read"));
                    }
                    return Ok(());
                }
                stager.member(entry, content)
            },
        );
        match read {
            Ok(_) => stager.finish(delta),
            Err(ReadError::Archive(error)) => Err(error.into()),
            Err(ReadError::Visit(error)) => Err(error),
        }
    }
}

/// Removes the stage. What cannot be removed costs room only, and is removed by the next run.
fn clear_away(stage: &StageDirectory, target: &Target, monitor: &dyn Monitor, hook: Hook<'_>) {
    if let Err(error) = remove_stage(stage, target, hook) {
        let subject = stage.path().display().to_string();
        monitor.problem(&Problem::new(subject, &error));
    }
}

fn remove_stage(stage: &StageDirectory, target: &Target, hook: Hook<'_>) -> Result<(), DeltaError> {
    let root = if stage.is_inside() {
        Journal::root_after(stage)?
    } else {
        None
    };
    // The journal goes last: without it nothing would tell which state counts.
    for part in [NEW, OLD] {
        hook();
        stage.remove_part(part)?;
    }
    hook();
    stage.remove()?;
    if let Some(root) = root {
        hook();
        set_metadata(target, &root)?;
    }
    Ok(())
}

fn not_the_state(path: &Path, differences: Differences) -> DeltaError {
    DeltaError::NotTheState {
        path: path.to_owned(),
        differences,
    }
}

fn damaged(delta: &Path, reason: &dyn std::fmt::Display) -> DeltaError {
    DeltaError::Format {
        path: delta.to_owned(),
        what: "delta",
        reason: reason.to_string(),
    }
}
