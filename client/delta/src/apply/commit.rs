//! Changes the directory, by nothing but renames, new directories and metadata.

use std::os::fd::{AsFd, OwnedFd};

use hashget_words::rel_path::RelPath;
use rustix::fs::{Mode, mkdirat, renameat};

use super::Job;
use super::metadata::{open_up, set_metadata};
use super::steps::Numbered;
use crate::error::DeltaError;
use crate::stage_directory::{NEW, OLD, StageDirectory, place_of, rename_new};
use hashget_files::tree::{stamp_of, status_at};

/// Carries out the steps.
pub(super) struct Committer<'a> {
    job: &'a Job<'a>,
    stage: &'a StageDirectory,
}

impl<'a> Committer<'a> {
    pub(super) fn new(job: &'a Job<'a>, stage: &'a StageDirectory) -> Self {
        Self { job, stage }
    }

    /// Carries out the steps; after an error they are to be undone.
    pub(super) fn commit(&self) -> Result<(), DeltaError> {
        let steps = self.job.steps;
        for entry in steps.disturbed.iter().rev() {
            open_up(self.job.target, entry)?;
        }
        let old = self.part(OLD)?;
        for step in &steps.removed {
            self.remove(step, &old)?;
        }
        for path in &steps.made {
            (self.job.hook)();
            let (directory, name) = place_of(self.job.target, path)?;
            mkdirat(&directory, name, Mode::RWXU)
                .map_err(DeltaError::act("make directory", path))?;
        }
        let new = self.part(NEW)?;
        for step in &steps.placed {
            self.place(step, &new)?;
        }
        for entry in &steps.set {
            (self.job.hook)();
            set_metadata(self.job.target, entry)?;
        }
        Ok(())
    }

    fn part(&self, name: &str) -> Result<OwnedFd, DeltaError> {
        self.stage
            .part(name)
            .map_err(DeltaError::io("read", self.stage.path().join(name)))
    }

    fn remove(&self, step: &Numbered, old: &OwnedFd) -> Result<(), DeltaError> {
        (self.job.hook)();
        let failed = || DeltaError::act("move away", &step.path);
        let (directory, name) = place_of(self.job.target, &step.path)?;
        self.check_unchanged(&step.path, &directory)?;
        renameat(&directory, name, old, step.number.to_string()).map_err(failed())
    }

    /// Whether it is still what was checked; a directory's times may have been disturbed.
    fn check_unchanged(&self, path: &RelPath, directory: &OwnedFd) -> Result<(), DeltaError> {
        let tree = &self.job.before.tree;
        let Ok(place) = tree.binary_search_by(|entry| entry.path.cmp(path)) else {
            return Err(DeltaError::Changed(path.clone()));
        };
        let Some(was) = tree[place].stamp() else {
            return Ok(());
        };
        let name = path.file_name().unwrap_or_default();
        let status =
            status_at(directory.as_fd(), name).map_err(DeltaError::act("look at", path))?;
        let is = stamp_of(&status);
        if (is.id, is.size, is.mtime) == (was.id, was.size, was.mtime) {
            Ok(())
        } else {
            Err(DeltaError::Changed(path.clone()))
        }
    }

    fn place(&self, step: &Numbered, new: &OwnedFd) -> Result<(), DeltaError> {
        (self.job.hook)();
        let (directory, name) = place_of(self.job.target, &step.path)?;
        let number = step.number.to_string();
        rename_new(new, number.as_ref(), &directory, name)
            .map_err(DeltaError::act("give its place to", &step.path))
    }
}
