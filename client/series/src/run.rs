//! Makes the next backup of a section.

mod report;
mod unread;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::rel_path::RelPath;
use jiff::{Timestamp, ToSpan, Zoned};

pub use self::report::{Outcome, RunReport};
use self::unread::Unreadable;
use super::change_list::{
    Change, ChangeList, Dependency, Facts, Kind, Status, compare, state_digest, state_of,
};
use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::lookup::SeriesLookup;
use super::manifest::{Manifest, read_change_list};
use super::name::BackupId;
use super::packing::{OWN_NAMES, pack_options};
use super::patches::{Base, Making, add_to_plan};
use super::prune;
use super::rules::{self, Mode};
use super::settled;
use super::standing;
use hashget_engine::pack::{
    ExtraContent, ExtraFile, Output, PackOptions, PackScan, PackStats, Packing,
};
use hashget_files::hash_cache::HashCache;
use hashget_files::monitor::{Counted, Level, Monitor, Problem};
use hashget_sources::hash_db::PackageLookup;

/// How a run goes about.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Makes a backup even if nothing changed.
    pub force: bool,
    /// Begins a new series.
    pub full: bool,
    /// Where digests are remembered.
    pub hash_cache: Option<HashCache>,
    /// What the user says about the backup.
    pub comment: Option<String>,
    /// The time of the run.
    pub now: Zoned,
    /// An empty source is meant, and counts for the rules like any other.
    pub allow_empty: bool,
    /// Makes the destination anew, even if an earlier run knew it.
    pub new_destination: bool,
    /// The directory that remembers which destinations runs of this machine knew; `None` remembers
    /// none.
    pub state: Option<PathBuf>,
    /// Files that nobody can read.
    #[cfg(test)]
    pub(crate) broken: BTreeSet<RelPath>,
}

/// Makes the next backup of a section, then removes what the rules say.
///
/// `public` tells which public packages may be relied on. The new archive is read back before it
/// gets its name, and nothing is removed before that. What of the tree could not be read is told
/// to `monitor`.
pub fn run<L: PackageLookup>(
    section: &Section,
    options: &RunOptions,
    public: &L,
    monitor: &dyn Monitor,
) -> Result<RunReport, SeriesError> {
    let counted = Counted::new(monitor);
    let monitor: &dyn Monitor = &counted;
    let destination = Destination::of(section);
    standing::check(section, options)?;
    let _lock = destination.lock()?;
    let cleaned_files = destination.clean()?;
    let known = known(&destination, monitor)?;
    settled::check(section, &destination, &known)?;
    if known.is_empty() {
        super::replica::refuse_forgotten(section)?;
    }
    tell_future(section, &known, &options.now, monitor);
    let job = Job {
        section,
        options,
        destination: &destination,
        known: &known,
        monitor,
    };
    let done = job.back_up(public)?;
    let mut removed = Vec::new();
    if done.is_suddenly_empty {
        let text = "is empty, and its backups are not: nothing is removed. Mount it, or say \
                    --allow-empty if that is meant";
        monitor.problem(&Problem::text(section.source.display().to_string(), text));
    } else if let Outcome::Made { backup, .. } = &done.outcome {
        removed = prune::after(section, &destination, *backup, &options.now)?;
    }
    for removal in &removed {
        destination.remove(removal.id)?;
    }
    standing::remember(section, options)?;
    super::replica::replicate(section, &destination, &removed, monitor);
    Ok(RunReport {
        section: section.full_name(),
        outcome: done.outcome,
        removed,
        cleaned_files,
        problems: counted.problems(),
        unreadable_files: done.unreadable_files,
    })
}

