//! Carries restore plans out.

use std::io;
use std::time::Instant;

use hashget_words::rel_path::RelPath;

use super::error::RestoreError;
use super::fetch::Fetcher;
use super::file_restorer::FileRestorer;
use super::members::Expanded;
use super::options::{Overwrite, RestoreOptions};
use super::plan::RestorePlan;
use super::planning::Planning;
use super::report;
use super::sources::RestoreSources;
use super::stats::RestoreStats;
use super::untrusted::Screen;
use hashget_files::monitor::{ByHost, Level, Monitor, Problem};
use hashget_files::place::{Existing, OwnerNames, Placer, Target, Wanted};

/// All that a restore into one target works with, from its first file to its end.
pub(super) struct Session<'a> {
    pub(super) placer: Placer<'a>,
    pub(super) owners: OwnerNames,
    pub(super) screen: Screen<'a>,
    pub(super) options: &'a RestoreOptions,
    pub(super) sources: &'a dyn RestoreSources,
    pub(super) monitor: &'a dyn Monitor,
}

/// What came of carrying a plan out.
pub(super) struct Restored {
    pub(super) stats: RestoreStats,
    /// Why the work had to stop, if it had.
    pub(super) failure: Option<io::Error>,
    is_own_restore_file: bool,
    /// What of the archive is not of the tree.
    pub(super) own_members: Vec<RelPath>,
}

/// What came of the end.
pub(super) struct Ending {
    pub(super) restore_file_removed: bool,
    pub(super) unset_owner_files: u64,
    pub(super) unset_metadata_files: u64,
    pub(super) refused_parts: u64,
}

impl Restored {
    /// True if the restore file in the target is of no more use.
    pub(super) fn needs_no_more(&self) -> bool {
        self.is_own_restore_file
            && self.stats.is_complete()
            && self.stats.unselected_files == 0
            && self.failure.is_none()
    }
}

impl<'a> Session<'a> {
    pub(super) fn begin(
        target: &'a Target,
        screen: Screen<'a>,
        options: &'a RestoreOptions,
        sources: &'a dyn RestoreSources,
        monitor: &'a dyn Monitor,
    ) -> Result<Self, RestoreError> {
        let placer = Placer::new(target, options.overwrite, options.fsync, monitor)
            .map_err(RestoreError::open(target.path()))?;
        Ok(Self {
            placer,
            owners: OwnerNames::read(options.owners),
            screen,
            options,
            sources,
            monitor,
        })
    }

    /// Plans the restore of the listed files, and carries the plan out.
    pub(super) fn restore(&self, expanded: &Expanded) -> Restored {
        let started = Instant::now();
        let planning = Planning {
            options: self.options,
            sources: self.sources,
            network: false,
            monitor: self.monitor,
        };
        let plan = planning.plan(&expanded.list, Some(self.placer.target));
        let execution = Execution {
            session: self,
            expanded,
            plan,
        };
        let (mut stats, failure) = execution.run();
        stats.seconds = started.elapsed().as_secs_f64();
        Restored {
            stats,
            failure,
            is_own_restore_file: self.options.restore_file.is_none()
                && !self.options.keep_restore_file,
            own_members: expanded.list.own_members.clone(),
        }
    }

    /// Puts the directories right. If what was restored needs no more, the restore file and what it
    /// says is not of the tree go, too.
    pub(super) fn end(&self, done: Option<&Restored>) -> Ending {
        let own_members = done.map(|done| &done.own_members[..]);
        let restore_file_removed = self.placer.finish_and_remove(own_members);
        let (unset_owner_files, unset_metadata_files) = self.placer.unset();
        Ending {
            restore_file_removed,
            unset_owner_files,
            unset_metadata_files,
            refused_parts: self.screen.refused(),
        }
    }
}

/// A plan that is being carried out.
struct Execution<'a> {
    session: &'a Session<'a>,
    expanded: &'a Expanded,
    plan: RestorePlan,
}

