//! Pulls records from hashservers into local projects that say whose they are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use hashget_api::{LookupRequest, LookupResponse, MAX_BATCH_PACKAGES, MAX_LOOKUP_KEYS};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageSummary;
use hashget_words::project::ProjectName;
use hashget_words::ranking::Need;
use hashget_words::signature::Signature;
use jiff::civil::Date;

use super::{HashDbError, LocalHashDb};
use crate::hash_server::{HashServer, HashServerError, ServerKind};
use hashget_files::monitor::{Level, Monitor, Problem, error_chain};

/// What a pull brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PullStats {
    /// How many digests or signatures the servers were asked about.
    pub asked: u64,
    /// How many records came.
    pub pulled_packages: u64,
    /// How many servers could not be asked all.
    pub failures: u64,
}

/// About how many digests are fetched at a time: 75 bytes of JSON each.
const FETCH_DIGESTS: u64 = 500_000;
/// How many requests go to a tree of static files at once.
const STATIC_REQUESTS: usize = 8;

/// Asks servers for records and keeps them.
pub(super) struct Puller<'a> {
    pub(super) db: &'a LocalHashDb,
    pub(super) servers: &'a [HashServer],
    /// What has expired at this day is not kept.
    pub(super) today: Date,
    pub(super) monitor: &'a dyn Monitor,
    /// Where records are put that are kept later.
    pub(super) held: Option<&'a Mutex<Vec<Pulled>>>,
}

/// A record, and the local project that it goes to.
pub(super) type Pulled = (ProjectName, HashPackage);

/// What is asked about. One of the two is usually empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) digests: Vec<Digest>,
    pub(super) signatures: Vec<Signature>,
}

impl Keys {
    fn len(&self) -> usize {
        self.digests.len() + self.signatures.len()
    }

    fn extend(&mut self, other: Self) {
        self.digests.extend(other.digests);
        self.signatures.extend(other.signatures);
    }

    /// The keys in batches that one look-up may carry.
    fn batches(&self) -> Vec<Self> {
        let digests = self.digests.chunks(MAX_LOOKUP_KEYS).map(|digests| Self {
            digests: digests.to_vec(),
            ..Self::default()
        });
        let signatures = self
            .signatures
            .chunks(MAX_LOOKUP_KEYS)
            .map(|signatures| Self {
                signatures: signatures.to_vec(),
                ..Self::default()
            });
        digests.chain(signatures).collect()
    }
}

impl Puller<'_> {
    /// Pulls the records that hold the keys. Each server is asked about what those before it do
    /// not know. A tree of static files is asked for digests only if `anchors_by_one`.
    pub(super) fn pull(
        &self,
        mut keys: Keys,
        needed: Option<Expiry>,
        anchors_by_one: bool,
    ) -> Result<PullStats, HashDbError> {
        let mut stats = PullStats {
            asked: keys.len() as u64,
            ..PullStats::default()
        };
        for server in self.servers {
            if keys.len() == 0 {
                break;
            }
            let known = match server.kind() {
                Ok(ServerKind::Api) => self.pull_batches(server, &mut keys, needed),
                Ok(ServerKind::Static) => self.pull_static(server, &mut keys, anchors_by_one),
                Err(error) => Err(error.into()),
            };
            match known {
                Ok(pulled) => stats.pulled_packages += pulled,
                Err(PullError::HashDb(error)) => return Err(error),
                Err(PullError::Server(error)) => {
                    stats.failures += 1;
                    tell(self.monitor, server, &error);
                }
            }
        }
        Ok(stats)
    }

    /// Leaves in `keys` what the server does not know, or was not asked because of an error.
    fn pull_batches(
        &self,
        server: &HashServer,
        keys: &mut Keys,
        needed: Option<Expiry>,
    ) -> Result<u64, PullError> {
        let mut batches = std::mem::take(keys).batches().into_iter();
        let mut pulled = 0;
        while let Some(batch) = batches.next() {
            match self.pull_batch(server, &batch, needed) {
                Ok((unknown, packages)) => {
                    keys.extend(unknown);
                    pulled += packages;
                }
                Err(error) => {
                    keys.extend(batch);
                    batches.for_each(|batch| keys.extend(batch));
                    return Err(error);
                }
            }
        }
        Ok(pulled)
    }

    fn pull_batch(
        &self,
        server: &HashServer,
        batch: &Keys,
        needed: Option<Expiry>,
    ) -> Result<(Keys, u64), PullError> {
        let answer = server.lookup(&LookupRequest {
            digests: batch.digests.clone(),
            signatures: batch.signatures.clone(),
            expires: needed,
        })?;
        let unknown = Keys {
            digests: unmatched(&batch.digests, &answer.digests),
            signatures: unmatched(&batch.signatures, &answer.signatures),
        };
        let mut pulled = 0;
        for wanted in fetch_batches(&self.wanted(answer)) {
            pulled += self.fetch(server, wanted)?;
        }
        Ok((unknown, pulled))
    }

    /// The packages of an answer that are of use, and that some key leads to.
    fn wanted(&self, answer: LookupResponse) -> Vec<PackageSummary> {
        let mut named = vec![false; answer.packages.len()];
        for (_, places) in answer.digests.iter().chain(&answer.signatures) {
            for place in places {
                if let Some(named) = named.get_mut(*place as usize) {
                    *named = true;
                }
            }
        }
        let need = Need::today(self.today);
        let packages = answer.packages.into_iter().zip(named);
        packages
            .filter(|(package, named)| {
                *named && package.sha256.is_some() && need.admits(package.expires)
            })
            .map(|(package, _)| package)
            .collect()
    }

    /// Fetches whole records and keeps them. A record that differs from what the look-up promised is refused.
    fn fetch(&self, server: &HashServer, wanted: &[PackageSummary]) -> Result<u64, PullError> {
        let ids: Vec<_> = wanted.iter().map(|package| package.id).collect();
        let mut packages = Vec::new();
        let mut odd = 0_u64;
        server.fetch_packages(&ids, &mut |fetched| {
            let promised = wanted.iter().any(|summary| {
                summary.id == fetched.id
                    && summary.url == fetched.package.url
                    && summary.sha256 == fetched.package.digest()
            });
            if promised {
                let project = ProjectName::cached_from(server.url(), &fetched.project);
                packages.push((project, fetched.package));
            } else {
                odd += 1;
            }
        })?;
        if odd > 0 {
            self.monitor.problem(&Problem::text(
                server.url(),
                format!("{odd} records are not of the packages that its look-up named"),
            ));
        }
        let count = packages.len() as u64;
        self.keep(packages)?;
        Ok(count)
    }

    /// Asks a tree of static files, one request a key. Leaves in `keys` what it does not know,
    /// or was not asked because of an error.
    fn pull_static(
        &self,
        server: &HashServer,
        keys: &mut Keys,
        anchors_by_one: bool,
    ) -> Result<u64, PullError> {
        let mut found = Vec::new();
        let mut failed = ask_each(&mut keys.signatures, &mut found, |key| {
            server.package_by_signature(key)
        });
        if anchors_by_one {
            let anchors = ask_each(&mut keys.digests, &mut found, |key| {
                server.package_by_anchor(key)
            });
            failed = failed.or(anchors);
        }
        found.sort_by(|a, b| a.url.cmp(&b.url));
        found.dedup_by(|a, b| a.url == b.url);
        let need = Need::today(self.today);
        found.retain(|package| need.admits(package.expires));
        let count = found.len() as u64;
        let cached: ProjectName = ProjectName::CACHED.parse().map_err(HashDbError::from)?;
        let found = found.into_iter().map(|package| (cached.clone(), package));
        self.keep(found.collect())?;
        failed.map_or(Ok(count), |error| Err(error.into()))
    }

    pub(super) fn keep(&self, packages: Vec<Pulled>) -> Result<(), HashDbError> {
        if packages.is_empty() {
            return Ok(());
        }
        if let Some(held) = self.held {
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.extend(packages);
            return Ok(());
        }
        let mut by_project: BTreeMap<ProjectName, Vec<HashPackage>> = BTreeMap::new();
        for (project, package) in packages {
            by_project.entry(project).or_default().push(package);
        }
        for (project, packages) in by_project {
            self.db.save(&project, &packages, self.monitor)?;
        }
        Ok(())
    }
}

