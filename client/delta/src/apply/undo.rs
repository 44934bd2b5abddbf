//! Brings the old state back.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;

use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, statat, unlinkat};
use rustix::io::Errno;

use super::Hook;
use super::journal::Journal;
use super::metadata::{open_up, open_up_path, set_metadata};
use crate::error::DeltaError;
use crate::stage_directory::{NEW, OLD, StageDirectory, place_of, rename_new};
use hashget_files::place::Target;

/// Undoes what was done of `journal`, the last step first.
///
/// Whether a step was done shows in the stage: what is not in `new` any more was placed, what is in
/// `old` was moved away. So this may be repeated as often as it is killed.
pub(super) fn undo(
    target: &Target,
    stage: &StageDirectory,
    journal: &Journal,
    hook: Hook<'_>,
) -> Result<(), DeltaError> {
    let undo = Undo {
        target,
        stage,
        journal,
        hook,
    };
    undo.run().map_err(|source| DeltaError::NotUndone {
        path: target.path().to_owned(),
        stage: stage.path().to_owned(),
        source: Box::new(source),
    })
}

struct Undo<'a> {
    target: &'a Target,
    stage: &'a StageDirectory,
    journal: &'a Journal,
    hook: Hook<'a>,
}

impl Undo<'_> {
    fn run(&self) -> Result<(), DeltaError> {
        for entry in self.journal.disturbed.iter().rev() {
            open_up(self.target, entry)?;
        }
        for path in &self.journal.made {
            open_up_path(self.target, path)?;
        }
        let (new, old) = (self.part(NEW)?, self.part(OLD)?);
        for step in self.journal.placed.iter().rev() {
            let number = step.number.to_string();
            if !exists(&new, number.as_ref())? {
                self.take_back(&step.path, &new, number.as_ref())?;
            }
        }
        for path in self.journal.made.iter().rev() {
            self.unmake(path)?;
        }
        for step in self.journal.removed.iter().rev() {
            let number = step.number.to_string();
            if exists(&old, number.as_ref())? {
                (self.hook)();
                let (directory, name) = place_of(self.target, &step.path)?;
                rename_new(&old, number.as_ref(), &directory, name)
                    .map_err(DeltaError::act("bring back", &step.path))?;
            }
        }
        for entry in &self.journal.disturbed {
            (self.hook)();
            set_metadata(self.target, entry)?;
        }
        (self.hook)();
        Journal::withdraw(self.stage)
    }

    fn part(&self, name: &str) -> Result<OwnedFd, DeltaError> {
        self.stage
            .part(name)
            .map_err(DeltaError::io("read", self.stage.path().join(name)))
    }

    /// Moves something that was placed back into the stage.
    fn take_back(&self, path: &RelPath, new: &OwnedFd, number: &OsStr) -> Result<(), DeltaError> {
        (self.hook)();
        let (directory, name) = place_of(self.target, path)?;
        rename_new(&directory, name, new, number).map_err(DeltaError::act("take back", path))
    }

    /// Removes a directory that was made. Before that, something else or nothing was there.
    fn unmake(&self, path: &RelPath) -> Result<(), DeltaError> {
        (self.hook)();
        let parent = path.parent().unwrap_or_else(RelPath::root);
        // Its own directory may be gone already, or be what it was before.
        match self.target.stat(&parent) {
            Ok(Some(_)) => {}
            _ => return Ok(()),
        }
        let Ok((directory, name)) = place_of(self.target, path) else {
            return Ok(());
        };
        match unlinkat(&directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(DeltaError::act("remove directory", path)(error)),
        }
    }
}

fn exists(directory: &OwnedFd, name: &OsStr) -> Result<bool, DeltaError> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(DeltaError::act("look into the stage of", &RelPath::root())(
            error,
        )),
    }
}
