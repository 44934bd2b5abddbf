//! Downloads into the cache: resumed where they broke off, hashed while they arrive.

use hashget_files::private::open_regular;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;

use super::cache::{Cache, CleanStats, UrlEntry, Validators, hash_file};
use super::download_error::DownloadError;
use super::part::Part;
use super::receive::{Received, Wanted, receive, write_error};
use super::{LocalPackage, Origin};
use crate::http::{Http, HttpError, Patience};
use hashget_files::monitor::{Level, Monitor};
use hashget_files::path_error::PathError;

/// How downloads are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadOptions {
    /// The directory of the cache.
    pub cache_dir: PathBuf,
    /// No download may be larger than this many bytes.
    pub max_bytes: u64,
}

impl DownloadOptions {
    /// Downloads into `cache_dir`, at most 1 TiB each.
    pub fn new(cache_dir: PathBuf) -> Self {
        Self {
            cache_dir,
            max_bytes: 1 << 40,
        }
    }
}

/// What to download, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct DownloadRequest<'a> {
    pub(super) url: &'a str,
    pub(super) sha256: Option<&'a Digest>,
    pub(super) size: Option<u64>,
    /// For a server that wants one.
    pub(super) token: Option<&'a str>,
    pub(super) patience: Patience,
}

/// Downloads packages and keeps them.
///
/// A file that is asked for by digest is taken from the cache whatever URL it came from. One that
/// is asked for by URL alone is taken from the cache only if the server says that it is still the
/// same: the record must be of the file that is at the URL today, not of an earlier one.
#[derive(Debug)]
pub struct Downloader {
    http: Http,
    options: DownloadOptions,
    cache: Cache,
    has_told_cache: AtomicBool,
}

impl Downloader {
    /// Downloads with `http`; the cache directory is made when it is first needed.
    pub fn new(http: Http, options: DownloadOptions) -> Self {
        let cache = Cache::new(options.cache_dir.clone());
        Self {
            http,
            options,
            cache,
            has_told_cache: AtomicBool::new(false),
        }
    }

    /// The HTTP client.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The directory of the cache.
    pub fn cache_dir(&self) -> &Path {
        self.cache.dir()
    }