impl Execution<'_> {
    /// Does everything but putting the directories right.
    fn run(&self) -> (RestoreStats, Option<io::Error>) {
        self.warn_if_expired();
        let litter = self.prepare_directories();
        self.make_directories();
        let session = self.session;
        let restorer = FileRestorer::new(
            &self.expanded.list,
            &self.plan.found.wanted,
            &session.placer,
            &session.owners,
            &session.screen,
            session.monitor,
        );
        self.update_in_place(&restorer);
        if !restorer.wanted.is_empty() && !restorer.is_broken() {
            self.fetch(&restorer);
        }
        if !restorer.is_broken() {
            report::make_links(&restorer, &self.plan.found);
        }
        let failure = restorer.fatal();
        let mut stats = report::add_up(&restorer, &self.plan);
        report::add_unreadable(&mut stats, &self.expanded.unreadable);
        stats.removed_litter_files = litter;
        stats.created_directories = session.placer.directories.created();
        (stats, failure)
    }

    fn warn_if_expired(&self) {
        if self.plan.expired {
            let expires = self.plan.expires;
            let text = format!(
                "this archive expired on {expires}: packages may be gone from their places"
            );
            self.session.monitor.message(Level::Warning, &text);
        }
    }

    /// Says what directories are to be like, and removes what killed runs left in them.
    fn prepare_directories(&self) -> u64 {
        let directories = &self.session.placer.directories;
        let listed = self.expanded.list.directories.iter();
        for directory in
            listed.filter(|directory| self.session.screen.passes_times(&directory.directory))
        {
            directories.want_times(
                directory.directory.clone(),
                &Wanted::of_directory(directory),
            );
        }
        let parents: std::collections::BTreeSet<RelPath> = self
            .expanded
            .list
            .files
            .iter()
            .filter_map(|entry| entry.file.parent())
            .collect();
        // What cannot be cleaned does not stop a restore; what cannot be placed there is told.
        parents
            .iter()
            .filter_map(|directory| directories.clean(directory).ok())
            .sum()
    }

    /// Makes the directories that are members of packages.
    fn make_directories(&self) {
        for entry in &self.expanded.directories {
            if !self
                .session
                .options
                .selection
                .contains_kind(&entry.file, true)
            {
                continue;
            }
            let existing = self.session.placer.existing(&entry.file);
            let existed = matches!(existing, Ok(Existing::Directory));
            if existed && self.session.options.overwrite == Overwrite::Never {
                continue;
            }
            let directories = &self.session.placer.directories;
            let wanted = Wanted::of_entry(entry, true, &self.session.owners);
            directories.want(
                entry.file.clone(),
                self.session.screen.pass(&entry.file, wanted),
            );
            let made = if existed {
                directories.clean(&entry.file).map(drop)
            } else {
                directories.prepare(&entry.file).map(drop)
            };
            if let Err(error) = made {
                directories.forget(&entry.file);
                let problem = Problem::new(entry.file.to_string(), &error);
                self.session.monitor.problem(&problem);
            }
        }
    }

    /// Sets the metadata of files in place, and copies those whose content is wanted elsewhere.
    fn update_in_place(&self, restorer: &FileRestorer<'_>) {
        for number in &self.plan.found.in_place {
            let entry = &self.expanded.list.files[*number];
            if restorer.wanted.contains(&entry.sha256)
                && let Ok(mut file) = self.session.placer.target.file(&entry.file)
            {
                let size = file.metadata().ok().map(|metadata| metadata.len());
                // Whether to go on is asked before the next one.
                let _stop = restorer.offer(&mut file, size);
            }
            if self.session.options.overwrite == Overwrite::Never {
                continue;
            }
            if let Err(error) = restorer.update_in_place(*number) {
                let problem = Problem::new(entry.file.to_string(), &error);
                self.session.monitor.problem(&problem);
            }
        }
    }

    fn fetch(&self, restorer: &FileRestorer<'_>) {
        let fetcher = Fetcher {
            restorer,
            ready: &self.expanded.ready,
            sources: self.session.sources,
            recursive: self.session.options.recursive,
            jobs: self.session.options.jobs,
            troubles: ByHost::default(),
            partial: self.plan.found.is_partial(),
        };
        fetcher.run(&self.plan);
    }
}
