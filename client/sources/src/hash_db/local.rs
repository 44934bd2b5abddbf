//! The local `HashDB`: projects of records in a store that several processes share.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hashget_store::{
    PackageStore, SledStore, StoreError, StoreOptions, StoreQuery, StoreStats, StoredPackage,
};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use jiff::civil::Date;
use rayon::prelude::*;

use super::error::HashDbError;
use super::session::SharedStore;
use super::{HashDbSession, Matches, import};
use hashget_files::monitor::{Level, Monitor};

/// Which local projects are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProjectFilter {
    #[default]
    All,
    Only(Vec<ProjectName>),
}

impl ProjectFilter {
    /// Whether `project` is used.
    pub fn includes(&self, project: &ProjectName) -> bool {
        match self {
            Self::All => true,
            Self::Only(projects) => projects.contains(project),
        }
    }
}

/// Which of some keys are in which records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalMatches {
    /// The records, by ascending number.
    pub packages: Vec<PackageSummary>,
    /// For every key asked about, in order: the places in `packages`, ascending.
    pub matches: Matches,
}

/// The local `HashDB`.
///
/// The store is opened for each method and closed behind it, so that several processes can use
/// one `HashDB`; a method waits while another process has it, and tells the user. Ask about many
/// things at once, or open a [session](LocalHashDb::session) for several methods.
#[derive(Clone, Debug)]
pub struct LocalHashDb {
    path: PathBuf,
    filter: ProjectFilter,
    store: SharedStore,
}

impl LocalHashDb {
    /// The `HashDB` in the directory `path`, which is made when it is first needed.
    pub fn new(path: PathBuf, filter: ProjectFilter) -> Self {
        Self {
            path,
            filter,
            store: SharedStore::default(),
        }
    }