    /// The file at `url`, from the cache or downloaded, checked against the digest and size
    /// where they are known.
    pub fn download(
        &self,
        url: &str,
        sha256: Option<&Digest>,
        size: Option<u64>,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, DownloadError> {
        let request = DownloadRequest {
            url,
            sha256,
            size,
            token: None,
            patience: Patience::Retries,
        };
        self.request(request, monitor)
    }

    pub(super) fn request(
        &self,
        request: DownloadRequest<'_>,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, DownloadError> {
        let DownloadRequest { url, sha256, .. } = request;
        if !is_http(url) {
            let url = url.to_owned();
            return Err(DownloadError::NotDownloadable { url });
        }
        let known = match sha256 {
            Some(sha256) => match self.cached(sha256) {
                Ok(Some(package)) => return Ok(package),
                // What cannot be read is replaced by what is downloaded.
                Ok(None) | Err(_) => None,
            },
            None => match self.cached_by_url(url).unwrap_or_default() {
                // Bytes without a validator cannot be compared with the server's.
                Some((entry, _)) if entry.validators == Validators::default() => None,
                known => known,
            },
        };
        let (entry, cached) = known.unzip();
        let wanted = Wanted {
            url,
            sha256,
            size: request.size,
            token: request.token,
            max_bytes: self.options.max_bytes,
            known: entry.as_ref().map(|entry| &entry.validators),
        };
        self.fetch(wanted, request.patience, cached, monitor)
    }

    /// Downloads into the part of the URL; `cached` is the file that may still be good.
    fn fetch(
        &self,
        wanted: Wanted<'_>,
        patience: Patience,
        cached: Option<LocalPackage>,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, DownloadError> {
        self.http.hosts().check(wanted.url, patience)?;
        let mut part = Part::open(&self.cache, wanted.url).map_err(cache_error("write"))?;
        if let Some(error) = part.outside() {
            self.tell_unusable_cache(part.path(), error, monitor);
        }
        let received = self.receive_all(wanted, patience, &mut part, monitor);
        let failed = match &received {
            Err(DownloadError::Http(error)) => Some(error),
            _ => None,
        };
        self.http.hosts().note(wanted.url, patience, failed);
        match (received, cached) {
            (Ok(Received::Whole), _) => self.keep(wanted.url, part),
            (Ok(Received::NotModified), Some(package)) => {
                drop_part(part)?;
                Ok(package)
            }
            (Ok(Received::NotModified), None) => {
                drop_part(part)?;
                Err(DownloadError::Http(HttpError::Status {
                    method: "GET",
                    url: wanted.url.to_owned(),
                    proxy: None,
                    status: 304,
                    code: None,
                    message: None,
                    retry_after: None,
                }))
            }
            (Err(error), _) => {
                let path = part.path().to_owned();
                // What is worth nothing, or fills a disk, goes; the rest waits for the next run.
                let left = match &error {
                    DownloadError::Http(error) if error.is_unavailable() => part.leave(),
                    _ => part.discard(),
                };
                left.map_err(|error| cache_error("delete")((path, error)))?;
                Err(error)
            }
        }
    }

    /// Says, once, that downloads are not kept.
    fn tell_unusable_cache(&self, path: &Path, error: &io::Error, monitor: &dyn Monitor) {
        if !self.has_told_cache.swap(true, Ordering::Relaxed) {
            let text = format!(
                "cannot write {} ({error}): what is downloaded goes to temporary files, and is not kept",
                path.display()
            );
            monitor.message(Level::Warning, &text);
        }
    }

    /// Sends requests until the part is whole. Requests that brought something do not count.
    fn receive_all(
        &self,
        wanted: Wanted<'_>,
        patience: Patience,
        part: &mut Part,
        monitor: &dyn Monitor,
    ) -> Result<Received, DownloadError> {
        let retries = self.http.options().retries;
        let (mut failures, bound) = match patience {
            Patience::Once => (0, 0),
            Patience::Retries => (0, retries),
            Patience::AfterOnce => (1, retries),
        };
        let mut has_restarted = false;
        loop {
            let before = part.bytes();
            let error = match receive(&self.http, wanted, part, monitor) {
                Err(DownloadError::WrongBytes { .. }) if part.is_resumed && !has_restarted => {
                    // The two halves may be of different files.
                    has_restarted = true;
                    part.restart().map_err(write_error(part))?;
                    continue;
                }
                Err(DownloadError::Http(error)) if error.is_unavailable() => error,
                received => return received,
            };
            if part.bytes() >= before.saturating_add(PROGRESS_BYTES) {
                failures = 0;
            } else if failures >= bound {
                return Err(error.into());
            }
            if self.http.hosts().note_try(wanted.url, patience, &error) {
                return Err(error.into());
            }
            self.http.wait_before_retry(failures, &error);
            failures += 1;
            part.is_resumed = part.bytes() > 0;
        }
    }

    /// Puts a whole part into the cache.
    fn keep(&self, url: &str, part: Part) -> Result<LocalPackage, DownloadError> {
        let entry = UrlEntry {
            url: url.to_owned(),
            sha256: part.digest(),
            size: part.bytes(),
            validators: part.info.validators.clone(),
        };
        let path = self.cache.content_path(&entry.sha256);
        let failed = |source: io::Error| PathError::on("write", &path)(source);
        let is_kept = part.outside().is_none();
        let file = part.finish(&path).map_err(failed)?;
        if is_kept {
            self.cache.save_url_entry(&entry).map_err(failed)?;
        }
        Ok(LocalPackage {
            file,
            path,
            sha256: entry.sha256,
            size: entry.size,
            origin: Origin::Downloaded(entry.url),
        })
    }

    /// The file with this digest, if the cache has it; its bytes are checked. A damaged one is
    /// deleted.
    pub fn cached(&self, sha256: &Digest) -> Result<Option<LocalPackage>, DownloadError> {
        let path = self.cache.content_path(sha256);
        let failed = |action| cache_error(action);
        let mut file = match open_regular(&path) {
            Err(error) if is_absent(&error) => return Ok(None),
            file => file.map_err(|error| failed("read")((path.clone(), error)))?,
        };
        let (digest, size) =
            hash_file(&mut file).map_err(|error| failed("read")((path.clone(), error)))?;
        if digest != *sha256 {
            fs::remove_file(&path).map_err(|error| failed("delete")((path.clone(), error)))?;
            return Ok(None);
        }
        Ok(Some(LocalPackage {
            file,
            path,
            sha256: digest,
            size,
            origin: Origin::Cache,
        }))
    }

    /// Whether the cache has a file with this digest, unchecked; its size in bytes.
    pub fn cached_size(&self, sha256: &Digest) -> Option<u64> {
        let metadata = fs::metadata(self.cache.content_path(sha256)).ok()?;
        Some(metadata.len())
    }

    fn cached_by_url(&self, url: &str) -> Result<Option<(UrlEntry, LocalPackage)>, DownloadError> {
        let Some(entry) = self.cache.url_entry(url) else {
            return Ok(None);
        };
        let package = self.cached(&entry.sha256)?;
        Ok(package.map(|package| (entry, package)))
    }

    /// Deletes everything that is cached, by the original too.
    pub fn clean(&self) -> Result<CleanStats, DownloadError> {
        self.cache.clean().map_err(cache_error("delete"))
    }
}

/// Whether there is no such file, or no such directory because a file is in its place.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    [NotFound, NotADirectory].contains(&error.kind())
}

/// A request that brought as much was not in vain.
const PROGRESS_BYTES: u64 = 64 << 10;

fn drop_part(part: Part) -> Result<(), DownloadError> {
    let path = part.path().to_owned();
    part.discard()
        .map_err(|error| cache_error("delete")((path, error)))
}

fn cache_error(action: &'static str) -> impl FnOnce((PathBuf, io::Error)) -> DownloadError {
    move |(path, source)| PathError::on(action, path)(source).into()
}
