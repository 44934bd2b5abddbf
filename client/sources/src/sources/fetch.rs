//! A package from whichever source has it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hashget_api::LookupRequest;
use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;
use hashget_words::package_url::without_password;
use hashget_words::ranking::Rank;
use jiff::civil::Date;
use thiserror::Error;

use super::tries::Tries;
use super::{Downloader, LocalPackage, Origin, PackageRef, Pool};
use crate::hash_db::{CombinedLookup, Found, LocalHashDb, LocalMatches, Trust, find_on_servers};
use crate::hash_server::{HashServer, HashServerError, ServerKind, warn};
use hashget_files::monitor::{HostTrouble, Level, Monitor, Problem, error_chain};

/// One source that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAttempt {
    /// The pool, URL or server.
    pub source: String,
    /// Why it failed, with its causes on one line.
    pub reason: String,
    /// The host that did not answer, if that was why.
    pub trouble: Option<HostTrouble>,
}

/// No source has the package.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot get {what}{}", attempts_text(.what, .attempts))]
pub struct FetchError {
    /// The package: its URL, or its digest.
    pub what: String,
    /// What was tried, in order.
    pub attempts: Vec<FetchAttempt>,
}

fn attempts_text(what: &str, attempts: &[FetchAttempt]) -> String {
    match attempts {
        [] => return ": no source of it is known".to_owned(),
        [one] if one.source == what => return format!(": {}", one.reason),
        _ => {}
    }
    attempts.iter().fold(String::new(), |mut text, attempt| {
        let source = if attempt.source == what {
            "its URL"
        } else {
            &attempt.source
        };
        // Writing to a String cannot fail.
        let _ok = write!(text, "\n  {source}: {}", attempt.reason);
        text
    })
}

impl FetchError {
    /// The first host that did not answer, if that was why every source failed.
    pub fn host_trouble(&self) -> Option<HostTrouble> {
        let troubles = self.attempts.iter().map(|attempt| &attempt.trouble);
        let troubles: Option<Vec<&HostTrouble>> = troubles.map(Option::as_ref).collect();
        troubles?.first().map(|trouble| (*trouble).clone())
    }
}

/// Every place where packages can be fetched.
#[derive(Debug)]
pub struct PackageSources {
    /// The pools, in the order to look; the first directory receives what is downloaded.
    pub pools: Vec<Pool>,
    /// The downloads and their cache.
    pub downloader: Downloader,
    /// The hashservers, in the order to ask.
    pub servers: Vec<HashServer>,
    /// The local records, which may know further URLs.
    pub db: Option<LocalHashDb>,
}