    /// Keeps the store open, for the methods of this value and its clones, until the session is
    /// dropped.
    pub fn session(&self, monitor: &dyn Monitor) -> Result<HashDbSession, HashDbError> {
        Ok(HashDbSession::new(self.open(monitor)?))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which projects are searched.
    pub fn filter(&self) -> &ProjectFilter {
        &self.filter
    }

    /// Adds records to a project, which is made if it is new. A record replaces the one that the
    /// project has for the same URL.
    pub fn save(
        &self,
        project: &ProjectName,
        packages: &[HashPackage],
        monitor: &dyn Monitor,
    ) -> Result<(), HashDbError> {
        let store = self.open(monitor)?;
        store.publish(project, packages)?;
        Ok(())
    }

    /// For each digest the records of the used projects that have it as file, anchor or package,
    /// expired ones included.
    pub fn find_digests(
        &self,
        digests: &[Digest],
        monitor: &dyn Monitor,
    ) -> Result<LocalMatches, HashDbError> {
        self.find_digests_in(digests, &|project| self.filter.includes(project), monitor)
    }

    /// For each signature the records of the used projects that carry it, expired ones included.
    pub fn find_signatures(
        &self,
        signatures: &[Signature],
        monitor: &dyn Monitor,
    ) -> Result<LocalMatches, HashDbError> {
        let used = |project: &ProjectName| self.filter.includes(project);
        self.find_signatures_in(signatures, &used, monitor)
    }

    /// Like [`LocalHashDb::find_digests`], in the projects that `used` names.
    pub(super) fn find_digests_in(
        &self,
        digests: &[Digest],
        used: &dyn Fn(&ProjectName) -> bool,
        monitor: &dyn Monitor,
    ) -> Result<LocalMatches, HashDbError> {
        let store = self.open(monitor)?;
        let mut finder = MatchFinder::new(digests.len());
        // As many at a time as there are threads, so that not all answers are held at once.
        for digests in digests.chunks(BATCH_KEYS * rayon::current_num_threads()) {
            let share = digests.len().div_ceil(rayon::current_num_threads());
            let found: Vec<_> = (digests.par_chunks(share.max(1)))
                .map(|digests| store.find_digests(digests))
                .collect();
            for found in found {
                finder.add(found?);
            }
        }
        Ok(finder.finish(&store, used)?)
    }

    /// Like [`LocalHashDb::find_signatures`], in the projects that `used` names.
    pub(super) fn find_signatures_in(
        &self,
        signatures: &[Signature],
        used: &dyn Fn(&ProjectName) -> bool,
        monitor: &dyn Monitor,
    ) -> Result<LocalMatches, HashDbError> {
        let store = self.open(monitor)?;
        let mut finder = MatchFinder::new(signatures.len());
        for signatures in signatures.chunks(BATCH_KEYS) {
            finder.add(store.find_signatures(signatures)?);
        }
        Ok(finder.finish(&store, used)?)
    }

    /// The records of the used projects that `spec` names, by ascending number; with `project`
    /// only those in it.
    pub fn list(
        &self,
        spec: &PackageSpec,
        project: Option<&ProjectName>,
        today: Date,
        monitor: &dyn Monitor,
    ) -> Result<Vec<PackageSummary>, HashDbError> {
        let store = self.open(monitor)?;
        let mut query = StoreQuery {
            spec: spec.clone(),
            project: project.cloned(),
            after: None,
            limit: PAGE_PACKAGES,
            today,
        };
        let mut packages = Vec::new();
        loop {
            let page = store.list(&query)?;
            packages.extend(page.packages);
            if page.next.is_none() {
                packages.retain(|package| self.filter.includes(&package.project));
                return Ok(packages);
            }
            query.after = page.next;
        }
    }

    /// Whole records; removed ones are left out.
    pub fn get(
        &self,
        ids: &[PackageId],
        monitor: &dyn Monitor,
    ) -> Result<Vec<StoredPackage>, HashDbError> {
        let packages = self.open(monitor)?.get(ids)?;
        Ok(packages.into_iter().flatten().collect())
    }

    /// Sets the attributes and expiry date of a record; `false` if it is gone.
    pub fn update(
        &self,
        id: PackageId,
        package: &HashPackage,
        monitor: &dyn Monitor,
    ) -> Result<bool, HashDbError> {
        Ok(self.open(monitor)?.update(id, package)?)
    }

    /// Removes records; how many were there.
    pub fn remove(&self, ids: &[PackageId], monitor: &dyn Monitor) -> Result<u64, HashDbError> {
        Ok(self.open(monitor)?.remove(ids)?)
    }

    /// Makes an empty project; `false` if it is there already.
    pub fn add_project(
        &self,
        project: &ProjectName,
        monitor: &dyn Monitor,
    ) -> Result<bool, HashDbError> {
        Ok(self.open(monitor)?.add_project(project)?)
    }

    /// Removes a project with all its records; `false` if there is none.
    pub fn remove_project(
        &self,
        project: &ProjectName,
        monitor: &dyn Monitor,
    ) -> Result<bool, HashDbError> {
        Ok(self.open(monitor)?.remove_project(project)?)
    }

    /// The used projects, by name.
    pub fn projects(&self, monitor: &dyn Monitor) -> Result<Vec<ProjectName>, HashDbError> {
        let mut projects = self.open(monitor)?.projects()?;
        projects.retain(|project| self.filter.includes(project));
        Ok(projects)
    }

    /// What the used projects hold. `digests` and `store_bytes` are of the whole store.
    pub fn stats(&self, monitor: &dyn Monitor) -> Result<StoreStats, HashDbError> {
        let mut stats = self.open(monitor)?.stats()?;
        stats
            .projects
            .retain(|project| self.filter.includes(&project.name));
        stats.packages = stats.projects.iter().map(|project| project.packages).sum();
        Ok(stats)
    }

    /// The store: the open one of a session, else a new one.
    fn open(&self, monitor: &dyn Monitor) -> Result<Arc<SledStore>, HashDbError> {
        self.store.get_or_open(|| self.open_waiting(monitor))
    }

    /// Opens the store, waiting while another process has it.
    fn open_waiting(&self, monitor: &dyn Monitor) -> Result<SledStore, HashDbError> {
        fs::create_dir_all(&self.path).map_err(|source| HashDbError::Create {
            path: self.path.clone(),
            source,
        })?;
        let mut tell = || {
            let text = format!(
                "waiting for another hashget to finish with {}",
                self.path.display()
            );
            monitor.message(Level::Info, &text);
        };
        let store = SledStore::open_waiting(
            &self.path.join(STORE_DIRECTORY),
            StoreOptions::default(),
            LONGEST_WAIT,
            &mut tell,
        )?;
        import::import_once(&self.path, &store, monitor)?;
        Ok(store)
    }
}

/// The directory of the store. The original takes every directory beside it for a project; this one
/// has a name that no project can have.
const STORE_DIRECTORY: &str = ".store";
/// Who holds the store longer than this hangs.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How many records are listed at a time.
const PAGE_PACKAGES: usize = 10_000;
/// How many keys are looked up at a time by one thread.
const BATCH_KEYS: usize = 32 * 1024;

/// Puts together what the store finds, some keys at a time.
struct MatchFinder {
    /// Packages are numbered as they are met, and renamed when all are known.
    met: HashMap<PackageId, usize>,
    matches: Matches,
}

impl MatchFinder {
    fn new(keys: usize) -> Self {
        Self {
            met: HashMap::new(),
            matches: Matches::with_capacity(keys),
        }
    }

    /// Adds the answers for the next keys.
    fn add(&mut self, found: Vec<Vec<PackageId>>) {
        // Most keys are in the package of the one before.
        let mut last = None;
        for ids in found {
            let number = |id| match last {
                Some((known, number)) if known == id => number,
                _ => {
                    let next = self.met.len();
                    let number = *self.met.entry(id).or_insert(next);
                    last = Some((id, number));
                    number
                }
            };
            self.matches.push(ids.into_iter().map(number));
        }
    }

    fn finish(
        self,
        store: &SledStore,
        used: &dyn Fn(&ProjectName) -> bool,
    ) -> Result<LocalMatches, StoreError> {
        let mut ids: Vec<(PackageId, usize)> = self.met.into_iter().collect();
        ids.sort_unstable();
        let (ids, numbers): (Vec<PackageId>, Vec<usize>) = ids.into_iter().unzip();
        let mut packages = Vec::new();
        let mut places = vec![None; numbers.len()];
        for (package, number) in store.summaries(&ids)?.into_iter().zip(numbers) {
            if let Some(package) = package.filter(|package| used(&package.project)) {
                places[number] = Some(packages.len());
                packages.push(Arc::unwrap_or_clone(package));
            }
        }
        let mut matches = Matches::with_capacity(self.matches.len());
        for numbers in self.matches.iter() {
            matches.push(numbers.iter().filter_map(|number| places[*number]));
        }
        Ok(LocalMatches { packages, matches })
    }
}
