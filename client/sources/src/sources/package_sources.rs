//! Every place where packages can be fetched, and what they know.

use std::collections::BTreeMap;

use hashget_api::LookupRequest;
use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;
use hashget_words::ranking::Rank;
use jiff::civil::Date;

use super::{Downloader, Pool};
use crate::hash_db::{CombinedLookup, Found, LocalHashDb, LocalMatches, Trust, find_on_servers};
use crate::hash_server::{HashServer, HashServerError, ServerKind, warn};
use hashget_files::monitor::{Level, Monitor, error_chain};

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
