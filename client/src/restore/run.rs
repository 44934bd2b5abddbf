//! Carries a restore out.

use std::path::Path;
use std::time::Instant;

use hashget_common::rel_path::RelPath;
use hashget_common::restore_file::{RestoreEntry, RestoreFile};
use jiff::Zoned;
use jiff::civil::Date;

use super::ahead::ReadyPackages;
use super::carry::Carrier;
use super::error::RestoreError;
use super::fetch::Fetcher;
use super::knowledge;
use super::list;
use super::members::{Expanded, expand};
use super::options::{Overwrite, RestoreOptions};
use super::plan::RestorePlan;
use super::report;
use super::sources::RestoreSources;
use super::stats::{MissingFile, RestoreStats};
use super::survey::{Survey, survey, survey_nothing};
use super::untrusted::{Screen, owner_of};
use crate::monitor::{Level, Monitor, Problem};
use crate::place::{Existing, OwnerNames, Placer, Target, Wanted};

/// Says what [`restore`] would do in the folder `root`, or [`extract`](super::extract) with the
/// archive `root`. Changes nothing.
pub fn plan(
    root: &Path,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<RestorePlan, RestoreError> {
    let list = list::load(root, options.restore_file.as_deref())?;
    let Expanded { list, lost, .. } = expand(list, sources, monitor);
    for (lost, _) in &lost {
        let problem = Problem::text(lost.file.to_string(), lost.why.clone());
        monitor.problem(&problem);
    }
    let is_folder = std::fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
    let found = if is_folder {
        let target = Target::open(root).map_err(RestoreError::open(root))?;
        survey(&list, &target, options, monitor)
    } else {
        survey_nothing(&list, options)
    };
    let knowledge = knowledge::gather(&list, &found, sources, true, monitor);
    Ok(RestorePlan::new(&list, &found, &knowledge, today()))
}

/// Restores the files that the restore file in the folder `root` lists.
///
/// What could not be restored is in the result; an error means that nothing could be done, or that
/// the disk stopped it. Then, too, everything that has its name is whole.
pub fn restore(
    root: &Path,
    options: &RestoreOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<RestoreStats, RestoreError> {
    let target = Target::open(root).map_err(RestoreError::open(root))?;
    lock(&target)?;
    let list = match &options.restore_file {
        Some(given) => list::load(root, Some(given))?,
        None => list::load_in(&target)?,
    };
    let expanded = expand(list, sources, monitor);
    expanded.list.check().map_err(|source| {
        let path = root.join(RestoreFile::NAME);
        RestoreError::RestoreFile { path, source }
    })?;
    let placer = Placer::new(&target, options.overwrite, options.fsync, monitor)
        .map_err(RestoreError::open(root))?;
    let owners = OwnerNames::read(options.owners);
    let file = match &options.restore_file {
        Some(given) => given.clone(),
        None => root.join(RestoreFile::NAME),
    };
    let screen = Screen::new(options.trust, &file, owner_of(&file), monitor);
    let job = Job {
        list: &expanded.list,
        folders: &expanded.folders,
        lost: &expanded.lost,
        ready: &expanded.ready,
        placer: &placer,
        owners: &owners,
        screen: &screen,
        options,
        sources,
        monitor,
    };
    let (stats, removable, failure) = job.run();
    job.finish(stats, removable, failure)
}

/// Takes the target for this restore alone.
pub(super) fn lock(target: &Target) -> Result<(), RestoreError> {
    match target.lock() {
        Ok(true) => Ok(()),
        Ok(false) => Err(RestoreError::Busy {
            path: target.path().to_owned(),
        }),
        Err(source) => Err(RestoreError::open(target.path())(source)),
    }
}

fn today() -> Date {
    Zoned::now().date()
}

/// All that a restore works with.
pub(super) struct Job<'a> {
    pub(super) list: &'a RestoreFile,
    /// Folders that are members of packages.
    pub(super) folders: &'a [RestoreEntry],
    /// Members of packages that could not be listed, and how many files each is.
    pub(super) lost: &'a [(MissingFile, u64)],
    /// Packages that need not be had any more.
    pub(super) ready: &'a ReadyPackages,
    pub(super) placer: &'a Placer<'a>,
    pub(super) owners: &'a OwnerNames,
    pub(super) screen: &'a Screen<'a>,
    pub(super) options: &'a RestoreOptions,
    pub(super) sources: &'a dyn RestoreSources,
    pub(super) monitor: &'a dyn Monitor,
}

impl Job<'_> {
    /// Does everything but putting the folders right. Gives also whether the restore file has
    /// become unneeded, and why the work had to stop, if it had.
    pub(super) fn run(&self) -> (RestoreStats, bool, Option<std::io::Error>) {
        let started = Instant::now();
        self.warn_if_expired();
        let litter = self.prepare_folders();
        self.make_folders();
        let target = self.placer.target;
        let found = survey(self.list, target, self.options, self.monitor);
        let carrier = Carrier::new(
            self.list,
            &found.wanted,
            self.placer,
            self.owners,
            self.screen,
            self.monitor,
        );
        self.settle_in_place(&carrier, &found);
        let mut plan = None;
        if !carrier.wanted.is_empty() && !carrier.is_broken() {
            plan = Some(self.fetch(&carrier, &found));
        }
        if !carrier.is_broken() {
            report::make_links(&carrier, &found);
        }
        let failure = carrier.fatal();
        let mut stats = report::add_up(&carrier, &found, plan.as_ref());
        report::add_lost(&mut stats, self.lost);
        stats.removed_litter_files = litter;
        stats.created_folders = self.placer.folders.created();
        stats.seconds = started.elapsed().as_secs_f64();
        let complete = stats.is_complete() && stats.unselected_files == 0 && failure.is_none();
        let own = self.options.restore_file.is_none() && !self.options.keep_restore_file;
        (stats, complete && own, failure)
    }

    /// Puts the folders right and ends.
    fn finish(
        &self,
        mut stats: RestoreStats,
        removable: bool,
        failure: Option<std::io::Error>,
    ) -> Result<RestoreStats, RestoreError> {
        stats.restore_file_removed = self.placer.finish_and_remove(removable);
        (stats.unset_owner_files, stats.unset_metadata_files) = self.placer.unset();
        stats.refused_parts = self.screen.refused();
        match failure {
            Some(source) => Err(RestoreError::write(self.placer.target.path())(source)),
            None => Ok(stats),
        }
    }

    fn warn_if_expired(&self) {
        let expires = self.list.expires;
        if expires.is_expired_at(today()) {
            let text = format!(
                "this archive expired on {expires}: packages may be gone from their places"
            );
            self.monitor.message(Level::Warning, &text);
        }
    }

    /// Says what folders are to be like, and removes what killed runs left in them.
    fn prepare_folders(&self) -> u64 {
        let folders = &self.placer.folders;
        let listed = self.list.folders.iter();
        for folder in listed.filter(|folder| self.screen.passes_times(&folder.folder)) {
            folders.want_times(folder.folder.clone(), &Wanted::of_folder(folder));
        }
        let parents: std::collections::BTreeSet<RelPath> = self
            .list
            .files
            .iter()
            .filter_map(|entry| entry.file.parent())
            .collect();
        // What cannot be cleaned does not stop a restore; what cannot be placed there is told.
        parents
            .iter()
            .filter_map(|folder| folders.clean(folder).ok())
            .sum()
    }

    /// Makes the folders that are members of packages.
    fn make_folders(&self) {
        for entry in self.folders {
            if !self.options.selection.contains(&entry.file) {
                continue;
            }
            let existing = self.placer.existing(&entry.file);
            let existed = matches!(existing, Ok(Existing::Folder));
            if existed && self.options.overwrite == Overwrite::Never {
                continue;
            }
            let folders = &self.placer.folders;
            let wanted = Wanted::of_entry(entry, true, self.owners);
            folders.want(entry.file.clone(), self.screen.pass(&entry.file, wanted));
            let made = if existed {
                folders.clean(&entry.file).map(drop)
            } else {
                folders.prepare(&entry.file).map(drop)
            };
            if let Err(error) = made {
                folders.forget(&entry.file);
                let problem = Problem::new(entry.file.to_string(), &error);
                self.monitor.problem(&problem);
            }
        }
    }

    /// Sets the metadata of what is in place, and copies from it what is wanted elsewhere, too.
    fn settle_in_place(&self, carrier: &Carrier<'_>, found: &Survey) {
        for number in &found.in_place {
            let entry = &self.list.files[*number];
            if carrier.wanted.contains(&entry.sha256)
                && let Ok(mut file) = self.placer.target.file(&entry.file)
            {
                let size = file.metadata().ok().map(|metadata| metadata.len());
                // Whether to go on is asked before the next one.
                let _stop = carrier.offer(&mut file, size);
            }
            if self.options.overwrite == Overwrite::Never {
                continue;
            }
            if let Err(error) = carrier.settle_in_place(*number) {
                let problem = Problem::new(entry.file.to_string(), &error);
                self.monitor.problem(&problem);
            }
        }
    }

    fn fetch(&self, carrier: &Carrier<'_>, found: &Survey) -> RestorePlan {
        let still = report::still_wanted(carrier, found);
        let knowledge = knowledge::gather(self.list, &still, self.sources, false, self.monitor);
        let plan = RestorePlan::new(self.list, &still, &knowledge, today());
        let fetcher = Fetcher {
            carrier,
            ready: self.ready,
            sources: self.sources,
            recursive: self.options.recursive,
            jobs: self.options.jobs,
            partial: !still.in_place.is_empty() || still.unselected_files > 0,
        };
        fetcher.run(&plan);
        plan
    }
}
