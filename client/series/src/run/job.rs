//! Makes one backup: scans, plans, writes, and looks whether all that is listed is in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::rel_path::{RelPath, display_bytes};
use jiff::ToSpan;

use super::super::change_list::{
    Change, ChangeList, Dependency, Facts, Kind, Status, compare, state_digest, state_of,
};
use super::super::config::Section;
use super::super::destination::Destination;
use super::super::error::SeriesError;
use super::super::lookup::SeriesLookup;
use super::super::manifest::{Manifest, read_change_list};
use super::super::name::BackupId;
use super::super::packing::{OWN_NAMES, pack_options};
use super::super::patches::{Base, Making, add_to_plan};
use super::super::rules::{self, Mode};
use super::super::run_options::RunOptions;
use super::report::Outcome;
use super::unread::Unreadable;
use hashget_engine::pack::{
    ExtraContent, ExtraFile, Output, PackOptions, PackScan, PackStats, Packing,
};
use hashget_files::monitor::{Level, Monitor, Problem};
use hashget_sources::hash_db::PackageLookup;

/// What a backup is made of.
pub(super) struct Job<'a> {
    pub(super) section: &'a Section,
    pub(super) options: &'a RunOptions,
    pub(super) destination: &'a Destination,
    pub(super) known: &'a BTreeMap<BackupId, Option<Manifest>>,
    pub(super) monitor: &'a dyn Monitor,
}

/// A backup, or why there is none.
enum Attempt {
    Done(Done),
    /// Not made: these are in the list, and not in the archive.
    Lost(Vec<RelPath>),
}

/// The backup that comes next, before it is packed.
struct Next<'a> {
    facts: Facts,
    /// The archives that it relies on, by name, the base first.
    bases: Vec<(String, &'a Manifest)>,
    /// What the backup that it is compared with says.
    before: Vec<Change>,
    changes: Vec<Change>,
}

/// What came of a job.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) unreadable_files: u64,
    /// The source is empty, backups have files, and nobody said that it is meant so.
    pub(super) is_suddenly_empty: bool,
}

/// How often an archive is written in which something is missing that was listed.
const TRIES: u32 = 4;

impl Job<'_> {
    /// Makes a backup, unless nothing changed.
    pub(super) fn back_up<L: PackageLookup>(&self, public: &L) -> Result<Done, SeriesError> {
        let options = PackOptions {
            hash_cache: self.options.hash_cache.clone(),
            hints: self.options.hints.clone(),
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
        self.name_unmatched(&options);
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

    /// Names the patterns of the section that match nothing. What they are for may come and go, so that is no fault.
    fn name_unmatched(&self, options: &PackOptions) {
        let unmatched = options.walk.exclude.unmatched();
        let of_section = |pattern: &&String| self.section.exclude.contains(pattern);
        for pattern in unmatched.iter().filter(of_section) {
            let source = display_bytes(self.section.source.as_os_str().as_encoded_bytes());
            let text = format!("exclude {pattern} matches nothing in {source}");
            self.monitor.message(Level::Info, &text);
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
        let empty_allowed = is_empty && self.options.allow_empty;
        let next = self.next(tree, state, unread, empty_allowed)?;
        let (packed, missing, list) = self.pack(next, scan, is_last, public)?;
        if !missing.is_empty() && !is_last {
            return Ok(Attempt::Lost(missing));
        }
        Ok(done(self.made(list.backup.id(), &packed, &list)))
    }

    /// Decides which backup comes next, and what it says of the files.
    fn next(
        &self,
        tree: Vec<Change>,
        state: Digest,
        unread: &Unreadable,
        empty_allowed: bool,
    ) -> Result<Next<'_>, SeriesError> {
        let (id, bases) = self.choose();
        let before = match bases.last() {
            Some((base, _)) => read_change_list(&self.destination.fetch(*base)?)?.files,
            None => self.last_list(),
        };
        let changes = unread.hide(compare(tree, &before));
        let mut facts = self.facts(id, &bases, state, &changes);
        facts.empty_allowed = empty_allowed;
        let name =
            |(base, manifest): (BackupId, _)| (self.destination.names().name(base), manifest);
        Ok(Next {
            facts,
            bases: bases.into_iter().map(name).collect(),
            before,
            changes,
        })
    }

    /// Plans and writes the archive; gives what is listed and not in it, too.
    fn pack<L: PackageLookup>(
        &self,
        next: Next<'_>,
        scan: &PackScan,
        is_last: bool,
        public: &L,
    ) -> Result<(PackStats, Vec<RelPath>, ChangeList), SeriesError> {
        let id = next.facts.id();
        let public = (!self.section.self_sufficient).then_some(public);
        let lookup = SeriesLookup::new(&next.bases, public, small(&next.changes));
        let mut packing = scan.plan(&lookup)?;
        let mut patches = Vec::new();
        let bases = if self.section.delta {
            self.bases(next.bases)?
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
                .make(&next.changes, &next.before, packing.plan(), least)
                .to_vec();
            add_to_plan(packing.plan_mut(), &patches, &bases, &scan.wanted());
        }
        let list = ChangeList::new(next.facts, patches, next.changes);
        packing.add_files([ExtraFile {
            path: ChangeList::path(),
            content: ExtraContent::Bytes(serde_json::to_vec(&list)?),
        }]);
        packing.add_files(making.iter().flat_map(Making::extra_files));
        let (packed, missing) = self.write(id, packing, &list, is_last)?;
        Ok((packed, missing, list))
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
        let committed = Manifest::with_missing(&incoming, list).and_then(|(manifest, missing)| {
            if missing.is_empty() || is_last {
                for path in &missing {
                    let text = "is not in the backup, though its list has it";
                    self.monitor.problem(&Problem::text(path.to_string(), text));
                }
                self.destination.commit(id, &incoming, &manifest)?;
            }
            Ok(missing)
        });
        match committed {
            Ok(missing) => Ok((stats, missing)),
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