/// The keys that no match is about.
fn unmatched<K: Clone>(keys: &[K], matches: &[(u32, Vec<u32>)]) -> Vec<K> {
    let mut is_known = vec![false; keys.len()];
    for (place, packages) in matches {
        if let Some(is_known) = is_known.get_mut(*place as usize) {
            *is_known = !packages.is_empty();
        }
    }
    let keys = keys.iter().zip(is_known);
    keys.filter(|(_, is_known)| !is_known)
        .map(|(key, _)| key.clone())
        .collect()
}

/// Cuts the records to fetch into requests whose answers fit into memory.
fn fetch_batches(mut wanted: &[PackageSummary]) -> Vec<&[PackageSummary]> {
    let mut batches = Vec::new();
    while !wanted.is_empty() {
        let mut digests = 0_u64;
        let fitting = wanted
            .iter()
            .take(MAX_BATCH_PACKAGES)
            .take_while(|package| {
                digests = digests
                    .saturating_add(package.files)
                    .saturating_add(package.anchors);
                digests <= FETCH_DIGESTS
            });
        let (batch, rest) = wanted.split_at(fitting.count().max(1));
        batches.push(batch);
        wanted = rest;
    }
    batches
}

/// Asks about each key, several at a time. Records that are found go to `found`, their keys out
/// of `keys`; the first error ends it.
fn ask_each<K: Clone + Sync>(
    keys: &mut Vec<K>,
    found: &mut Vec<HashPackage>,
    ask: impl Fn(&K) -> Result<Option<HashPackage>, HashServerError> + Sync,
) -> Option<HashServerError> {
    let all = std::mem::take(keys);
    let mut groups = all.chunks(STATIC_REQUESTS);
    let mut failed = None;
    for group in groups.by_ref() {
        let answers: Vec<_> = thread::scope(|scope| {
            let asking: Vec<_> = group.iter().map(|key| scope.spawn(|| ask(key))).collect();
            asking
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect()
        });
        for (key, answer) in group.iter().zip(answers) {
            match answer {
                Ok(Ok(Some(package))) => found.push(package),
                Ok(Ok(None)) => keys.push(key.clone()),
                Ok(Err(error)) => {
                    keys.push(key.clone());
                    failed = failed.or(Some(error));
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        if failed.is_some() {
            break;
        }
    }
    groups.for_each(|group| keys.extend_from_slice(group));
    failed
}

/// Reports that a server cannot be asked. One that is down is reported once, when it is noticed.
fn tell(monitor: &dyn Monitor, server: &HashServer, error: &HashServerError) {
    if matches!(error, HashServerError::Down { .. }) {
        monitor.message(Level::Detail, &error_chain(error));
    } else {
        monitor.problem(&Problem::new(server.url(), error));
    }
}

/// Why a pull from one server ended.
enum PullError {
    Server(HashServerError),
    HashDb(HashDbError),
}

impl From<HashServerError> for PullError {
    fn from(error: HashServerError) -> Self {
        Self::Server(error)
    }
}

impl From<HashDbError> for PullError {
    fn from(error: HashDbError) -> Self {
        Self::HashDb(error)
    }
}