impl PackageSources {
    /// The package, whole and checked: from the pools, the cache, its URLs, other URLs that
    /// local records or hashservers know for its digest, or a hashserver's pool.
    ///
    /// Each source that failed before another one succeeded is reported to the monitor. One that failed
    /// for a passing reason is waited for only when no other has the package.
    pub fn fetch(
        &self,
        wanted: &PackageRef,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, FetchError> {
        let mut tries = Tries::new(self, wanted.sha256.as_ref(), wanted.size, monitor);
        let found = tries.package(&wanted.urls);
        let what = || match (wanted.urls.first(), wanted.sha256) {
            (Some(url), _) => without_password(url).into_owned(),
            (None, Some(sha256)) => format!("sha256:{sha256}"),
            (None, None) => "without digest and URL".to_owned(),
        };
        self.finish(found, what, tries.failed, monitor)
    }

    /// One file (an anchor) from the pools, the cache or a hashserver's pool, checked.
    pub fn fetch_file(
        &self,
        digest: &Digest,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, FetchError> {
        let mut tries = Tries::new(self, Some(digest), None, monitor);
        let found = tries.file(digest);
        self.finish(found, || format!("sha256:{digest}"), tries.failed, monitor)
    }

    /// Which of these files (anchors) the pools or the hashservers' pools hold, with their sizes
    /// in bytes. Servers that do not answer hold nothing; HTTP pools, and servers that are trees
    /// of static files, are asked only about the first 200 files that nobody else has.
    pub fn pool_have(&self, digests: &[Digest], monitor: &dyn Monitor) -> BTreeMap<Digest, u64> {
        let mut sizes = BTreeMap::new();
        for pool in &self.pools {
            let limit = if pool.is_directory() {
                usize::MAX
            } else {
                ONE_BY_ONE
            };
            for digest in missing(digests, &sizes, limit) {
                match pool.size_of(&digest, &self.downloader, monitor) {
                    Ok(Some(size)) => drop(sizes.insert(digest, size)),
                    Ok(None) => {}
                    Err(error) => {
                        monitor.message(Level::Warning, &error_chain(&error));
                        break;
                    }
                }
            }
        }
        for server in &self.servers {
            let have = server.kind().and_then(|kind| {
                let limit = match kind {
                    ServerKind::Api => usize::MAX,
                    ServerKind::Static => ONE_BY_ONE,
                };
                let asked = missing(digests, &sizes, limit);
                let have = server.pool_have(&asked)?;
                Ok(asked.into_iter().zip(have).collect::<Vec<_>>())
            });
            match have {
                Ok(have) => {
                    sizes.extend(
                        have.into_iter()
                            .filter_map(|(key, size)| Some((key, size?))),
                    );
                }
                Err(error) => warn(monitor, &error),
            }
        }
        sizes
    }

    /// Every package that holds one of these digests, as far as the local records and the
    /// hashservers know, expired ones included. What cannot be asked is reported to the monitor.
    pub fn find_alternatives(
        &self,
        digests: &[Digest],
        today: Date,
        monitor: &dyn Monitor,
    ) -> Found {
        let nothing = || LocalMatches {
            packages: Vec::new(),
            matches: vec![Vec::new(); digests.len()].into(),
        };
        let Some(db) = &self.db else {
            return find_on_servers(&nothing(), &self.servers, digests, monitor);
        };
        let lookup = CombinedLookup {
            db,
            named: &crate::hash_db::NOBODY,
            servers: &self.servers,
            trust: Trust::Servers,
            today,
            monitor,
        };
        lookup.find_anywhere(digests).unwrap_or_else(|error| {
            monitor.message(Level::Warning, &error_chain(&error));
            find_on_servers(&nothing(), &self.servers, digests, monitor)
        })
    }

    /// The URLs that local records and hashservers know for a package, without those in `known`;
    /// of each the best first.
    pub(super) fn further_urls(
        &self,
        sha256: &Digest,
        known: &[String],
        monitor: &dyn Monitor,
    ) -> Vec<String> {
        let mut urls: Vec<String> = Vec::new();
        if let Some(db) = &self.db {
            match db.find_digests(&[*sha256], monitor) {
                Ok(mut found) => {
                    let known = &mut found.packages;
                    known.retain(|package| package.sha256 == Some(*sha256));
                    known.sort_by(|a, b| Rank::from(a).cmp(&Rank::from(b)));
                    urls.extend(found.packages.into_iter().map(|package| package.url));
                }
                Err(error) => monitor.message(Level::Warning, &error_chain(&error)),
            }
        }
        for server in &self.servers {
            match urls_on(server, sha256) {
                Ok(found) => urls.extend(found),
                Err(error) => warn(monitor, &error),
            }
        }
        let mut further = Vec::new();
        for url in urls.into_iter().filter(|url| is_http(url)) {
            if !known.contains(&url) && !further.contains(&url) {
                further.push(url);
            }
        }
        further
    }

    fn finish(
        &self,
        found: Option<LocalPackage>,
        what: impl FnOnce() -> String,
        failed: Vec<FetchAttempt>,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, FetchError> {
        let Some(mut package) = found else {
            return Err(FetchError {
                what: what(),
                attempts: failed,
            });
        };
        for attempt in failed {
            let text = format!("{}: {}", attempt.source, attempt.reason);
            monitor.message(Level::Warning, &text);
        }
        self.keep_in_pool(&mut package, monitor);
        Ok(package)
    }

    /// Copies a package that does not come from a directory into the first one.
    fn keep_in_pool(&self, package: &mut LocalPackage, monitor: &dyn Monitor) {
        let mut directories = self.pools.iter().filter(|pool| pool.is_directory());
        let Some(first) = directories.clone().next() else {
            return;
        };
        if directories.any(|pool| package.origin == Origin::Pool(pool.name())) {
            return;
        }
        match first.add(package) {
            Ok(false) => {}
            Ok(true) => {
                let sha256 = package.sha256;
                let text = format!("replaced the damaged sha256:{sha256} in {}", first.name());
                monitor.message(Level::Warning, &text);
            }
            Err(error) => monitor.problem(&Problem::new(first.name(), &error)),
        }
    }
}

/// How many files are asked about where each takes a request of its own.
const ONE_BY_ONE: usize = 200;

fn missing(digests: &[Digest], have: &BTreeMap<Digest, u64>, limit: usize) -> Vec<Digest> {
    let missing = digests.iter().filter(|digest| !have.contains_key(digest));
    missing.take(limit).copied().collect()
}

/// The URLs that a server knows for a package.
fn urls_on(server: &HashServer, sha256: &Digest) -> Result<Vec<String>, HashServerError> {
    if server.kind()? == ServerKind::Static {
        let package = server.package_by_anchor(sha256)?;
        let same = package.filter(|package| package.digest() == Some(*sha256));
        return Ok(same.map(|package| package.url).into_iter().collect());
    }
    let answer = server.lookup(&LookupRequest {
        digests: vec![*sha256],
        ..LookupRequest::default()
    })?;
    let packages = answer.packages.into_iter();
    let same = packages.filter(|package| package.sha256 == Some(*sha256));
    Ok(same.map(|package| package.url).collect())
}