/// Tells of a newest backup that was made later than it is: then the clock was wrong, or is.
fn tell_future(
    section: &Section,
    known: &BTreeMap<BackupId, Option<Manifest>>,
    now: &Zoned,
    monitor: &dyn Monitor,
) {
    let newest = known.last_key_value();
    let newest = newest.and_then(|(id, manifest)| Some((id, &manifest.as_ref()?.facts)));
    if let Some((id, facts)) = newest
        && facts.created > now.timestamp().as_second()
        && let Ok(made) = Timestamp::from_second(facts.created)
    {
        let made = made.to_zoned(now.time_zone().clone());
        let text = format!(
            "backup {id} was made at {}, and it is only {}: is the clock right? Its age counts \
             once that time has come",
            made.strftime("%Y-%m-%d %H:%M:%S"),
            now.strftime("%Y-%m-%d %H:%M:%S"),
        );
        monitor.problem(&Problem::text(section.full_name(), text));
    }
}

/// What is known of the backups; damaged ones are told, and not relied on.
fn known(
    destination: &Destination,
    monitor: &dyn Monitor,
) -> Result<BTreeMap<BackupId, Option<Manifest>>, SeriesError> {
    let mut known = BTreeMap::new();
    for (id, manifest) in destination.manifests()? {
        if let Err(error) = &manifest {
            let archive = destination.names().name(id);
            monitor.problem(&Problem::new(archive, error));
        }
        known.insert(id, manifest.ok());
    }
    Ok(known)
}

struct Job<'a> {
    section: &'a Section,
    options: &'a RunOptions,
    destination: &'a Destination,
    known: &'a BTreeMap<BackupId, Option<Manifest>>,
    monitor: &'a dyn Monitor,
}

/// A backup, or why there is none.
enum Attempt {
    Done(Done),
    /// Not made: these are in the list, and not in the archive.
    Lost(Vec<RelPath>),
}

struct Done {
    outcome: Outcome,
    unreadable_files: u64,
    is_suddenly_empty: bool,
}

/// How often an archive is written in which something is missing that was listed.
const TRIES: u32 = 4;

