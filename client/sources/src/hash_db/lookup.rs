//! One look-up over the local projects and the hashservers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use hashget_api::{LookupRequest, MAX_LOOKUP_KEYS};
use hashget_store::StoredPackage;
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::ranking::{Need, Rank};
use hashget_words::signature::Signature;
use jiff::civil::Date;

use super::answer::Answer;
use super::local::LocalMatches;
use super::pull::{Keys, Pulled, Puller};
use super::{
    Found, HashDbError, HashDbSession, LocalHashDb, NOBODY, NamedProjects, PackageLookup,
    PullStats, Trust, Vouched,
};
use crate::hash_server::{HashServer, HashServerError, ServerKind, warn};
use hashget_files::monitor::Monitor;

/// The local projects first, then the hashservers in order.
///
/// What servers know is kept in the project `_cached`, so that the next run needs no network.
/// Servers that cannot be asked are reported to the monitor as a problem, once each.
pub struct CombinedLookup<'a> {
    /// The local records.
    pub db: &'a LocalHashDb,
    /// The servers, in the order to ask.
    pub servers: &'a [HashServer],
    /// Whose records are relied on.
    pub trust: Trust,
    /// The projects of hashservers that the operator named.
    pub named: &'a NamedProjects,
    /// The day at which records may have expired.
    pub today: Date,
    /// Told of waits, warnings and servers that cannot be asked.
    pub monitor: &'a dyn Monitor,
}

impl PackageLookup for CombinedLookup<'_> {
    type Error = HashDbError;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, HashDbError> {
        let session = self.db.session(self.monitor)?;
        self.find_except(digests, needed, &|_| false, session)
    }

    fn ahead<T>(
        &self,
        needed: Expiry,
        work: impl FnOnce(&(dyn Fn(&[Digest]) + Sync)) -> T,
    ) -> (T, impl PackageLookup<Error = HashDbError>) {
        self.look_ahead(needed, work)
    }
}

