//! The sources of one package, tried in order: each once, and then again those that may have
//! recovered.

use std::thread;
use std::time::Instant;

use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;
use hashget_words::package_url::without_password;

use super::attempt::FetchAttempt;
use super::download::DownloadRequest;
use super::{DownloadError, LocalPackage, PackageSources, PoolError};
use crate::hash_server::HashServerError;
use crate::http::{HttpError, Patience};
use hashget_files::monitor::{Monitor, Problem};
use hashget_files::sentence::{sentence, texts};

/// The search for one package or file.
///
/// A mirror that refuses connections would cost seconds of waiting for every package that the
/// next source has at once. So each source is asked once first; only when all have failed are
/// those whose failure may pass asked again, with the usual waits.
pub(super) struct Tries<'a> {
    sources: &'a PackageSources,
    sha256: Option<&'a Digest>,
    size: Option<u64>,
    monitor: &'a dyn Monitor,
    patience: Patience,
    /// What failed, in order.
    pub(super) failed: Vec<FetchAttempt>,
    again: Vec<Again>,
}

/// A source that may have recovered.
struct Again {
    source: Source,
    not_before: Instant,
}

/// A source on the network.
#[derive(Clone)]
enum Source {
    /// The pool with this index.
    Pool(usize),
    Url(String),
    /// The pool of the server with this index.
    Server(usize),
}

impl<'a> Tries<'a> {
    pub(super) fn new(
        sources: &'a PackageSources,
        sha256: Option<&'a Digest>,
        size: Option<u64>,
        monitor: &'a dyn Monitor,
    ) -> Self {
        Self {
            sources,
            sha256,
            size,
            monitor,
            patience: Patience::Once,
            failed: Vec::new(),
            again: Vec::new(),
        }
    }

    /// A package that may be at these URLs, and at others that are known for its digest.
    pub(super) fn package(&mut self, urls: &[String]) -> Option<LocalPackage> {
        let Some(sha256) = self.sha256 else {
            return self.urls(urls).or_else(|| self.again());
        };
        self.pools(sha256)
            .or_else(|| self.cache(sha256))
            .or_else(|| self.urls(urls))
            .or_else(|| {
                let further = self.sources.further_urls(sha256, urls, self.monitor);
                self.urls(&further)
            })
            .or_else(|| self.server_pools(sha256))
            .or_else(|| self.again())
    }

    /// A file that only pools have.
    pub(super) fn file(&mut self, sha256: &Digest) -> Option<LocalPackage> {
        self.pools(sha256)
            .or_else(|| self.cache(sha256))
            .or_else(|| self.server_pools(sha256))
            .or_else(|| self.again())
    }

    fn pools(&mut self, sha256: &Digest) -> Option<LocalPackage> {
        (0..self.sources.pools.len()).find_map(|number| self.pool(number, sha256))
    }

    fn pool(&mut self, number: usize, sha256: &Digest) -> Option<LocalPackage> {
        let pool = self.sources.pools.get(number)?;
        let mut problems = Vec::new();
        let downloader = (&self.sources.downloader, self.patience);
        let found = pool.find(sha256, self.size, downloader, &mut problems, self.monitor);
        for problem in &problems {
            // A damaged pool is to be seen to, even if the package is found elsewhere.
            if pool.is_directory() {
                self.monitor.problem(&Problem::new(pool.name(), problem));
            }
            self.add(pool.name(), problem);
            if let PoolError::Download(error) = problem {
                self.remember(Source::Pool(number), error);
            }
        }
        found
    }

    fn cache(&mut self, sha256: &Digest) -> Option<LocalPackage> {
        let cached = self.sources.downloader.cached(sha256);
        cached.unwrap_or_else(|error| {
            self.add("the download cache", &error);
            None
        })
    }

    fn urls(&mut self, urls: &[String]) -> Option<LocalPackage> {
        let mut urls = urls.iter().filter(|url| is_http(url));
        urls.find_map(|url| self.url(url))
    }

    fn url(&mut self, url: &str) -> Option<LocalPackage> {
        match self.download(url, None) {
            Ok(package) => Some(package),
            Err(error) => {
                self.add(without_password(url), &error);
                self.remember(Source::Url(url.to_owned()), &error);
                None
            }
        }
    }

    fn server_pools(&mut self, sha256: &Digest) -> Option<LocalPackage> {
        (0..self.sources.servers.len()).find_map(|number| self.server_pool(number, sha256))
    }

    fn server_pool(&mut self, number: usize, sha256: &Digest) -> Option<LocalPackage> {
        let server = self.sources.servers.get(number)?;
        if server.is_down() {
            return None;
        }
        let url = server.pool_url(sha256);
        match self.download(&url, server.token()) {
            Ok(package) => return Some(package),
            Err(DownloadError::Http(error)) if error.is_not_found() => {}
            Err(error) => {
                self.add(url, &error);
                self.remember(Source::Server(number), &error);
            }
        }
        None
    }

    fn download(&self, url: &str, token: Option<&str>) -> Result<LocalPackage, DownloadError> {
        let request = DownloadRequest {
            url,
            sha256: self.sha256,
            size: self.size,
            token,
            patience: self.patience,
        };
        self.sources.downloader.request(request, self.monitor)
    }

    fn add(&mut self, source: impl Into<String>, error: &(dyn std::error::Error + 'static)) {
        let source = source.into();
        let reason = reason_of(&source, error);
        let trouble = http_cause(error).and_then(HttpError::host_trouble);
        self.failed.push(FetchAttempt {
            source,
            reason,
            trouble,
        });
    }

    /// Puts a source that may recover aside for a second try.
    fn remember(&mut self, source: Source, error: &DownloadError) {
        let http = self.sources.downloader.http();
        if self.patience != Patience::Once || http.options().retries == 0 || !error.is_passing() {
            return;
        }
        let mut not_before = Instant::now();
        if let DownloadError::Http(error) = error {
            not_before += http.wait(0, error);
        }
        self.again.push(Again { source, not_before });
    }

    /// Asks those that may have recovered, in the order of the first time.
    fn again(&mut self) -> Option<LocalPackage> {
        self.patience = Patience::AfterOnce;
        let again = std::mem::take(&mut self.again);
        again.into_iter().find_map(|again| {
            let name = match &again.source {
                Source::Pool(number) => self.sources.pools.get(*number)?.name(),
                Source::Url(url) => without_password(url).into_owned(),
                Source::Server(number) => self.sources.servers.get(*number)?.pool_url(self.sha256?),
            };
            // The second failure takes the place of the first.
            self.failed.retain(|attempt| attempt.source != name);
            thread::sleep(again.not_before.saturating_duration_since(Instant::now()));
            match again.source {
                Source::Pool(number) => self.pool(number, self.sha256?),
                Source::Url(url) => self.url(&url),
                Source::Server(number) => self.server_pool(number, self.sha256?),
            }
        })
    }
}

/// Why a source failed, without its name.
pub(super) fn reason_of(source: &str, error: &(dyn std::error::Error + 'static)) -> String {
    match http_cause(error) {
        Some(error) => error.reason(),
        None => sentence(source, &texts(error)),
    }
}

/// The failed request behind an error, if there is one.
pub(super) fn http_cause<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a HttpError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // Of errors that show another one as their own, that other one is no source.
        if let Some(DownloadError::Http(http)) = error.downcast_ref() {
            return Some(http);
        }
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return Some(http);
        }
        cause = match (error.downcast_ref(), error.downcast_ref()) {
            (Some(PoolError::Download(error)), _) => Some(error),
            (_, Some(HashServerError::Http(error))) => Some(error),
            _ => error.source(),
        };
    }
    None
}
