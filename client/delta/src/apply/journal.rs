//! What is about to be done, on disk.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};

use rustix::fs::{Mode, OFlags, fsync, openat, renameat, syncfs};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::steps::{Numbered, Steps};
use crate::entry::IndexEntry;
use crate::error::DeltaError;
use crate::index::IndexedTree;
use crate::stage_directory::StageDirectory;

/// Exists from before the first change until the last.
const NAME: &str = "journal";
const TEMP_NAME: &str = "journal.new";
/// What the journal is called when the new state counts.
const DONE_NAME: &str = "done";
const VERSION: u32 = 1;

/// What is about to be done, as far as it is needed to undo it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    pub(super) removed: Vec<Numbered>,
    pub(super) made: Vec<hashget_words::rel_path::RelPath>,
    pub(super) placed: Vec<Numbered>,
    /// Whose metadata may be disturbed, as it was before, the deepest first.
    pub(super) disturbed: Vec<IndexEntry>,
    /// The directory itself in both states, if the stage in it disturbs it.
    root: Option<(IndexEntry, IndexEntry)>,
}

impl Journal {
    /// The journal of `steps`.
    pub(super) fn of(
        steps: &Steps,
        before: &IndexedTree,
        after: &[IndexEntry],
        stage: &StageDirectory,
    ) -> Self {
        let root = before.index.entries.first().zip(after.first());
        Self {
            version: VERSION,
            removed: steps.removed.clone(),
            made: steps.made.clone(),
            placed: steps.placed.clone(),
            disturbed: steps.disturbed.clone(),
            root: root
                .filter(|_| stage.is_inside())
                .map(|(old, new)| (old.clone(), new.clone())),
        }
    }

    /// Writes it into the stage. With `sync`, all that was staged is on disk before.
    pub(super) fn write(&self, stage: &StageDirectory, sync: bool) -> Result<(), DeltaError> {
        let write = || -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
            let mode = Mode::RUSR | Mode::WUSR;
            let fd = openat(stage.handle(), TEMP_NAME, flags, mode)?;
            let mut out = BufWriter::new(File::from(fd));
            serde_json::to_writer(&mut out, self)?;
            out.flush()?;
            if sync {
                syncfs(stage.handle())?;
            }
            renameat(stage.handle(), TEMP_NAME, stage.handle(), NAME)?;
            if sync {
                fsync(stage.handle())?;
            }
            Ok(())
        };
        write().map_err(failed(stage))
    }

    /// Reads what a run that did not end was about to do.
    pub(super) fn read(stage: &StageDirectory) -> Result<Option<Self>, DeltaError> {
        Self::read_named(stage, NAME)
    }

    fn read_named(stage: &StageDirectory, name: &str) -> Result<Option<Self>, DeltaError> {
        let read = || -> io::Result<Option<Self>> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = match openat(stage.handle(), name, flags, Mode::empty()) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let journal: Self = serde_json::from_reader(BufReader::new(File::from(fd)))?;
            if journal.version != VERSION {
                return Err(io::Error::other(
                    "its version is unknown; use a newer hashget",
                ));
            }
            Ok(Some(journal))
        };
        read().map_err(DeltaError::io("read", stage.path().join(name)))
    }

    /// From here on the new state counts.
    pub(super) fn finish(stage: &StageDirectory, sync: bool) -> Result<(), DeltaError> {
        let finish = || -> io::Result<()> {
            if sync {
                syncfs(stage.handle())?;
            }
            renameat(stage.handle(), NAME, stage.handle(), DONE_NAME)?;
            Ok(())
        };
        finish().map_err(failed(stage))?;
        if sync {
            // The name is there in any case; a power failure could only bring the old state back.
            fsync(stage.handle()).unwrap_or_default();
        }
        Ok(())
    }

    /// From here on the old state counts again.
    pub(super) fn withdraw(stage: &StageDirectory) -> Result<(), DeltaError> {
        let withdraw = || -> io::Result<()> {
            syncfs(stage.handle())?;
            match renameat(stage.handle(), NAME, stage.handle(), "undone") {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        withdraw().map_err(failed(stage))
    }

    /// What the directory itself is to be like when the stage in it is gone.
    pub(super) fn root_after(stage: &StageDirectory) -> Result<Option<IndexEntry>, DeltaError> {
        let root = |journal: Option<Self>| journal.and_then(|journal| journal.root);
        if let Some((_, new)) = root(Self::read_named(stage, DONE_NAME)?) {
            return Ok(Some(new));
        }
        Ok(root(Self::read_named(stage, "undone")?).map(|(old, _)| old))
    }
}

fn failed(stage: &StageDirectory) -> impl FnOnce(io::Error) -> DeltaError + use<> {
    DeltaError::io("write", stage.path().join(NAME))
}