impl CombinedLookup<'_> {
    /// Finds without asking servers about what they were asked before. The session ends before
    /// servers are asked.
    pub(super) fn find_except(
        &self,
        digests: &[Digest],
        needed: Expiry,
        is_asked: &dyn Fn(&Digest) -> bool,
        session: HashDbSession,
    ) -> Result<Found, HashDbError> {
        let judge = |project: &ProjectName| self.judge(project);
        let answer = self.find_locally(digests, needed, &judge)?;
        if !self.asks_servers() {
            return self.without_claims_on_known(answer.finish());
        }
        let unknown = unknown_of(digests, |place| {
            answer.is_unknown(place) && !is_asked(&digests[place])
        });
        if unknown.is_empty() {
            return self.without_claims_on_known(answer.finish());
        }
        drop(session);
        let keys = Keys {
            digests: unknown,
            ..Keys::default()
        };
        let pulled = self.puller(None).pull(keys, Some(needed), false)?;
        // A pulled package may also hold digests that were known: all are looked up again, so
        // that the answer is the one that the next run will get.
        let found = match pulled.pulled_packages {
            0 => answer.finish(),
            _ => self.find_locally(digests, needed, &judge)?.finish(),
        };
        self.without_claims_on_known(found)
    }

    /// What was found, but for what projects that nobody named say of packages of which somebody knows better: what is in
    /// a package that this machine has read, or a named project describes, is known.
    fn without_claims_on_known(&self, found: Found) -> Result<Found, HashDbError> {
        let claims = found.packages.iter();
        let claims = claims.filter(|package| package.vouched == Vouched::Unnamed);
        let claimed: BTreeSet<Digest> = claims.map(|package| package.sha256).collect();
        if claimed.is_empty() {
            return Ok(found);
        }
        let asked: Vec<Digest> = claimed.iter().copied().collect();
        let local = self.local_matches(&asked)?.packages.into_iter();
        let better = local.filter(|package| self.judge(&package.project) != Vouched::Unnamed);
        let known: BTreeSet<Digest> = better.filter_map(|package| package.sha256).collect();
        let is_kept = |place: &usize| {
            let package = &found.packages[*place];
            package.vouched != Vouched::Unnamed || !known.contains(&package.sha256)
        };
        let matches = found.matches.iter().map(|places| {
            let kept = places.iter().copied().filter(is_kept);
            kept.collect::<Vec<usize>>()
        });
        Ok(Found {
            matches: matches.collect(),
            packages: found.packages.clone(),
        })
    }

    /// Those that no local record holds, each once.
    pub(super) fn unknown_locally(
        &self,
        digests: &[Digest],
        needed: Expiry,
    ) -> Result<Vec<Digest>, HashDbError> {
        let judge = |project: &ProjectName| self.judge(project);
        let answer = self.find_locally(digests, needed, &judge)?;
        Ok(unknown_of(digests, |place| answer.is_unknown(place)))
    }

    /// Every package that holds one of the digests, whoever says so and expired or not: for
    /// restoring, where the bytes are checked anyway. Nothing is kept.
    pub fn find_anywhere(&self, digests: &[Digest]) -> Result<Found, HashDbError> {
        let used = |_: &ProjectName| true;
        let local = self.db.find_digests_in(digests, &used, self.monitor)?;
        Ok(find_on_servers(&local, self.servers, digests, self.monitor))
    }

    /// For each signature the record that carries it and has not expired: from the local
    /// projects, else pulled from the servers. Of several the derived ones are preferred, then
    /// the best by [`Rank`].
    pub fn find_signatures(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<StoredPackage>>, HashDbError> {
        let mut session = self.db.session(self.monitor)?;
        let mut best = self.best_by_signature(signatures)?;
        let unknown = unknown_of(signatures, |place| best[place].is_none());
        if !unknown.is_empty() && self.asks_servers() {
            let keys = Keys {
                signatures: unknown,
                ..Keys::default()
            };
            drop(session);
            let pulled = self.puller(None).pull(keys, None, false)?;
            session = self.db.session(self.monitor)?;
            if pulled.pulled_packages > 0 {
                best = self.best_by_signature(signatures)?;
            }
        }
        let mut ids: Vec<PackageId> = best.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let records = self.db.get(&ids, self.monitor)?;
        drop(session);
        let by_id: BTreeMap<PackageId, StoredPackage> = records
            .into_iter()
            .map(|record| (record.id, record))
            .collect();
        let record_of = |id: Option<PackageId>| by_id.get(&id?).cloned();
        Ok(best.into_iter().map(record_of).collect())
    }

    /// Like [`CombinedLookup::find_signatures`], for one.
    pub fn find_signature(
        &self,
        signature: &Signature,
    ) -> Result<Option<StoredPackage>, HashDbError> {
        let found = self.find_signatures(std::slice::from_ref(signature))?;
        Ok(found.into_iter().next().flatten())
    }

    /// Pulls the records of all packages that have one of these anchors and are not known
    /// locally (`--pull`). Trees of static files are asked too, one request an anchor.
    pub fn pull_anchors(&self, anchors: &[Digest]) -> Result<PullStats, HashDbError> {
        if !self.asks_servers() {
            return Ok(PullStats::default());
        }
        let judge = |project: &ProjectName| self.judge(project);
        let mut local = Answer::new(anchors.len(), &judge);
        add_matches(&mut local, &self.local_matches(anchors)?, |package| {
            Need::today(self.today).admits(package.expires)
        });
        let keys = Keys {
            digests: unknown_of(anchors, |place| local.is_unknown(place)),
            ..Keys::default()
        };
        self.puller(None).pull(keys, None, true)
    }

    pub(super) fn asks_servers(&self) -> bool {
        self.trust != Trust::Own && !self.servers.is_empty()
    }

    /// What asks the servers; with `held` records are put there instead of the `HashDB`.
    pub(super) fn puller<'p>(&'p self, held: Option<&'p Mutex<Vec<Pulled>>>) -> Puller<'p> {
        Puller {
            held,
            db: self.db,
            servers: self.servers,
            today: self.today,
            monitor: self.monitor,
        }
    }

    /// Whether records of this project are relied on. What servers told is used along with them
    /// even where `--hashdb` names other projects.
    fn is_used(&self, project: &ProjectName) -> bool {
        let named = self.db.filter().includes(project);
        match self.trust {
            Trust::Own => named && !project.is_cached(),
            Trust::Verified | Trust::Servers => {
                named || (!self.servers.is_empty() && project.is_cached())
            }
        }
    }

    /// Whose word the records of a local project are.
    fn judge(&self, project: &ProjectName) -> Vouched {
        match (self.named.judge(project), self.trust) {
            // Their packages are to be read, whoever named them.
            (Vouched::Named, Trust::Verified) => Vouched::Unnamed,
            (vouched, _) => vouched,
        }
    }

    fn local_matches(&self, digests: &[Digest]) -> Result<LocalMatches, HashDbError> {
        let used = |project: &ProjectName| self.is_used(project);
        self.db.find_digests_in(digests, &used, self.monitor)
    }

    fn find_locally<'j>(
        &self,
        digests: &[Digest],
        needed: Expiry,
        judge: &'j dyn Fn(&ProjectName) -> Vouched,
    ) -> Result<Answer<'j>, HashDbError> {
        let mut answer = Answer::new(digests.len(), judge);
        let need = Need::today(self.today).until(needed);
        add_matches(&mut answer, &self.local_matches(digests)?, |package| {
            need.admits(package.expires)
        });
        Ok(answer)
    }

    fn best_by_signature(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<PackageId>>, HashDbError> {
        let used = |project: &ProjectName| self.is_used(project);
        let need = Need::today(self.today);
        let local = self
            .db
            .find_signatures_in(signatures, &used, self.monitor)?;
        let best_of = |places: &[usize]| {
            let packages = places.iter().filter_map(|place| local.packages.get(*place));
            packages
                .filter(|package| need.admits(package.expires))
                .min_by_key(|package| (self.judge(&package.project), Rank::from(*package)))
                .map(|package| package.id)
        };
        Ok(local.matches.iter().map(best_of).collect())
    }
}

