//! Whether the sources of a package are alive, without fetching it.

use std::error::Error;

use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;
use reqwest::header::RANGE;

use super::tries::{http_cause, reason_of};
use super::{PackageRef, PackageSources};
use crate::http::{Http, HttpError};
use hashget_files::monitor::{HostTrouble, Monitor};

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A pool, by its directory or URL.
    Pool(String),
    /// The download cache.
    Cache,
    Url(String),
    /// The pool of a hashserver, by the server's URL.
    HashServer(String),
}

/// How a source of a package stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    pub source: SourceKind,
    /// Whether the package seems to be there, with the right size where that is known.
    pub is_alive: bool,
    /// The size it has there, in bytes, where known.
    pub size: Option<u64>,
    /// How it looks: `present`, `status 404`, `size is 7, expected 8`.
    pub detail: String,
    /// The host that did not answer, if that is how.
    pub trouble: Option<HostTrouble>,
}

impl PackageSources {
    /// How the sources of a package stand, in the order of [`PackageSources::fetch`]; nothing is
    /// fetched. Pools and caches that do not have it are left out.
    pub fn check(&self, wanted: &PackageRef, monitor: &dyn Monitor) -> Vec<SourceState> {
        let mut states = Vec::new();
        if let Some(sha256) = &wanted.sha256 {
            self.check_pools(sha256, wanted.size, monitor, &mut states);
        }
        let further = wanted
            .sha256
            .map(|sha256| self.further_urls(&sha256, &wanted.urls, monitor))
            .unwrap_or_default();
        let urls = wanted.urls.iter().chain(&further);
        for url in urls.filter(|url| is_http(url)) {
            let state = check_url(self.downloader.http(), url, wanted.size);
            states.push(state);
        }
        if let Some(sha256) = &wanted.sha256 {
            self.check_servers(sha256, wanted.size, &mut states);
        }
        states
    }

    /// Whether the package is at one of its sources, which are asked until one has it, the nearest first. The error says
    /// how the last one stood. The cache does not count: nobody keeps it.
    pub fn first_alive(&self, wanted: &PackageRef, monitor: &dyn Monitor) -> Result<(), String> {
        let mut states = Vec::new();
        if let Some(sha256) = &wanted.sha256 {
            self.check_pools(sha256, wanted.size, monitor, &mut states);
            states.retain(|state| state.source != SourceKind::Cache);
            if !states.iter().any(|state| state.is_alive) {
                self.check_servers(sha256, wanted.size, &mut states);
            }
        }
        let urls = wanted.urls.iter().filter(|url| is_http(url));
        for url in urls {
            if states.iter().any(|state| state.is_alive) {
                break;
            }
            states.push(check_url(self.downloader.http(), url, wanted.size));
        }
        if states.iter().any(|state| state.is_alive) {
            return Ok(());
        }
        let last = states.pop().map(|state| state.detail);
        Err(last.unwrap_or_else(|| "no source of it is known".to_owned()))
    }

    fn check_pools(
        &self,
        sha256: &Digest,
        expected: Option<u64>,
        monitor: &dyn Monitor,
        states: &mut Vec<SourceState>,
    ) {
        for pool in &self.pools {
            let source = SourceKind::Pool(pool.name());
            match pool.size_of(sha256, &self.downloader, monitor) {
                Ok(Some(size)) => states.push(SourceState::present(source, Some(size), expected)),
                Ok(None) => {}
                Err(error) => states.push(SourceState::failed(source, &error)),
            }
        }
        if let Some(size) = self.downloader.cached_size(sha256) {
            let state = SourceState::present(SourceKind::Cache, Some(size), expected);
            states.push(state);
        }
    }

    fn check_servers(&self, sha256: &Digest, expected: Option<u64>, states: &mut Vec<SourceState>) {
        for server in &self.servers {
            let source = SourceKind::HashServer(server.url().to_owned());
            match server.pool_have(&[*sha256]) {
                Ok(sizes) => states.extend(
                    sizes
                        .into_iter()
                        .flatten()
                        .map(|size| SourceState::present(source.clone(), Some(size), expected)),
                ),
                Err(error) => states.push(SourceState::failed(source, &error)),
            }
        }
    }
}

impl SourceState {
    fn present(source: SourceKind, size: Option<u64>, expected: Option<u64>) -> Self {
        let wrong = size
            .zip(expected)
            .filter(|(size, expected)| size != expected);
        Self {
            source,
            is_alive: wrong.is_none(),
            size,
            detail: wrong.map_or_else(
                || "present".to_owned(),
                |(size, expected)| format!("size is {size}, expected {expected}"),
            ),
            trouble: None,
        }
    }

    fn dead(source: SourceKind, detail: String) -> Self {
        Self {
            source,
            is_alive: false,
            size: None,
            detail,
            trouble: None,
        }
    }

    fn failed(source: SourceKind, error: &(dyn Error + 'static)) -> Self {
        Self {
            trouble: http_cause(error).and_then(HttpError::host_trouble),
            ..Self::dead(source, reason_of("", error))
        }
    }
}

/// Asks with HEAD; where that is not allowed, for the first byte.
fn check_url(http: &Http, url: &str, expected: Option<u64>) -> SourceState {
    let source = SourceKind::Url(url.to_owned());
    match http.head(url) {
        Ok(answer) if answer.status == 200 => SourceState::present(source, answer.size, expected),
        Ok(answer) if matches!(answer.status, 403 | 405 | 501) => match first_byte(http, url) {
            Ok(()) => SourceState::present(source, None, expected),
            Err(error) => SourceState::failed(source, &error),
        },
        Ok(answer) => SourceState::dead(source, format!("status {}", answer.status)),
        Err(error) => SourceState::failed(source, &error),
    }
}

fn first_byte(http: &Http, url: &str) -> Result<(), HttpError> {
    http.send("GET", url, |client| {
        client.get(url).header(RANGE, "bytes=0-0")
    })
    .map(drop)
}