impl Job<'_> {
    fn back_up<L: PackageLookup>(&self, public: &L) -> Result<Done, SeriesError> {
        let options = PackOptions {
            hash_cache: self.options.hash_cache.clone(),
            ..pack_options(self.section, self.destination)?
        };
        for name in OWN_NAMES {
            let path = self.section.source.join(name);
            if path.symlink_metadata().is_ok() {
                let text = format!("{} is not backed up: rename it", path.display());
                self.monitor.message(Level::Warning, &text);
            }
        }
        let mut scan = PackScan::new(&self.section.source, None, &options, self.monitor)?;
        let mut unread = Unreadable::find(&mut scan, self.monitor);
        #[cfg(test)]
        unread.add_broken(&mut scan, &self.options.broken, self.monitor);
        let mut tries = 1;
        loop {
            let is_last = tries == TRIES;
            match self.attempt(&scan, &unread, is_last, public)? {
                Attempt::Done(done) => return Ok(done),
                Attempt::Lost(paths) => unread.add_lost(&mut scan, &paths),
            }
            tries += 1;
        }
    }

    /// Makes a backup, unless nothing changed or something that was listed is missing in it.
    fn attempt<L: PackageLookup>(
        &self,
        scan: &PackScan,
        unread: &Unreadable,
        is_last: bool,
        public: &L,
    ) -> Result<Attempt, SeriesError> {
        let tree = unread.mark(state_of(scan));
        let state = state_digest(&tree);
        let is_empty = tree.len() <= 1;
        let is_suddenly_empty = is_empty && !self.options.allow_empty && self.had_files();
        let done = |outcome| {
            Attempt::Done(Done {
                outcome,
                unreadable_files: unread.count(),
                is_suddenly_empty,
            })
        };
        let newest = self.known.last_key_value();
        if let Some((id, Some(manifest))) = newest
            && manifest.facts.state == state
            && (manifest.facts.empty_allowed || !is_empty || !self.options.allow_empty)
            && !self.options.force
            && !self.options.full
        {
            return Ok(done(Outcome::Unchanged { backup: *id }));
        }
        let (id, bases) = self.choose();
        let before = match bases.last() {
            Some((base, _)) => read_change_list(&self.destination.fetch(*base)?)?.files,
            None => self.last_list(),
        };
        let changes = unread.hide(compare(tree, &before));
        let mut facts = self.facts(id, &bases, state, &changes);
        facts.empty_allowed = is_empty && self.options.allow_empty;
        let bases: Vec<(String, &Manifest)> = bases
            .iter()
            .map(|(base, manifest)| (self.destination.names().name(*base), *manifest))
            .collect();
        let public = (!self.section.self_sufficient).then_some(public);
        let small = small(&changes);
        let lookup =
            SeriesLookup::new(&bases, public, small).map_err(|error| SeriesError::Section {
                section: self.section.full_name(),
                what: error.to_string(),
            })?;
        let mut packing = scan.plan(&lookup)?;
        let mut patches = Vec::new();
        let bases = if self.section.delta {
            self.bases(bases)?
        } else {
            Vec::new()
        };
        let mut making = None;
        if !bases.is_empty() {
            let directory = self.destination.incoming_patches(id);
            let source = &self.section.source;
            let making = making.insert(Making::new(source, directory, &bases, self.monitor)?);
            let least = self.section.delta_min_size;
            patches = making
                .make(&changes, &before, packing.plan(), least)
                .to_vec();
            add_to_plan(packing.plan_mut(), &patches, &bases, &scan.wanted());
        }
        let list = ChangeList::new(facts, patches, changes);
        packing.add_files([ExtraFile {
            path: RelPath::new(ChangeList::NAME.as_bytes()).unwrap_or_default(),
            content: ExtraContent::Bytes(serde_json::to_vec(&list)?),
        }]);
        packing.add_files(making.iter().flat_map(Making::extra_files));
        let (packed, lost) = self.write(id, packing, &list, is_last)?;
        if !lost.is_empty() && !is_last {
            return Ok(Attempt::Lost(lost));
        }
        Ok(done(self.made(id, &packed, &list)))
    }

    /// Whether a backup has files, and the newest was not meant to have none.
    fn had_files(&self) -> bool {
        let newest = self.known.values().next_back().and_then(Option::as_ref);
        let mut facts = self
            .known
            .values()
            .flatten()
            .map(|manifest| &manifest.facts);
        !newest.is_some_and(|newest| newest.facts.empty_allowed)
            && facts.any(|it| it.new_files + it.updated_files + it.unchanged_files > 0)
    }

    /// The archives that the backup relies on, where patches can be made for what they hold.
    fn bases<'m>(&self, bases: Vec<(String, &'m Manifest)>) -> Result<Vec<Base<'m>>, SeriesError> {
        let base = |(name, manifest): (String, &'m Manifest)| {
            Ok(Base {
                path: self.destination.fetch(manifest.facts.id())?,
                name,
                manifest,
            })
        };
        bases.into_iter().map(base).collect()
    }

    /// Which backup is made, and on which it relies, the base first. A base that is damaged
    /// is not relied on: then a new series begins.
    fn choose(&self) -> (BackupId, Vec<(BackupId, &Manifest)>) {
        let existing: BTreeSet<BackupId> = self.known.keys().copied().collect();
        let limits = self.section.limits;
        let last = self.known.values().next_back().and_then(Option::as_ref);
        let same_mode = last.is_none_or(|last| last.facts.mode == limits.mode);
        let id = rules::next(&existing, limits, self.options.full || !same_mode);
        if id.is_normal() {
            return (id, Vec::new());
        }
        let mut bases = Vec::new();
        for (base, manifest) in self.known.range(BackupId::normal(id.series)..id) {
            if limits.mode != Mode::Incremental && !base.is_normal() {
                break;
            }
            let Some(manifest) = manifest else {
                let text = format!("backup {base} is damaged: a new series begins");
                self.monitor.message(Level::Warning, &text);
                return (rules::next(&existing, limits, true), Vec::new());
            };
            bases.push((*base, manifest));
        }
        (id, bases)
    }

    /// What the last backup says was there. A normal backup does not need it to be restored.
    fn last_list(&self) -> Vec<Change> {
        let newest = self.known.last_key_value();
        let list = newest.map(|(id, _)| {
            let archive = self.destination.fetch(*id)?;
            read_change_list(&archive)
        });
        list.and_then(Result::ok)
            .map_or_else(Vec::new, |list| list.files)
    }

    fn facts(
        &self,
        id: BackupId,
        bases: &[(BackupId, &Manifest)],
        state: Digest,
        files: &[Change],
    ) -> Facts {
        let section = self.section;
        let count = |status| {
            let is_counted = |c: &&Change| c.kind == Kind::File && c.status == status;
            files.iter().filter(is_counted).count() as u64
        };
        let depends = bases.iter().map(|(base, manifest)| Dependency {
            name: self.destination.names().name(*base),
            sha256: manifest.sha256,
        });
        let days = section.expire_days.map(i64::from);
        let expires = days.and_then(|days| self.options.now.date().checked_add(days.days()).ok());
        let source = section.source.strip_prefix("/").unwrap_or(&section.source);
        Facts {
            profile: section.profile.clone(),
            section: section.name.clone(),
            series: id.series,
            point: id.point,
            created: self.options.now.timestamp().as_second(),
            comment: self.options.comment.clone(),
            mode: section.limits.mode,
            max_series: section.limits.max_series,
            max_series_length: section.limits.max_series_length,
            expires: expires.map_or(Expiry::Never, Expiry::On),
            source: RelPath::from_path(source).unwrap_or_default(),
            depends: depends.collect(),
            state,
            unchanged_files: count(Status::Unchanged),
            updated_files: count(Status::Updated),
            new_files: count(Status::New),
            deleted_files: count(Status::Deleted),
            unreadable_files: files.iter().filter(|change| change.unreadable).count() as u64,
            empty_allowed: false,
            tree_bytes: files
                .iter()
                .filter(|change| change.status != Status::Deleted && !change.unreadable)
                .filter_map(|change| change.size)
                .fold(0, u64::saturating_add),
        }
    }

    fn write(
        &self,
        id: BackupId,
        packing: Packing<&PackScan>,
        list: &ChangeList,
        is_last: bool,
    ) -> Result<(PackStats, Vec<RelPath>), SeriesError> {
        let incoming = self.destination.incoming(id);
        let output = Output::File(incoming.clone());
        let stats = packing.write(output, None, self.monitor)?;
        let committed = Manifest::with_missing(&incoming, list).and_then(|(manifest, lost)| {
            if lost.is_empty() || is_last {
                for path in &lost {
                    let text = "is not in the backup, though its list has it";
                    self.monitor.problem(&Problem::text(path.to_string(), text));
                }
                self.destination.commit(id, &incoming, &manifest)?;
            }
            Ok(lost)
        });
        match committed {
            Ok(lost) => Ok((stats, lost)),
            Err(error) => {
                // If it stays, the next run removes it.
                fs::remove_file(&incoming).unwrap_or_default();
                Err(error)
            }
        }
    }

    fn made(&self, id: BackupId, stats: &PackStats, list: &ChangeList) -> Outcome {
        let facts = &list.backup;
        let patches = list.patches.iter();
        Outcome::Made {
            patched_files: list.patches.len() as u64,
            patch_bytes: patches.fold(0, |sum, patch| sum.saturating_add(patch.patch_bytes)),
            backup: id,
            archive: self.destination.names().name(id),
            normal: id.is_normal(),
            archive_bytes: stats.archive_bytes,
            tree_bytes: facts.tree_bytes,
            left_out_bytes: stats.deduplicated_bytes,
            new_files: facts.new_files,
            updated_files: facts.updated_files,
            deleted_files: facts.deleted_files,
            unchanged_files: facts.unchanged_files,
        }
    }
}

/// Contents that are too small to look for in public packages.
fn small(files: &[Change]) -> HashSet<Digest> {
    files
        .iter()
        .filter(|change| change.size.is_some_and(|size| size <= PackOptions::FILESZ))
        .filter_map(|change| change.sha256)
        .collect()
}