/// The keys whose place is unknown, each once.
fn unknown_of<K: Clone + Ord>(keys: &[K], is_unknown: impl Fn(usize) -> bool) -> Vec<K> {
    let unknown = keys
        .iter()
        .enumerate()
        .filter(|(place, _)| is_unknown(*place));
    let mut unknown: Vec<K> = unknown.map(|(_, key)| key.clone()).collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

fn add_matches(
    answer: &mut Answer<'_>,
    local: &LocalMatches,
    is_wanted: impl Fn(&PackageSummary) -> bool,
) {
    let mut keys = vec![Vec::new(); local.packages.len()];
    for (key, packages) in local.matches.iter().enumerate() {
        for place in packages {
            if let Some(keys) = keys.get_mut(*place) {
                keys.push(key);
            }
        }
    }
    for (package, keys) in local.packages.iter().zip(keys) {
        if is_wanted(package) {
            answer.add(package, keys.into_iter());
        }
    }
}

/// Adds what the servers say to what is known locally. Those that cannot be asked are reported.
pub(crate) fn find_on_servers(
    local: &LocalMatches,
    servers: &[HashServer],
    digests: &[Digest],
    monitor: &dyn Monitor,
) -> Found {
    // All that anybody says is of use where the bytes are checked.
    let judge = |project: &ProjectName| match NOBODY.judge(project) {
        Vouched::Unnamed => Vouched::Named,
        vouched => vouched,
    };
    let mut answer = Answer::new(digests.len(), &judge);
    add_matches(&mut answer, local, |_| true);
    for server in servers {
        if let Err(error) = add_server(&mut answer, server, digests) {
            warn(monitor, &error);
        }
    }
    answer.finish()
}

/// Adds what a server says, without fetching records.
fn add_server(
    answer: &mut Answer<'_>,
    server: &HashServer,
    digests: &[Digest],
) -> Result<(), HashServerError> {
    if server.kind()? == ServerKind::Static {
        return Ok(());
    }
    for (batch, digests) in digests.chunks(MAX_LOOKUP_KEYS).enumerate() {
        let told = server.lookup(&LookupRequest {
            digests: digests.to_vec(),
            ..LookupRequest::default()
        })?;
        let mut keys = vec![Vec::new(); told.packages.len()];
        for (key, packages) in &told.digests {
            for place in packages {
                if let Some(keys) = keys.get_mut(*place as usize) {
                    keys.push(batch * MAX_LOOKUP_KEYS + *key as usize);
                }
            }
        }
        for (mut package, keys) in told.packages.into_iter().zip(keys) {
            if let Ok(cached) = ProjectName::CACHED.parse() {
                package.project = cached;
            }
            answer.add(&package, keys.into_iter());
        }
    }
    Ok(())
}
